"""Every arm against the reference, on every benchmark that both were evaluated on."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.compare.arms import Arms, Sources, full_name, on
from analysis.inference.statistics import (
    Comparison,
    Interval,
    Judged,
    Pairing,
    compare_arms,
    estimate_score,
    judge,
)
from analysis.tables.precision import precision_row
from eval.files.errors import BadInput


@dataclass(frozen=True)
class Settings:
    """How to score and draw."""

    k: int = 1
    draws: int = 10_000
    seed: int = 0
    pairing: Pairing = "none"

    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)


@dataclass(frozen=True)
class ComparedArm:
    """One arm against the reference on one benchmark."""

    benchmark: str
    arm: str
    score: Interval
    judged: Judged
    precision: dict[str, Any] | None  # of pass@1: see analysis/tables/precision.py


@dataclass(frozen=True)
class Compared:
    """All that is printed."""

    reference: str
    scores: dict[str, Interval]  # of the reference, per benchmark
    rows: tuple[ComparedArm, ...]
    missing: tuple[str, ...]
    settings: Settings


def compare_all(
    sources: Sources, reference: str, benchmarks: list[str], settings: Settings
) -> Compared:
    """Each arm against the reference wherever both were evaluated."""
    arms = sources.arms
    reference = full_name(arms, reference)
    pairs = [
        (benchmark, arm)
        for benchmark in benchmarks
        for arm in sorted(on(arms, benchmark))
        if arm != reference and reference in on(arms, benchmark)
    ]
    if not pairs:
        raise BadInput(
            f"nothing shares a benchmark with {reference}. Give at least two arms on one benchmark."
        )
    judged = judge([comparison(arms, arm, reference, name, settings) for name, arm in pairs])
    rows = [
        ComparedArm(
            name,
            arm,
            score(arms, arm, name, settings),
            found,
            precision(arms, arm, reference, name, settings, found.comparison),
        )
        for (name, arm), found in zip(pairs, judged, strict=True)
    ]
    compared_on = dict.fromkeys(row.benchmark for row in rows)
    scores = {name: score(arms, reference, name, settings) for name in compared_on}
    missing = (*sources.missing, *gaps(arms, reference, rows))
    return Compared(reference, scores, tuple(rows), missing, settings)


def score(arms: Arms, arm: str, benchmark: str, settings: Settings) -> Interval:
    counts = on(arms, benchmark)[arm]
    return estimate_score(counts, settings.k, draws=settings.draws, rng=settings.rng())


def comparison(
    arms: Arms, arm: str, reference: str, benchmark: str, settings: Settings
) -> Comparison:
    found = on(arms, benchmark)
    try:
        return compare_arms(
            found[arm],
            found[reference],
            settings.k,
            draws=settings.draws,
            rng=settings.rng(),
            pairing=settings.pairing,
        )
    except BadInput as error:
        raise BadInput(
            f"{arm} (one arm) against {reference} (the other) on {benchmark}: {error}"
        ) from None


def precision(
    arms: Arms,
    arm: str,
    reference: str,
    benchmark: str,
    settings: Settings,
    found: Comparison,
) -> dict[str, Any] | None:
    """Where the interval comes from and what would narrow it; None for pass@k, k > 1, and where
    runs are paired.
    """
    if settings.k > 1 or settings.pairing == "seed":
        return None
    counts = on(arms, benchmark)
    return precision_row(counts[arm], counts[reference], found)


def gaps(arms: Arms, reference: str, rows: list[ComparedArm]) -> list[str]:
    """What could not be compared."""
    lines = []
    for benchmark in dict.fromkeys(row.benchmark for row in rows):
        absent = sorted(arms.keys() - on(arms, benchmark).keys())
        lines += [f"{arm} was not evaluated on {benchmark}" for arm in absent]
    for row in rows:
        if row.judged.comparison.left_out:
            seeds = ", ".join(map(str, row.judged.comparison.left_out))
            lines.append(
                f"{row.arm} and {reference} do not both have seed(s) {seeds} on {row.benchmark}:"
                " left out"
            )
    return lines
