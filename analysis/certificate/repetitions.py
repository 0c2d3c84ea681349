"""Repetitions of a comparison whose truth is known, and what the suite says of them.

A repetition is a comparison of S training seeds of one arm with S of another, judged as the suite
judges: analysis/inference/statistics.py, pass@1, 5 %. Seeds are dealt without replacement, so that
no two repetitions of a check share a run. An arm against itself takes two hands of seeds.

    checks   how often each verdict falls where the truth is known
    power    how often a planted difference is called: of two hands of one arm, each wrong answer of
             the first becomes right with probability q, such that its mean rises by the difference

Planted differences are alike for all seeds and questions, where real methods may differ more
between seeds: their power is an upper bound for arms of equal spread. For power the hands are dealt
anew from the same runs many times, so its intervals leave out what other runs would have given.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import binomtest

from analysis.inference.statistics import Comparison, compare_arms, judge
from analysis.results.counts import Counts
from eval.files.errors import BadInput

CERTIFICATE_DRAWS = 2000
DIFFERENCES = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
SEEN_SHARE = 0.8  # share of repetitions in which a difference must be called to count as seen
Expected = Literal["better", "worse", "not better", "not called"]


@dataclass(frozen=True)
class KnownTruth:
    """An arm against another, and what the suite must say."""

    title: str
    arm: str
    against: str  # the same arm: two hands of its seeds
    expected: Expected

    def holds(self, verdict: str) -> bool:
        if self.expected == "not called":
            return verdict == "not distinguishable"
        return verdict != "better" if self.expected == "not better" else verdict == self.expected


KNOWN_TRUTHS = (
    KnownTruth("positive control", "none", "coin", "better"),
    KnownTruth("explosion", "exploded", "none", "worse"),
    KnownTruth("placebo", "coin_aer", "coin", "not better"),
    KnownTruth("A/A", "none", "none", "not called"),
    KnownTruth("A/A on coins", "coin", "coin", "not called"),
)


@dataclass(frozen=True)
class CheckResult:
    """What the suite said over the repetitions of a check."""

    check: KnownTruth
    repetitions: int
    better: int
    worse: int
    as_expected: int
    low: float  # 95 % interval of the share as expected (Clopper and Pearson)
    high: float
    difference: float  # mean over repetitions, in [-1, 1]


@dataclass(frozen=True)
class PowerPoint:
    """How often a planted difference is called better."""

    seeds: int  # per arm
    planted: float  # in [0, 1]
    repetitions: int
    called: int
    low: float  # 95 % interval of the share that is called
    high: float
    computed: float  # mean of the difference that each comparison says it can see


def run_check(
    check: KnownTruth, own: Counts, other: Counts, size: int, rng: np.random.Generator
) -> CheckResult:
    """Deals hands of `size` seeds until none is left. `other` is `own` for an arm against itself.

    Raises:
        BadInput: there are too few seeds for one repetition.
    """
    found = [*hands(check, own, other, size, rng)]
    if not found:
        need = size * (2 if check.arm == check.against else 1)
        raise BadInput(
            f"{check.title}: one repetition takes {need} seeds of {check.arm}, which has"
            f" {len(own.seeds)}: train more seeds, or ask for fewer with --seeds"
        )
    compared = [compare_hands(a, b, rng) for a, b in found]
    verdicts = [judge([each])[0].verdict for each in compared]
    said, good = Counter(verdicts), sum(map(check.holds, verdicts))
    low, high = share_interval(good, len(found))
    mean = float(np.mean([each.difference for each in compared]))
    return CheckResult(check, len(found), said["better"], said["worse"], good, low, high, mean)


def hands(
    check: KnownTruth, own: Counts, other: Counts, size: int, rng: np.random.Generator
) -> Iterator[tuple[Counts, Counts]]:
    """Pairs of counts of `size` seeds each; no run is in two of them."""
    mine = dealt(own.seeds, size, rng)
    if check.arm == check.against:
        pairs = zip(mine[::2], mine[1::2], strict=False)
    else:
        pairs = zip(mine, dealt(other.seeds, size, rng), strict=False)
    for a, b in pairs:
        yield own.of_seeds(a), other.of_seeds(b)


def dealt(seeds: Sequence[int], size: int, rng: np.random.Generator) -> list[list[int]]:
    """The seeds in hands of `size`, at random; what is left over is left out."""
    order = rng.permutation(np.array(seeds)).tolist()
    return [order[i : i + size] for i in range(0, len(order) - size + 1, size)]


def compare_hands(a: Counts, b: Counts, rng: np.random.Generator) -> Comparison:
    return compare_arms(a, b, 1, draws=CERTIFICATE_DRAWS, rng=rng)


def measure_power(
    counts: Counts, size: int, planted: float, repetitions: int, rng: np.random.Generator
) -> PowerPoint:
    """Shares of repetitions in which one hand with a planted difference is called better than
    another. Needs two hands of `size` seeds.
    """
    compared = []
    for _ in range(repetitions):
        mine, other, *_ = dealt(counts.seeds, size, rng)
        shifted = plant(counts.of_seeds(mine), planted, rng)
        compared.append(compare_hands(shifted, counts.of_seeds(other), rng))
    called = sum(judge([each])[0].verdict == "better" for each in compared)
    computed = float(np.mean([each.minimal_difference for each in compared]))
    return PowerPoint(
        size, planted, repetitions, called, *share_interval(called, repetitions), computed
    )


def plant(counts: Counts, difference: float, rng: np.random.Generator) -> Counts:
    """Counts whose expected mean is higher by the difference; BadInput where there is no room."""
    wrong_SQ = counts.n_SQ - counts.correct_SQ
    room = float((wrong_SQ / counts.n_SQ).mean())
    if difference > room:
        raise BadInput(f"a difference of {difference} does not fit above a score of {1 - room:.2f}")
    turned_SQ = rng.binomial(wrong_SQ, difference / room) if difference else 0 * wrong_SQ
    return Counts(counts.seeds, counts.problem_ids, counts.n_SQ, counts.correct_SQ + turned_SQ)


def share_interval(count: int, of: int) -> tuple[float, float]:
    ends = binomtest(count, of).proportion_ci(0.95, "exact")
    return float(ends.low), float(ends.high)


def smallest_seen(points: Sequence[PowerPoint]) -> float:
    """The planted difference that is called in a share SEEN_SHARE of repetitions, linear between
    those measured; NaN where none is. `points`: of one number of seeds, ascending.
    """
    shares = [point.called / point.repetitions for point in points]
    for i, share in enumerate(shares):
        if share >= SEEN_SHARE:
            if i == 0:
                return points[0].planted
            part = (SEEN_SHARE - shares[i - 1]) / (share - shares[i - 1])
            return points[i - 1].planted + part * (points[i].planted - points[i - 1].planted)
    return float("nan")
