r"""Throughput and faults of the verifier, against math-verify called on whole completions in a plain loop.

    python -m tests.speed.verification [--completions 10000] [--golds FILE.jsonl ...] > table.md

Completions are synthetic: worked text of about 1,500 characters with mathematics in it, then a box. Each
problem has 64 of them, with a success rate drawn from Beta(0.6, 0.9) and wrong answers from a Zipf law over
twelve slips, which leaves about ten distinct answers per problem. Golds are made here, or read from the
`answer` field of JSON lines. Both contenders first judge other completions, so that neither pays for its
start inside the measurement; the verifier's start is printed by itself.
"""

import argparse
import json
import logging
import random
import time
from collections.abc import Callable
from pathlib import Path

from eval.verify.spelling.normal_form import integer
from eval.verify.spelling.normalise import clean
from eval.verify.verifier import VERIFIER_VERSION, Verifier
from tests.support.hostile import PATHOLOGICAL

SAMPLES = 64  # per problem
TURN = 16  # problems judged by one contender before the other has its turn
LIMIT_S = 5.0
STEP = (
    r"Let $x_{%d} = \frac{%d}{%d}$, so that $x_{%d}^2 + %d = 0$ has no real root and we may go on. "
)

Answer = Callable[[int], str]  # the right one at 0, slips at 1, 2, ...


def integer_problem(rng: random.Random) -> Answer:
    value = rng.randint(0, 999)
    return lambda slip: str(value + slip)


def latex_problem(rng: random.Random) -> Answer:
    a, b, c = rng.randint(2, 40), rng.choice([2, 3, 5, 7, 11]), rng.randint(2, 30)
    forms: list[Answer] = [
        lambda slip: rf"\frac{{{a + slip}}}{{{b}}}",
        lambda slip: rf"{a + slip}\sqrt{{{b}}}",
        lambda slip: rf"\frac{{{a}\pi}}{{{c + slip}}}",
        lambda slip: rf"\left[{a + slip}, {a + c + 12}\right)",
        lambda slip: rf"x^2 - {a + slip}x + {c}",
        lambda slip: rf"({a}, {c + slip})",
    ]
    return rng.choice(forms)


def parsed_problem(rng: random.Random) -> Answer:
    """Answers that no exact rule reads: each distinct one is parsed."""
    a, b = rng.randint(2, 40), rng.choice([2, 3, 5, 7, 11])
    forms: list[Answer] = [
        lambda slip: rf"(x + {a + slip})(x - {b})",
        lambda slip: rf"\frac{{{a + slip}}}{{x + {b}}}",
        lambda slip: rf"\log_{{{b}}} {a + slip}",
        lambda slip: rf"{a + slip} e^{{-{b} t}}",
        lambda slip: rf"\sqrt[3]{{{a + slip}}} + {b}",
        lambda slip: rf"\frac{{{a + slip} + \sqrt{{{b}}}}}{{\sin x}}",
    ]
    return rng.choice(forms)


def given_problem(gold: str) -> Answer:
    number = integer(clean(gold))
    if number is not None:
        return lambda slip: str(int(number) + slip)
    return lambda slip: rf"{gold} + {slip}" if slip else gold


def completions_of(problems: list[Answer], rng: random.Random) -> tuple[list[str], list[str]]:
    """(completions, golds), SAMPLES for each problem."""
    completions, golds = [], []
    for answer in problems:
        success = rng.betavariate(0.6, 0.9)
        slips = rng.choices(range(1, 13), weights=[1 / rank for rank in range(1, 13)], k=SAMPLES)
        for slip in slips:
            steps = "".join(STEP % tuple(rng.randint(2, 99) for _ in range(5)) for _ in range(16))
            found = answer(0 if rng.random() < success else slip)
            completions.append(rf"{steps}The answer is $\boxed{{{found}}}$.")
            golds.append(answer(0))
    return completions, golds


def plain_loop(completions: list[str], golds: list[str]) -> list[bool]:
    from math_verify import parse, verify

    return [
        verify(parse(rf"\boxed{{{gold}}}"), parse(text))
        for text, gold in zip(completions, golds, strict=True)
    ]


def warmed(verifier: Verifier) -> float:
    """Seconds until the workers have started and both contenders have judged something."""
    rng = random.Random(3)
    completions, golds = completions_of([latex_problem(rng) for _ in range(30)], rng)
    started = time.perf_counter()
    verifier.verify([r"\boxed{(x-1)(x+1)}"], ["x^2-1"])
    seconds = time.perf_counter() - started
    verifier.verify(completions, golds)
    plain_loop(completions[:200], golds[:200])
    return seconds


def measure(name: str, problems: list[Answer], verifier: Verifier) -> str:
    """A row of the table. The contenders take turns, so that other load on the machine falls on
    both.
    """
    rng = random.Random(1)
    seconds = [0.0, 0.0]
    count = differ = distinct = 0
    for start in range(0, len(problems), TURN):
        completions, golds = completions_of(problems[start : start + TURN], rng)
        started = time.perf_counter()
        ours = verifier.verify(completions, golds)
        between = time.perf_counter()
        theirs = plain_loop(completions, golds)
        seconds = [seconds[0] + between - started, seconds[1] + time.perf_counter() - between]
        count += len(ours)
        differ += sum(verdict.correct != other for verdict, other in zip(ours, theirs, strict=True))
        distinct += len({(gold, verdict.answer) for gold, verdict in zip(golds, ours, strict=True)})
    cells = [
        name,
        f"{count:,}",
        f"{distinct:,}",
        f"{count / seconds[1]:,.0f}",
        f"{count / seconds[0]:,.0f}",
    ]
    return f"| {' | '.join([*cells, f'{seconds[1] / seconds[0]:.1f}', str(differ)])} |"


def throughput(problems: int, files: list[Path]) -> None:
    rng = random.Random(0)
    mixed = [
        integer_problem(rng) if place % 5 < 3 else latex_problem(rng) for place in range(problems)
    ]
    sets = {
        "3 in 5 integers, the rest LaTeX": mixed,
        "integers": [integer_problem(rng) for _ in range(problems)],
        "LaTeX": [latex_problem(rng) for _ in range(problems)],
        "LaTeX that no exact rule reads": [parsed_problem(rng) for _ in range(problems)],
    }
    for file in files:
        answers = [
            json.loads(line)["answer"] for line in file.read_text(encoding="utf-8").splitlines()
        ]
        sets[file.stem] = [
            given_problem(gold) for gold in rng.sample(answers, min(problems, len(answers)))
        ]
    with Verifier(workers=2, limit_s=LIMIT_S) as verifier:
        print(f"Start of the first worker: {warmed(verifier):.1f} s.\n")
        print(
            "| golds | completions | distinct pairs | plain loop, 1/s | verifier, 1/s | ratio |"
            " differ |"
        )
        print("|---|---|---|---|---|---|---|")
        for name, chosen in sets.items():
            print(measure(name, chosen, verifier), flush=True)


def faults() -> None:
    """1,000 completions with ten pathological answers among them."""
    rng = random.Random(2)
    completions, golds = completions_of([latex_problem(rng) for _ in range(16)], rng)
    completions, golds = completions[:990], golds[:990]
    with Verifier(workers=2, limit_s=LIMIT_S) as verifier:
        quiet = verifier.verify(completions, golds)
    for place, answer in enumerate(PATHOLOGICAL):
        completions.insert(97 * place, rf"\boxed{{{answer}}}")
        golds.insert(97 * place, "7")
    started = time.perf_counter()
    with Verifier(workers=2, limit_s=LIMIT_S) as verifier:
        verdicts = verifier.verify(completions, golds)
    seconds = time.perf_counter() - started
    usual = [
        verdict
        for place, verdict in enumerate(verdicts)
        if place % 97 or place // 97 >= len(PATHOLOGICAL)
    ]
    timeouts = sum(verdict.status == "timeout" for verdict in verdicts)
    changed = sum(one != other for one, other in zip(quiet, usual, strict=True))
    bound = len(PATHOLOGICAL) * LIMIT_S / 2
    print(
        "\n| completions | pathological | limit, s | limits / workers, s | took, s | timeouts |"
        " others |"
    )
    print("|---|---|---|---|---|---|---|")
    print(
        f"| 1,000 | {len(PATHOLOGICAL)} | {LIMIT_S} | {bound:.0f} | {seconds:.1f} | {timeouts} |"
        f" {changed} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--completions", type=int, default=10_000, help="about how many per row")
    parser.add_argument(
        "--golds", type=Path, nargs="*", default=[], help="JSON lines with an answer field"
    )
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)  # math-verify's own, in the plain loop
    print(f"Verifier {VERIFIER_VERSION}, 2 workers, {SAMPLES} samples per problem.\n")
    throughput(-(-arguments.completions // SAMPLES), arguments.golds)
    faults()


if __name__ == "__main__":
    main()
