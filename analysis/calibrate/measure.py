"""Measures what the intervals, tests and verdicts are worth: `python -m analysis.calibrate`.

Simulates studies (analysis/calibrate/simulated_studies.py), analyses each with
analysis/inference/statistics.py, and writes the tables of docs/statistics.md between its `<!--
NAME:begin -->` and `<!-- NAME:end -->` marks: coverage of the 95 % intervals, A/A studies called
different, what one seed would lead to, power and seeds needed. Each table cell has a random stream
of its own, so that the numbers depend neither on the order nor on the number of processes.
"""

import argparse
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from analysis.calibrate.simulated_studies import (
    AIME,
    MATH,
    Study,
    same_method,
    simulate,
    true_scores,
)
from analysis.inference.bootstrap import plain_means
from analysis.inference.statistics import LEVEL, Comparison, compare, estimate, verdict
from analysis.results.counts import scores
from eval.files.errors import BadInput, exit_with_message

SHAPES = [
    Study(population, questions, seeds, samples, seed_sd, effect=0.02)
    for population, questions in ((AIME, 30), (MATH, 500))
    for seeds in (3, 5)
    for samples in (8, 64)
    for seed_sd in (0.0, 0.01, 0.02)
]
ONE_SEED = [
    Study(*size, 1, 8, seed_sd)
    for size in ((AIME, 30), (MATH, 500))
    for seed_sd in (0.0, 0.01, 0.02)
]
DESIGNS = [
    (AIME, 30, 8),
    (AIME, 30, 32),
    (AIME, 30, 64),
    (AIME, 90, 32),
    (AIME, 300, 32),
    (MATH, 500, 4),
    (MATH, 500, 16),
]
SEEDS = (3, 5, 8, 12, 20, 40)
ENOUGH = 0.8  # power
# share of the studies that a power cell needs: its error matters less than that of coverage
POWER_STUDIES = 0.4


def called(comparison: Comparison) -> str:
    """The verdict where this is the only comparison."""
    return verdict(comparison, comparison.p)


def compared(study: Study, draws: int, rng: np.random.Generator) -> Comparison:
    return compare(*simulate(study, rng), 1, draws=draws, rng=rng)


def coverage(study: Study, studies: int, draws: int, seed: int) -> np.ndarray:
    """(6,) means over studies: score covered by ours, by the textbook's; difference the same; A/A
    called; width.
    """
    rng = stream(seed, "coverage", study)
    truth_a, truth_b = true_scores(study)
    rows = []
    for _ in range(studies):
        a, b = simulate(study, rng)
        ours, difference = (
            estimate(a, 1, draws=draws, rng=rng),
            compare(a, b, 1, draws=draws, rng=rng),
        )
        plain = textbook(scores(a, 1), scores(b, 1), draws, rng)
        rows.append(
            [
                within((ours.low, ours.high), truth_a),
                within(plain[0], truth_a),
                within((difference.low, difference.high), truth_a - truth_b),
                within(plain[1], truth_a - truth_b),
                called(compared(same_method(study), draws, rng)) != "not distinguishable",
                difference.high - difference.low,
            ]
        )
    return np.mean(rows, axis=0)


def textbook(
    a_SQ: np.ndarray, b_SQ: np.ndarray, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """(2, 2) percentile intervals (low, high) of the score of a and of a - b, by plain
    resampling.
    """
    return np.quantile(plain_means(np.stack([a_SQ, a_SQ - b_SQ]), draws, rng), LEVEL, axis=1).T


def within(interval: Sequence[float] | np.ndarray, truth: float) -> bool:
    return bool(interval[0] <= truth <= interval[1])


def one_seed(study: Study, studies: int, draws: int, seed: int) -> float:
    """Share of A/A studies of one seed with p <= .05: what a verdict from one seed would get
    wrong.
    """
    rng = stream(seed, "one seed", study)
    return float(
        np.mean([compared(same_method(study), draws, rng).p <= 0.05 for _ in range(studies)])
    )


def power(study: Study, studies: int, draws: int, seed: int) -> tuple[float, float]:
    """Share of studies that call a better, and the mean smallest difference that they say they
    could have seen.
    """
    rng = stream(seed, "power", study)
    found = [compared(study, draws, rng) for _ in range(int(np.ceil(POWER_STUDIES * studies)))]
    better = np.mean([called(each) == "better" for each in found])
    return float(better), float(np.mean([each.minimal_difference for each in found]))


def stream(seed: int, *what: object) -> np.random.Generator:
    """The random stream of one cell."""
    return np.random.default_rng([seed, zlib.crc32(repr(what).encode())])


Measure = Callable[[Callable, Sequence[Study]], Iterable]  # maps a function of a study over studies


def coverage_table(measure: Measure) -> str:
    head = [
        "questions",
        "seeds",
        "n",
        "seed sd",
        "score",
        "textbook",
        "difference",
        "textbook",
        "A/A called",
        "width",
    ]
    rows = [
        [*described(study), *(percent(share) for share in found[:5]), points(found[5])]
        for study, found in zip(SHAPES, measure(coverage, SHAPES), strict=True)
    ]
    return markdown(head, rows)


def one_seed_table(measure: Measure) -> str:
    rows = [
        [*described(study), percent(share)]
        for study, share in zip(ONE_SEED, measure(one_seed, ONE_SEED), strict=True)
    ]
    return markdown(["questions", "seeds", "n", "seed sd", "A/A with p <= .05"], rows)


def power_table(measure: Measure) -> str:
    studies = [
        Study(*design[:2], seeds, design[2], 0.01, 0.02) for design in DESIGNS for seeds in SEEDS
    ]
    found_DS2 = np.array(list(measure(power, studies))).reshape(len(DESIGNS), len(SEEDS), 2)
    rows = []
    for (population, questions, samples), found_S2 in zip(DESIGNS, found_DS2, strict=True):
        enough = [
            seeds for seeds, (share, _) in zip(SEEDS, found_S2, strict=True) if share >= ENOUGH
        ]
        cells = [f"{percent(share)} ({points(smallest)})" for share, smallest in found_S2]
        rows.append(
            [
                f"{questions} {population.name}",
                str(samples),
                *cells,
                str(min(enough, default=f"> {SEEDS[-1]}")),
            ]
        )
    return markdown(
        ["questions", "n", *(f"{seeds} seeds" for seeds in SEEDS), "seeds for 80 %"], rows
    )


def promise_table(measure: Measure) -> str:
    """Power at the difference that a design says it sees in four of five studies."""
    shapes = [replace(study, effect=0.0) for study in SHAPES if study.seed_sd == 0.01]
    smallest = [smallest for _, smallest in measure(power, shapes)]
    at_smallest = [
        replace(study, effect=round(size, 4)) for study, size in zip(shapes, smallest, strict=True)
    ]
    rows = [
        [*described(study), points(study.effect), percent(share)]
        for study, (share, _) in zip(at_smallest, measure(power, at_smallest), strict=True)
    ]
    return markdown(
        ["questions", "seeds", "n", "seed sd", "smallest difference", "called better"], rows
    )


TABLES = {
    "coverage": coverage_table,
    "one-seed": one_seed_table,
    "power": power_table,
    "promise": promise_table,
}


def described(study: Study) -> list[str]:
    size = f"{study.questions} {study.population.name}"
    return [size, str(study.seeds), str(study.samples), points(study.seed_sd)]


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def points(rate: float) -> str:
    return f"{100 * rate:.1f}"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(page: Path, name: str, text: str) -> None:
    """Replaces what stands between the marks of that name."""
    marked = re.compile(f"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
    before = page.read_text(encoding="utf-8")
    if not marked.search(before):
        raise BadInput(
            f"{page}: no marks <!-- {name}:begin --> and <!-- {name}:end --> to write the table"
            " between."
        )
    page.write_text(
        marked.sub(lambda found: f"{found[1]}{text}\n{found[2]}", before), encoding="utf-8"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=Path("docs/statistics.md"), help="page to write the tables into"
    )
    parser.add_argument(
        "--studies", type=int, default=1000, help="simulated studies per table cell"
    )
    parser.add_argument("--draws", type=int, default=1000, help="bootstrap draws per study")
    parser.add_argument("--seed", type=int, default=0, help="of all random streams")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--only", choices=TABLES, action="append", help="regenerate this table (repeatable)"
    )
    args = parser.parse_args()
    settings = {"studies": args.studies, "draws": args.draws, "seed": args.seed}
    with exit_with_message(), ProcessPoolExecutor(args.processes) as pool:
        for name in args.only or TABLES:
            table = TABLES[name](
                lambda function, studies: pool.map(partial(function, **settings), studies)
            )
            caption = f"`--studies {args.studies} --draws {args.draws} --seed {args.seed}`"
            write(args.out, name, f"{table}\n\n{caption}")
            print(f"{name}\n{table}\n", flush=True)
