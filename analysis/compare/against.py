"""Every arm against the reference, on every benchmark that both were evaluated on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.compare.arms import Arms, Sources, full_name, on
from analysis.compare.looked import LookedAt, at_one_look, level_of, recorded_verdict
from analysis.inference.looks import family_level
from analysis.inference.statistics import (
    ALPHA,
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
from eval.looks.settings import DEFAULT_SPENDING, Spending


@dataclass(frozen=True)
class Settings:
    """How to score and draw."""

    k: int = 1
    draws: int = 10_000
    seed: int = 0
    pairing: Pairing = "none"
    looks: tuple[int, ...] = ()  # seeds per arm at each look; () = looked at once
    spending: Spending = DEFAULT_SPENDING

    def level(self, comparisons: Sequence[Comparison]) -> float:
        """The level that all comparisons are tested at.

        Raises:
            BadInput: there are several looks, and the arms are not all at the same one.
        """
        if not self.looks:
            return ALPHA
        seeds = {count for each in comparisons for count in (each.seeds, each.reference_seeds)}
        if len(seeds) > 1:
            raise BadInput(
                f"--looks: the arms have {', '.join(map(str, sorted(seeds)))} seeds: name the arms"
                " that are at the reference's look with --arm"
            )
        return family_level(self.looks, seeds.pop(), len(comparisons), self.spending)

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
    others: int  # comparisons that no look judged
    level: float  # at which these are tested, the smallest where they have several
    looked: tuple[LookedAt, ...] = ()  # experiments of which verdicts of looks are shown


def compare_all(
    sources: Sources,
    reference: str,
    benchmarks: list[str],
    settings: Settings,
    only: Sequence[str] = (),
) -> Compared:
    """Each arm, or each of those in `only`, against the reference wherever both were evaluated.

    Raises:
        BadInput: nothing can be compared, or not in the way that is asked for.
    """
    arms = sources.arms
    reference = full_name(arms, reference)
    if settings.looks and sources.looked:
        raise BadInput(
            f"--looks: the spec.yaml of {sources.looked[0].name} sets its looks: leave --looks out"
        )
    asked = {full_name(arms, arm) for arm in only} or arms.keys()
    pairs = [
        (benchmark, arm)
        for benchmark in benchmarks
        for arm in sorted(on(arms, benchmark))
        if arm in asked and arm != reference and reference in on(arms, benchmark)
    ]
    if not pairs:
        raise BadInput(
            f"nothing shares a benchmark with {reference}. Give at least two arms on one benchmark."
        )
    recorded = {
        pair: found
        for pair in pairs
        if (found := recorded_verdict(sources.looked, pair[0], settings.k, pair[1], reference))
    }
    looked = tuple(each for each in sources.looked if recorded and each.reference == reference)
    require_their_pairing(looked, settings)
    others = [pair for pair in pairs if pair not in recorded]
    comparisons = [comparison(sources, arm, reference, name, settings) for name, arm in others]
    level = settings.level(comparisons) if comparisons else ALPHA
    levels = [
        min(level, level_of(sources.looked, (arm, reference), len(others))) for _, arm in others
    ]
    judged = {**recorded, **dict(zip(others, judge(comparisons, levels), strict=True))}
    rows = [
        ComparedArm(
            name,
            arm,
            score(arms, arm, name, settings),
            found,
            precision(arms, arm, reference, name, settings, found.comparison),
        )
        for name, arm in pairs
        for found in (judged[name, arm],)
    ]
    compared_on = dict.fromkeys(row.benchmark for row in rows)
    scores = {name: score(arms, reference, name, settings) for name in compared_on}
    missing = (*sources.missing, *gaps(arms, reference, rows))
    level = min(levels, default=ALPHA)
    return Compared(reference, scores, tuple(rows), missing, settings, len(others), level, looked)


def require_their_pairing(looked: Sequence[LookedAt], settings: Settings) -> None:
    """BadInput where looks paired the seeds in another way than is asked for now."""
    for each in looked:
        if each.pairing != settings.pairing:
            raise BadInput(
                f"--pairing {settings.pairing}: the looks of {each.name} used pairing"
                f" {each.pairing} (analysis.pairing in its spec.yaml): give --pairing"
                f" {each.pairing}"
            )


def score(arms: Arms, arm: str, benchmark: str, settings: Settings) -> Interval:
    counts = on(arms, benchmark)[arm]
    return estimate_score(counts, settings.k, draws=settings.draws, rng=settings.rng())


def comparison(
    sources: Sources, arm: str, reference: str, benchmark: str, settings: Settings
) -> Comparison:
    found, pair = on(sources.arms, benchmark), (arm, reference)
    try:
        return compare_arms(
            *at_one_look(sources.looked, pair, (found[arm], found[reference])),
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
    """Where the interval comes from and what would narrow it; None for pass@k, k > 1, where runs
    are paired, and where one of the arms has had more seeds since a look judged them.
    """
    own, other = (on(arms, benchmark)[name] for name in (arm, reference))
    is_of_a_look = (len(own.seeds), len(other.seeds)) != (found.seeds, found.reference_seeds)
    if settings.k > 1 or settings.pairing == "seed" or is_of_a_look:
        return None
    return precision_row(own, other, found)


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
