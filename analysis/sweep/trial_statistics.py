"""Intervals of a trial's score, the trials tied with the best, and the budget curve of a search.

y_is is the score of trial i (one choice of settings) with training seed s, ȳ_i its mean over its
S_i seeds.

    noise         σ̂² = Σ_i Σ_s (y_is − ȳ_i)² / ν,  ν = Σ_i (S_i − 1)
    interval      ȳ_i ± t_{.975, ν} σ̂ / √S_i
    difference    not distinguishable where |ȳ_i − ȳ_best| <= t_{.975, ν} σ̂ √(1/S_i + 1/S_best)
    budget        P(the trial of rank r is the best of k drawn from T) = C(T − r, k − 1) / C(T, k)
                  value(k) = mean over s of Σ_i P(rank of i without seed s) y_is

All trials of a search answer the same questions, so the choice of questions moves them together,
and these intervals leave it out; between trials remains the noise of training. Two or three seeds
per trial say little about this noise, so it is pooled over the trials, as in an analysis of
variance. That assumes equal noise at every setting. The intervals do not use that trials share
their seeds, and are not corrected for the number of trials.

The budget curve is that of "Show Your Work" (Dodge et al. 2019, arXiv 1909.03004): the expected
score of the trial that is chosen from k random trials. Trials are drawn without replacement, as in
Tang et al. 2020 (arXiv 2004.13705), which makes the estimate unbiased. Departure: a trial is chosen
by the mean of its other seeds and scored on the seed left out, so that a maximum over noise does
not count as a gain. Of equal trials the earlier one is chosen.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student_t

CONFIDENCE = 0.95
CENTRAL_80 = (0.1, 0.9)  # central 80 % of the draws


@dataclass(frozen=True)
class Noise:
    """Spread of a score over training seeds, pooled over trials."""

    sd: float  # σ̂; NaN where no trial has two seeds
    dof: int  # ν

    def margin(self, *seeds: int) -> float:
        """Half the width of the 95 % interval of a mean over that many seeds; with two arguments,
        of the difference of two means. NaN if the noise is unknown.
        """
        if not self.dof:
            return math.nan
        quantile = float(student_t.ppf((1 + CONFIDENCE) / 2, self.dof))
        return quantile * self.sd * math.sqrt(sum(1 / count for count in seeds))


def seed_noise(trials: Sequence[Sequence[float]]) -> Noise:
    """σ̂ and ν from the scores by seed of each trial. Trials with one seed contribute nothing."""
    dof = sum(len(scores) - 1 for scores in trials if len(scores))
    squares = sum(
        float(np.square(np.subtract(scores, np.mean(scores))).sum())
        for scores in trials
        if len(scores)
    )
    return Noise(math.sqrt(squares / dof) if dof else math.nan, dof)


def tied_with_best(trials: Sequence[Sequence[float]]) -> list[bool]:
    """For each trial, whether it is not distinguishable from the one with the highest mean; True
    for that one itself, and for all if σ̂ is unknown.
    """
    if not trials:
        return []
    means = [float(np.mean(scores)) for scores in trials]
    best, spread = int(np.argmax(means)), seed_noise(trials)
    gaps = [(means[best] - mean, spread.margin(len(scores), len(trials[best])))
            for mean, scores in zip(means, trials, strict=True)]  # fmt: skip
    return [math.isnan(margin) or gap <= margin + 1e-12 for gap, margin in gaps]


@dataclass(frozen=True)
class BudgetCurve:
    """(T,) each: expected score of the trial chosen from k = 1..T random trials, and the ends of
    the central 80 % over the draws.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def regret(self, k: int, of: int) -> float:
        """Expected score of `of` trials less that of k trials. Numbers above T count as T."""
        last = len(self.value)
        return float(self.value[min(of, last) - 1] - self.value[min(k, last) - 1])


def budget_curve(y_TS: np.ndarray) -> BudgetCurve:
    """The budget curve of T trials with S seeds each, from their scores y_TS in [0, 1]. With S = 1
    the same seed chooses and scores, which is optimistic.
    """
    low, high = score_band(y_TS)
    return BudgetCurve(expected_scores(y_TS), low, high)


def expected_scores(y_TS: np.ndarray) -> np.ndarray:
    """(T,) expected score of the trial chosen from k = 1..T random trials."""
    chance_TK = chance_of_best(len(y_TS))
    return np.mean(
        [chance_TK.T @ y_TS[order, s] for s, order in enumerate(trials_by_rank(y_TS))], axis=0
    )


def chance_of_best(T: int) -> np.ndarray:
    """(T, T) probability that the trial of rank r = 1..T (row) is the best of k = 1..T (column)
    trials drawn without replacement.
    """
    return np.array(
        [
            [math.comb(T - r, k - 1) / math.comb(T, k) for k in range(1, T + 1)]
            for r in range(1, T + 1)
        ]
    )


def trials_by_rank(y_TS: np.ndarray) -> list[np.ndarray]:
    """Per seed the trials (T,) from best to worst by the mean of the other seeds; with one seed
    only, by that seed.
    """
    S = y_TS.shape[1]
    judged = [np.delete(y_TS, s, axis=1) if S > 1 else y_TS for s in range(S)]
    # Rounded, so that scores which differ by floating-point error only are equal.
    return [np.argsort(-others.mean(axis=1).round(12), kind="stable") for others in judged]


def held_out_score(y_TS: np.ndarray) -> float:
    """Score of the best of all trials on the seed that did not choose it, mean over seeds."""
    return float(expected_scores(y_TS)[-1])


def score_band(y_TS: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(T,) each: 10 % and 90 % quantile of the chosen trial's score over all draws of k trials."""
    T = len(y_TS)
    found = np.array(sorted(grouped_draws(y_TS)), dtype=float)
    # share of the draws of k trials that hold `fixed` given trials and others of `free` only
    ways_MFK = np.array([[[math.comb(free, k - fixed) / math.comb(T, k) if k >= fixed else 0.0
                           for k in range(1, T + 1)] for free in range(T)]
                         for fixed in range(1, y_TS.shape[1] + 1)])  # fmt: skip
    share_NK = ways_MFK[found[:, 1].astype(int) - 1, found[:, 2].astype(int)].cumsum(axis=0)
    low, high = (found[(share_NK >= quantile - 1e-9).argmax(axis=0), 0] for quantile in CENTRAL_80)
    return low, high


def grouped_draws(y_TS: np.ndarray) -> Iterator[tuple[float, int, int]]:
    """All draws, grouped by their result: (score, number of trials that must be drawn, number of
    trials that may be drawn).

    For each seed one trial is the best of the draw, and all others of the draw rank below it. Sets
    of trials are bit masks.
    """
    T, S = y_TS.shape
    ranked = trials_by_rank(y_TS)
    below = [
        {i: sum(1 << int(j) for j in order[place:]) for place, i in enumerate(order)}
        for order in ranked
    ]

    def grow(s: int, must: int, may: int, total: float) -> Iterator[tuple[float, int, int]]:
        if s == S:
            yield round(total / S, 12), must.bit_count(), (may & ~must).bit_count()
            return
        for i in range(T):
            if may >> i & 1 and not must & ~below[s][i]:
                yield from grow(s + 1, must | 1 << i, may & below[s][i], total + float(y_TS[i, s]))

    return grow(0, 0, (1 << T) - 1, 0.0)
