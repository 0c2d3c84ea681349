"""Verdicts: what is accepted, what is refused, the same for every order, batch and number of
workers.
"""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eval.files.errors import BadInput
from eval.verify.comparing.compare import compare
from eval.verify.outcome import Outcome
from eval.verify.spelling.normalise import clean
from eval.verify.verifier import VERIFIER_VERSION, Verdict, Verifier
from tests.verify.verdicts import (
    NOT_TOLERATED,
    REPAIRED_RIGHT,
    REPAIRED_WRONG,
    RIGHT,
    TOLERATED,
    WRONG,
)


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier(workers=2, limit_s=20) as shared:
        yield shared


def boxed(answer: str) -> str:
    return rf"Some thought, $x = 3$, then \boxed{{{answer}}}."


def judge(verifier: Verifier, pairs: list[tuple[str, str]]) -> list[Verdict]:
    return verifier.verify([boxed(answer) for _, answer in pairs], [gold for gold, _ in pairs])


def misjudged(
    verifier: Verifier, pairs: list[tuple[str, str]], expected: bool
) -> list[tuple[str, str]]:
    verdicts = judge(verifier, pairs)
    assert all(verdict.status in ("ok", "unparsed") for verdict in verdicts)
    return [
        pair for pair, verdict in zip(pairs, verdicts, strict=True) if verdict.correct != expected
    ]


def test_right_answers_are_accepted(verifier: Verifier) -> None:
    assert misjudged(verifier, RIGHT + REPAIRED_RIGHT, True) == []


def test_wrong_answers_are_refused(verifier: Verifier) -> None:
    assert misjudged(verifier, WRONG + REPAIRED_WRONG, False) == []


def test_math_verify_alone_judges_the_repaired_ones_the_other_way_round() -> None:
    from math_verify import parse, verify

    def alone(gold: str, answer: str) -> bool:
        return verify(parse(rf"\boxed{{{gold}}}"), parse(rf"so \boxed{{{answer}}}."))

    assert [pair for pair in REPAIRED_RIGHT if alone(*pair)] == []
    assert [pair for pair in REPAIRED_WRONG if not alone(*pair)] == []


def test_documented_verdicts_of_math_verify_stand(verifier: Verifier) -> None:
    assert misjudged(verifier, TOLERATED, True) == []
    assert misjudged(verifier, NOT_TOLERATED, False) == []


def test_only_the_box_counts(verifier: Verifier) -> None:
    none = Verdict(False, None, "unparsed", False)
    completions = [
        r"so $x=3$. the answer is \boxed{2",
        "3",
        "$3$",
        "",
        r"\boxed{3}, \boxed{4}",
        r"\boxed{}",
    ]
    assert verifier.verify(completions, ["3"] * len(completions)) == [none] * len(completions)
    assert verifier.verify([r"$x=3$, so \boxed{2}"], ["3"]) == [Verdict(False, "2", "ok", False)]


def test_a_gold_is_wrapped_once(verifier: Verifier) -> None:
    golds = [r"\frac{1}{2}", r"$\frac{1}{2}$", r"\boxed{\frac{1}{2}}", r"\(\frac{1}{2}\)"]
    assert all(
        verdict.correct and verdict.strict
        for verdict in judge(verifier, [(g, r"\frac{1}{2}") for g in golds])
    )
    cut_short = [(r"3\sqrt{13}", "3"), ("6 - 5i", "5"), (r"\left( 3, \frac{\pi}{2} \right)", "3")]
    assert misjudged(verifier, cut_short, False) == []


def test_the_strict_verdict_is_a_second_opinion(verifier: Verifier) -> None:
    half, same, integer = judge(
        verifier, [(r"\frac{1}{2}", "0.5"), (r"\frac{1}{2}", r"\dfrac{1}{2}"), ("025", "25")]
    )
    assert half == Verdict(True, "0.5", "ok", False)
    assert (same.correct, same.strict) == (integer.correct, integer.strict) == (True, True)


def test_unreadable_answers_are_said_to_be(verifier: Verifier) -> None:
    answers = [
        "9" * 1_000_000,
        "{" * 40 + "}" * 40,
        "(" * 1000,
        "?",
        "???",
        r"\frac{3}",
        "\x00",
        "\ud800",
        "12 13",
    ]
    assert {
        verdict.status for verdict in judge(verifier, [("3", answer) for answer in answers])
    } == {"unparsed"}


INTEGERS = [
    "0",
    "-0",
    "7",
    "-7",
    "007",
    "+7",
    "7.0",
    "7.00",
    "1234",
    "1,234",
    "1{,}234",
    r"1,\!234",
    "1234.0",
]
INTEGERS.extend(
    [r"7^\circ", r"7^{\circ}", r"\$7", "12", "21", "123456789012345678901", "123456789012345678902"]
)


def test_the_exact_rules_agree_with_math_verify(verifier: Verifier) -> None:
    from eval.verify.comparing.equality import same_mathematics

    answers = [*INTEGERS, r"\frac{14}{2}", "-7/1", r"7 \cdot 10^{0}", "0.07", r"\frac{7}{100}"]
    pairs = [(gold, answer) for gold in answers for answer in answers]
    theirs = [same_mathematics(clean(gold), clean(answer)) for gold, answer in pairs]
    ours = [(verdict.correct, verdict.status) for verdict in judge(verifier, pairs)]
    assert [
        pair for pair, one, other in zip(pairs, ours, theirs, strict=True) if one != other
    ] == []


def test_two_stage_parsing_changes_no_expression() -> None:
    from latex2sympy2_extended.latex2sympy2 import latex2sympy

    from eval.verify.comparing.latex_parser import two_stage

    pairs = RIGHT + WRONG + REPAIRED_RIGHT + TOLERATED
    answers = sorted({clean(answer) for pair in pairs for answer in pair})
    answers += [
        r"\frac{3}",
        r"x \in",
        "((1)",
        r"x^2 - 5x + 9",
        r"\sqrt{\frac{95}{24}}",
        r"\{1\pm\sqrt{5},-2\}",
    ]
    for answer in answers:
        try:
            expected = latex2sympy(answer, is_real=True, normalization_config=None)
        except Exception as error:
            with pytest.raises(type(error)):
                two_stage(answer, True, False, None)
        else:
            found = two_stage(answer, True, False, None)
            assert (type(found), str(found)) == (type(expected), str(expected))


def test_exact_rules_start_no_worker_and_import_no_computer_algebra() -> None:
    program = r"""
import sys
from eval.verify.verifier import Verifier
verifier = Verifier()
verifier.check_golds(["1,234", r"\frac{1}{2}", r"\text{east}"])
completions = [r"\boxed{027.0}", r"\boxed{28}", r"\boxed{0.5}", r"\boxed{East}", r"\boxed{(1, 2)}"]
golds = ["27", "27", r"\frac{1}{2}", r"\text{east}", r"\left(1,2\right)"]
verdicts = verifier.verify(completions, golds)
assert [verdict.correct for verdict in verdicts] == [True, False, True, True, True]
assert verifier.equivalent(["27", "27.0", None]) == [0, 0, -1]
assert verifier.pids() == []
print(sorted({"sympy", "math_verify", "torch", "numpy"} & set(sys.modules)))
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"


def test_verdicts_do_not_depend_on_order_batch_or_workers(verifier: Verifier) -> None:
    pairs = RIGHT + WRONG + REPAIRED_WRONG
    expected = dict(zip(pairs, judge(verifier, pairs), strict=True))
    shuffled = random.Random(0).sample(pairs, len(pairs)) * 2
    with Verifier(workers=1, limit_s=20) as alone:
        batches = [
            judge(alone, shuffled[start : start + 17]) for start in range(0, len(shuffled), 17)
        ]
    assert [verdict for batch in batches for verdict in batch] == [
        expected[pair] for pair in shuffled
    ]


def test_a_known_pair_is_not_verified_again() -> None:
    pairs = [("x^2+3x+2", answer) for answer in ("(x+1)(x+2)", "$(x+1)(x+2)$", "(x+1)(x-2)")]
    with Verifier(workers=1) as verifier:
        first = judge(verifier, pairs)
        verifier.close()
        assert judge(verifier, pairs) == first
        assert verifier.pids() == []  # no worker was needed again


def test_the_cache_is_bounded() -> None:
    pairs = [(f"x^2-{number**2}", f"(x-{number})(x+{number})") for number in (2, 7, 8, 9)]
    with Verifier(workers=1, cached=2) as verifier:
        assert all(verdict.correct for verdict in judge(verifier, pairs))
        verifier.close()
        judge(verifier, pairs[-2:])
        assert verifier.pids() == []
        judge(verifier, pairs[:1])
        assert verifier.pids() != []


def test_classes_of_equivalent_answers(verifier: Verifier) -> None:
    answers = [
        r"\frac{1}{2}",
        "3",
        None,
        "0.5",
        "3.0",
        r"\text{east}",
        r"\frac{2}{4}",
        "?",
        "x+1",
        "1+x",
        r"\text{East}",
    ]
    assert verifier.equivalent(answers) == [0, 1, -1, 0, 1, 2, 0, -1, 3, 3, 2]
    assert verifier.equivalent([]) == []


@pytest.mark.parametrize("pair", [("1011", "1011_2"), ("1,2", "(2,1)")])
def test_a_class_needs_answers_that_accept_each_other(
    pair: tuple[str, str], verifier: Verifier
) -> None:
    """Each pair is right one way round only: the shorter as gold in the first, as answer in the
    second.
    """
    there, back = judge(verifier, [pair, (pair[1], pair[0])])
    assert there.correct != back.correct
    assert verifier.equivalent(pair) == [0, 1]


@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.permutations(
        ["50", r"50\%", "0.5", r"\frac{1}{2}", "5", "y=5", "x=5", "1,2", "(1,2)", "0.50"]
    )
)
def test_classes_do_not_depend_on_order(verifier: Verifier, answers: list[str]) -> None:
    def partition(given: list[str]) -> set[frozenset[str]]:
        classes = verifier.equivalent(given)
        return {
            frozenset(a for a, c in zip(given, classes, strict=True) if c == which)
            for which in set(classes)
        }

    assert partition(answers) == partition(sorted(answers)) == partition(answers * 3)


BENCHMARKS = [
    "math_500",
    "aime_2024",
    "aime_2025",
    "aime_2026",
    "amc_2023",
    "hmmt_feb_2025",
    "minerva_math",
]
BENCHMARKS.extend(["olympiadbench", "gsm8k_test"])


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_gold_is_accepted_and_a_wrong_answer_refused(
    name: str, verifier: Verifier, benchmark_data: Path
) -> None:
    lines = (benchmark_data / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    golds = [json.loads(line)["answer"] for line in lines]
    verifier.check_golds(golds)
    own = judge(verifier, [(gold, gold) for gold in golds])
    assert [
        gold
        for gold, verdict in zip(golds, own, strict=True)
        if not (verdict.correct and verdict.strict)
    ] == []
    assert misjudged(verifier, [(gold, "7919") for gold in golds], False) == []


@pytest.mark.parametrize("gold", ["", " ", "$$", "12 13", "x" * 3000, "{" * 20 + "1" + "}" * 20])
def test_a_gold_that_cannot_be_read_is_bad_input(gold: str, verifier: Verifier) -> None:
    with pytest.raises(
        BadInput,
        match=r"^gold answer .* (cannot be read|is not verified as equal to itself|cannot be compared)",
    ):
        verifier.check_golds(["7", gold])


def test_the_version_names_what_decides() -> None:
    assert "math-verify 0.9" in VERIFIER_VERSION
    assert "sympy 1." in VERIFIER_VERSION


def test_bad_settings_and_ragged_batches_are_refused(verifier: Verifier) -> None:
    for workers, limit_s, memory_mb in (
        (0, 5.0, 1024),
        (1, 0.0, 1024),
        (1, float("nan"), 1024),
        (1, 5.0, 10),
    ):
        with pytest.raises(BadInput, match="verifier"):
            Verifier(workers, limit_s, memory_mb)
    with pytest.raises(ValueError, match="zip"):
        verifier.verify([boxed("7"), boxed("8")], ["7"])


LATEX = st.lists(
    st.sampled_from(
        [
            r"\frac",
            r"\sqrt",
            r"\text",
            r"\left(",
            r"\right)",
            r"\le",
            r"\pm",
            r"\cup",
            r"\infty",
            r"\in",
            r"\%",
        ]
    )
    | st.sampled_from(list("0123456789xyei+-*/=<>^_{}()[],.;:!|&$ \\'\"\x00\ud800é∑٣")),
    max_size=12,
).map("".join)


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(LATEX, LATEX), max_size=6))
def test_any_text_gets_a_verdict(verifier: Verifier, pairs: list[tuple[str, str]]) -> None:
    for verdict in judge(verifier, pairs) + judge(
        verifier, [(answer, gold) for gold, answer in pairs]
    ):
        assert verdict.status in ("ok", "unparsed", "timeout", "error")
        assert not verdict.correct or (verdict.status == "ok" and verdict.answer)
    classes = verifier.equivalent([answer for _, answer in pairs])
    assert len(classes) == len(pairs)
    assert set(classes) - {-1} == set(range(max(classes, default=-1) + 1))


@pytest.mark.parametrize(("gold", "answer"), [(r"5\text{", r"6\text{"), (r"\text{ a", r"\text{ b")])
def test_a_group_that_is_never_closed_ends_the_comparison(gold: str, answer: str) -> None:
    """It was compared with itself without end."""
    assert not compare(gold, answer, lambda *_: Outcome(False, "ok")).correct
