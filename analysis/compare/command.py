"""Verdicts across experiments, machines and evaluation tools: `python -m analysis.compare SOURCE
SOURCE ...`

A SOURCE is an experiment's folder (results/NAME, this machine's or copied from another), or
ARM=FILE.csv[:SEED] with columns problem_id, n, correct (and seed) from another evaluation tool; see
analysis/compare/arms.py. Prints, per benchmark, a Markdown table and the verdict of each arm
against the reference in a sentence. p values are adjusted (Holm) over everything printed. Every
number starts the same random stream, so that the order of sources changes none.
"""

import argparse
from dataclasses import dataclass

import numpy as np

from analysis.compare.arms import Arms, Sources, load, on, shared_benchmarks
from analysis.inference.statistics import Comparison, compare, estimate, holm, sentence, verdict
from analysis.results.counts import Counts
from eval.files.errors import BadInput, exit_with_message


@dataclass(frozen=True)
class Settings:
    """How to score and draw."""

    k: int = 1
    draws: int = 10_000
    seed: int = 0

    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)


@dataclass(frozen=True)
class Row:
    """One arm against the reference on one benchmark."""

    benchmark: str
    arm: str
    comparison: Comparison


def compare_all(arms: Arms, reference: str, benchmarks: list[str], settings: Settings) -> list[Row]:
    """Each arm against the reference wherever both were evaluated."""
    if reference not in arms:
        raise BadInput(f"no arm is called {reference}. There is: {', '.join(sorted(arms))}.")
    rows = [
        Row(benchmark, arm, _comparison(arm, reference, benchmark, found, settings))
        for benchmark in benchmarks
        for found in [on(arms, benchmark)]
        for arm in sorted(found)
        if arm != reference and reference in found
    ]
    if not rows:
        raise BadInput(
            f"nothing shares a benchmark with {reference}. Give at least two arms on one benchmark."
        )
    return rows


def page(sources: Sources, reference: str, rows: list[Row], settings: Settings) -> str:
    """Everything that is printed, as Markdown."""
    adjusted = holm([row.comparison.p for row in rows])
    tested = [(row, float(p)) for row, p in zip(rows, adjusted, strict=True)]
    parts = [
        section(on(sources.arms, benchmark), reference, benchmark, tested, settings)
        for benchmark in dict.fromkeys(row.benchmark for row in rows)
    ]
    missing = [f"- {line}" for line in gaps(sources, reference, rows)]
    covers = "; ".join(sorted({row.comparison.covers for row in rows}))
    parts += ["\n".join(["## Missing", "", *missing])] if missing else []
    return "\n\n".join(
        [*parts, f"95 % intervals over {covers}. {settings.draws:,} draws, seed {settings.seed}."]
    )


def section(
    found: dict[str, Counts],
    reference: str,
    benchmark: str,
    tested: list[tuple[Row, float]],
    settings: Settings,
) -> str:
    """One benchmark: the table, then the sentences."""
    here = [(row, p) for row, p in tested if row.benchmark == benchmark]
    head = [
        "arm",
        "seeds",
        f"pass@{settings.k}",
        "difference",
        "p (Holm)",
        "chance to improve",
        "verdict",
    ]
    cells = [
        head,
        ["---"] * len(head),
        [reference, *score(found[reference], settings), "", "", "", "reference"],
    ]
    cells += [
        [row.arm, *score(found[row.arm], settings), *outcome(row.comparison, p)] for row, p in here
    ]
    words = [
        f"- {sentence(row.comparison, row.arm, reference, benchmark, settings.k, p)}"
        for row, p in here
    ]
    return "\n".join(
        [f"## {benchmark}", "", *(f"| {' | '.join(line)} |" for line in cells), "", *words]
    )


def score(counts: Counts, settings: Settings) -> tuple[str, str]:
    found = estimate(counts, settings.k, draws=settings.draws, rng=settings.rng())
    return str(
        found.seeds
    ), f"{100 * found.value:.1f} [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def outcome(found: Comparison, p: float) -> tuple[str, str, str, str]:
    difference = f"{100 * found.difference:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}]"
    return difference, f"{p:.3g}", f"{found.probability_of_improvement:.2f}", verdict(found, p)


def gaps(sources: Sources, reference: str, rows: list[Row]) -> list[str]:
    """What could not be compared, said aloud."""
    lines = list(sources.missing)
    for benchmark in dict.fromkeys(row.benchmark for row in rows):
        absent = sorted(sources.arms.keys() - on(sources.arms, benchmark).keys())
        lines += [f"{arm} was not evaluated on {benchmark}" for arm in absent]
    for row in rows:
        if row.comparison.unpaired_seeds:
            seeds = ", ".join(map(str, row.comparison.unpaired_seeds))
            lines.append(
                f"{row.arm} and {reference} do not both have seed(s) {seeds} on {row.benchmark}:"
                " left out"
            )
    return lines


def _comparison(
    arm: str, reference: str, benchmark: str, found: dict[str, Counts], settings: Settings
) -> Comparison:
    try:
        return compare(
            found[arm], found[reference], settings.k, draws=settings.draws, rng=settings.rng()
        )
    except BadInput as error:
        raise BadInput(
            f"{arm} (one arm) against {reference} (the other) on {benchmark}: {error}"
        ) from None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "sources", nargs="+", metavar="SOURCE", help="results/NAME, or ARM=FILE.csv[:SEED]"
    )
    parser.add_argument(
        "--reference", help="arm the others are compared with (default: the first experiment's)"
    )
    parser.add_argument("--benchmark", help="compare on this one only")
    parser.add_argument("--k", type=_positive, default=1, help="score is pass@k; 1 is avg@n")
    parser.add_argument("--draws", type=_positive, default=10_000, help="bootstrap draws")
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    args = parser.parse_args()
    settings = Settings(args.k, args.draws, args.seed)
    with exit_with_message():
        sources = load(args.sources)
        reference = args.reference or sources.reference
        rows = compare_all(
            sources.arms, reference, shared_benchmarks(sources.arms, args.benchmark), settings
        )
        print(page(sources, reference, rows, settings))


def _positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return int(text)
