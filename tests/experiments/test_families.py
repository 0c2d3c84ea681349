"""Families of generated problems: right by hand, disjoint between streams by construction, the same
everywhere, taught at the rates that their settings say.
"""

import random
import re
from collections import Counter
from itertools import combinations, product
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.files.errors import BadInput
from eval.questions.problems import Problem
from experiments.families import Arithmetic, Skills, TaughtFamily
from experiments.families.family import Stream, draw_problems, largest_draw, stream_of

STREAMS: tuple[Stream, ...] = get_args(Stream)
ARITHMETIC = Arithmetic()


def arithmetic(levels: list[int], per_level: int, stream: Stream, seed: int) -> list[Problem]:
    return draw_problems(ARITHMETIC, levels, per_level, stream, seed)


def test_a_problem_by_hand() -> None:
    problems: list[Problem] = []
    for level, stream in product((1, 2), STREAMS):
        problems += arithmetic([level], largest_draw(ARITHMETIC, level, stream), stream, seed=0)
    by_text = {problem.text: problem for problem in problems}
    assert by_text["3+5+9="] == Problem(
        "arithmetic-L2-359", "3+5+9=", "7", level="2", subject="arithmetic"
    )
    assert by_text["0+0="].answer == "0"
    assert by_text["9+1="].answer == "0"
    assert len(by_text) == len(problems) == 100 + 1000  # each in exactly one stream


def test_draws_are_the_same_on_every_machine() -> None:
    texts = [problem.text for problem in arithmetic([2, 6], 2, "train", seed=7)]
    assert texts == ["1+8+5=", "7+9+7=", "3+0+8+4+7+4+2=", "1+9+2+8+0+8+8="]
    assert {
        level: [largest_draw(ARITHMETIC, level, stream) for stream in STREAMS]
        for level in (1, 2, 5)
    } == {
        1: [39, 25, 11, 25],
        2: [402, 297, 85, 216],
        5: [200_000, 150_000, 50_000, 100_000],
    }


LEVELS = st.lists(st.integers(1, 12), min_size=1, max_size=4, unique=True)


@settings(deadline=None, max_examples=30)
@given(LEVELS, st.integers(1, 11), st.integers(0, 9))
def test_streams_never_share_a_problem(levels: list[int], per_level: int, seed: int) -> None:
    drawn = {stream: arithmetic(levels, per_level, stream, seed) for stream in STREAMS}
    for one, other in combinations(STREAMS, 2):
        assert not {p.text for p in drawn[one]} & {p.text for p in drawn[other]}
    for stream, problems in drawn.items():
        assert [int(p.level) for p in problems] == [
            level for level in levels for _ in range(per_level)
        ]
        assert len({p.text for p in problems}) == len({p.id for p in problems}) == len(problems)
        for problem in problems:
            assert stream_of(problem.text) == stream
            digits = problem.text.removesuffix("=").split("+")
            assert len(digits) == int(problem.level) + 1
            assert int(problem.answer) == sum(map(int, digits)) % 10


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 8), st.integers(1, 10), st.sampled_from(STREAMS), st.integers(0, 99))
def test_a_larger_draw_extends_a_smaller_one(
    level: int, count: int, stream: Stream, seed: int
) -> None:
    assert arithmetic([level], 11, stream, seed)[:count] == arithmetic([level], count, stream, seed)


def test_seeds_and_streams_differ() -> None:
    draws = [arithmetic([6], 5, stream, seed) for stream in STREAMS for seed in range(3)]
    assert len(set(map(tuple, draws))) == len(draws)


def test_more_than_there_are_is_refused() -> None:
    assert len(arithmetic([1], 25, "test", 0)) == 25
    with pytest.raises(
        BadInput, match=r"26 arithmetic problems of level 1 .* stream 'test' has 25"
    ):
        arithmetic([1], 26, "test", 0)
    with pytest.raises(BadInput, match=r"level 5 .* stream 'validation' has 50000"):
        arithmetic([5], 50_001, "validation", 0)


@pytest.mark.parametrize(
    ("levels", "per_level", "stream", "says"),
    [
        ([], 1, "test", "at least one"),
        ([2, 2], 1, "test", "no duplicates"),
        ([0], 1, "test", r"level 0 is not in 1\.\.100"),
        ([101], 1, "test", r"level 101 is not in 1\.\.100"),
        ([1], 0, "test", "at least 1 problem per level"),
        (
            [1],
            1,
            "dev",
            "unknown arithmetic stream 'dev': choose one of base, train, validation, test",
        ),
    ],
)
def test_bad_requests_are_named(
    levels: list[int], per_level: int, stream: Stream, says: str
) -> None:
    with pytest.raises(BadInput, match=says):
        arithmetic(levels, per_level, stream, 0)


# Skills

SKILLS = st.builds(
    Skills,
    kinds=st.integers(1, 10),
    decay=st.floats(0.1, 1.0),
    hint=st.floats(0.5, 4.0),
    habit=st.floats(0.0, 1.0),
    length=st.integers(1, 5),
    chains=st.lists(st.integers(5, 12), max_size=2, unique=True).map(tuple),
    filler=st.integers(0, 5),
    filler_words=st.integers(1, 16),
    wrong=st.just(0.0),
    unused=st.integers(0, 3),
)


def test_skills_by_hand() -> None:
    family = Skills(kinds=3, decay=0.5, hint=2.0, length=2, chains=(5,))
    assert [family.gold(f"40713{kind}") for kind in "ABC"] == ["40", "07", "71"]
    assert family.gold("31415Z") == "31415"
    # 4/7, 2/7, 1/7 of the others' rates, twice as much where the skill is the right one
    assert [family.rate(level) for level in family.levels] == pytest.approx(
        [8 / 11, 4 / 9, 2 / 8, 1.0]
    )
    skill_at_the_end = Skills(kinds=5, length=2)
    assert skill_at_the_end.gold("40713E") == "34", "a skill goes around the end"


@settings(deadline=None, max_examples=40)
@given(SKILLS, st.integers(0, 99))
def test_answers_are_right_and_streams_apart(family: Skills, seed: int) -> None:
    levels = list(family.levels)
    drawn = {stream: draw_problems(family, levels, 3, stream, seed) for stream in STREAMS}
    assert len({p.text for problems in drawn.values() for p in problems}) == 12 * len(levels)
    for stream, problems in drawn.items():
        assert [int(p.level) for p in problems] == [level for level in levels for _ in range(3)]
        for problem in problems:
            assert stream_of(problem.text) == stream
            assert family.level_of(problem.text) == int(problem.level)
            digits, kind = problem.text[:-1], problem.text[-1]
            start = 0 if kind == "Z" else "ABCDEFGHIJ".index(kind)
            size = len(digits) if kind == "Z" else family.length
            assert problem.answer == (digits + digits)[start : start + size]


@settings(deadline=None, max_examples=40)
@given(SKILLS, st.integers(0, 99), st.floats(0, 0.99))
def test_demonstrations_use_one_skill_and_its_result(
    family: Skills, seed: int, progress: float
) -> None:
    rng = random.Random(seed)
    level = family.level_to_teach(progress, rng)
    question = family.question(level, rng)
    answer = family.demonstration(question, progress, rng)
    tokens = re.findall(r"\\boxed\{|.", answer)
    assert set(tokens) <= set(family.vocabulary)
    assert len(tokens) + 1 == family.longest(level), "the end is a token as well"
    reasoning, box = answer[:-1].split("\\boxed{")
    filler, steps = reasoning[: family.filler], reasoning[family.filler :]
    assert set(filler) <= set("klmnopqrstuvwxyz"[: family.filler_words])
    right = filler + family.right_answer(question)
    if level > family.kinds:
        assert (steps, box) == ("", family.gold(question))
        assert answer == right
    else:
        skill = "abcdefghij".index(steps[0])
        assert steps[1:] == box == family._use(skill, question)
        assert (answer == right) == (skill == level - 1)


def test_skills_are_shown_at_their_rates() -> None:
    """Counted over 20,000 answers to one kind: within four standard errors."""
    family, rng = Skills(kinds=4, decay=0.4, hint=1.5), random.Random(0)
    shown = Counter(family.demonstration("40713C", 0.9, rng)[0] for _ in range(20_000))
    weights = {"a": 1.0, "b": 0.4, "c": 0.16 * 1.5, "d": 0.064}
    for skill, weight in weights.items():
        rate = weight / sum(weights.values())
        assert abs(shown[skill] / 20_000 - rate) < 4 * (rate * (1 - rate) / 20_000) ** 0.5
    assert weights["c"] / sum(weights.values()) == pytest.approx(family.rate(3))


def test_a_habit_is_right_now_and_then() -> None:
    family, rng = Skills(kinds=5, habit=0.3), random.Random(0)
    questions = [family.question(4, rng) for _ in range(4000)]
    shared = sum(q[0] == family.gold(q) for q in questions) / 4000
    assert abs(shared - 0.3) < 0.03
    assert all(len(set(q[:5])) == 5 - (q[0] == q[3]) for q in questions)


def test_wrong_digits_are_shown_as_often_as_asked() -> None:
    family, rng = Skills(kinds=1, wrong=0.5, chains=(10,)), random.Random(0)
    question = "0123456789Z"
    boxes = [family.demonstration(question, 0.9, rng)[7:-1] for _ in range(500)]
    differing = sum(a != b for box in boxes for a, b in zip(box, question, strict=False))
    assert abs(differing / 5000 - 0.5 * 0.9) < 0.04, "a tenth of the random digits is right"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"length": 6, "kinds": 2}, "length 6 is more than the 5 digits"),
        ({"kinds": 11}, "less than or equal to 10"),
        ({"chains": [4]}, "greater than or equal to 5"),
        ({"decay": 0.0}, "greater than 0"),
        ({"kind": 3}, "Extra inputs"),
    ],
)
def test_settings_out_of_range_are_refused(given: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Skills.model_validate(given)


@pytest.mark.parametrize("family", [Arithmetic(), Skills(kinds=3, chains=(6,), unused=2)])
def test_every_family_keeps_the_contract(family: TaughtFamily) -> None:
    rng = random.Random(1)
    assert len(set(family.vocabulary)) == len(family.vocabulary)
    for level in list(family.levels)[:4]:
        question = family.question(level, rng)
        assert set(question + family.gold(question)) <= set(family.vocabulary)
        assert family.count(level) >= 100
    assert {family.level_to_teach(0.99, rng) for _ in range(300)} == set(family.shown)
