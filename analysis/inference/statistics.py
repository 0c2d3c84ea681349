"""How good is an arm, is it better than another, and how sure are we?

    estimate   mean pass@k over questions and training seeds, with a 95 % interval
    compare    difference of two arms, paired by question and by training seed, with interval and sign-flip p
    holm       p adjusted for a table of comparisons (Holm, Scandinavian Journal of Statistics 6, 1979)
    verdict    better | worse | not distinguishable, and `sentence`, the same in words

Intervals come from the draws of analysis/inference/bootstrap.py. The p of a comparison is the share
of sign-flipped question differences, each with the seeds' noise added, that lie at least as far
from 0 as the observed one: flips alone would call two runs of one method different as soon as their
seeds differ. docs/statistics.md holds the measured coverage, false alarms and power.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.inference.bootstrap import flip_draws, mean_draws, seed_draws
from analysis.results.counts import Counts, load_counts, same_questions, scores
from eval.files.errors import BadInput

__all__ = [
    "Comparison",
    "Counts",
    "Interval",
    "compare",
    "estimate",
    "holm",
    "load_counts",
    "sentence",
    "verdict",
]

LEVEL = (0.025, 0.975)
# True difference with 80 % power, in half widths of the interval. 2.8 / 1.96 = 1.43 would do if the
# width were known and every question gained alike; simulated studies need 1.6.
SEEN_FOUR_TIMES_IN_FIVE = 1.6
Verdict = Literal["better", "worse", "not distinguishable"]


@dataclass(frozen=True)
class Interval:
    """A score with its 95 % interval, all in [0, 1]."""

    value: float
    low: float
    high: float
    covers: str  # which uncertainty: questions like these, seeds like these or this one
    seeds: int


@dataclass(frozen=True)
class Comparison:
    """Arm a against arm b; differences are a - b, in [-1, 1]."""

    difference: float
    low: float  # 95 % interval of the difference
    high: float
    p: float  # sign-flip test of no difference, two-sided, not adjusted
    probability_of_improvement: (
        float  # on a random question a random run of a beats one of b; ties count half
    )
    minimal_difference: float  # true difference that 4 of 5 such studies would call
    covers: str
    seeds: int  # pairs of training seeds
    unpaired_seeds: tuple[int, ...]  # seeds that only one arm has: left out


def estimate(counts: Counts, k: int, *, draws: int, rng: np.random.Generator) -> Interval:
    """Mean pass@k of an arm with its 95 % interval over questions like these and training seeds
    like these.

    Raises:
        BadInput: a question has fewer than k samples, or there is only one question.
    """
    y_SQ = _scores(counts, k)
    drawn = mean_draws(y_SQ, (0.0, 1.0), draws, rng)
    value, (low, high) = float(y_SQ.mean()), np.clip(np.quantile(drawn, LEVEL), 0, 1)
    return Interval(
        value, min(value, float(low)), max(value, float(high)), _covers(len(y_SQ)), len(y_SQ)
    )


def compare(a: Counts, b: Counts, k: int, *, draws: int, rng: np.random.Generator) -> Comparison:
    """Difference a - b in mean pass@k, paired by question and by training seed.

    Raises: BadInput: the arms answered different questions, share no seed, or a question has fewer
        than k samples.
    """
    same_questions(a.problem_ids, b.problem_ids, "one arm", "the other")
    seeds = sorted(set(a.seeds) & set(b.seeds))
    if not seeds:
        raise BadInput(
            f"no training seed in common: {a.seeds} and {b.seeds}. Give paired runs the same seed."
        )
    a, b, unpaired = (
        a.of_seeds(seeds),
        b.of_seeds(seeds),
        tuple(sorted(set(a.seeds) ^ set(b.seeds))),
    )
    a_SQ, b_SQ = _scores(a, k), _scores(b, k)
    d_SQ, step = a_SQ - b_SQ, _sampling_sd(a, b, k)
    difference = float(d_SQ.mean())
    low, high = np.clip(
        np.quantile(mean_draws(d_SQ, (-step, step), draws, rng), LEVEL), -1, 1
    ).tolist()
    return Comparison(
        difference=difference,
        low=min(difference, low),
        high=max(difference, high),
        p=_sign_flip_p(d_SQ, draws, rng),
        probability_of_improvement=_probability_of_improvement(a_SQ, b_SQ),
        minimal_difference=SEEN_FOUR_TIMES_IN_FIVE * (high - low) / 2,
        covers=_covers(len(seeds)),
        seeds=len(seeds),
        unpaired_seeds=unpaired,
    )


def holm(p_values: Sequence[float]) -> np.ndarray:
    """p adjusted so that a whole table has a false alarm in at most alpha of the studies; same
    order as given.
    """
    p = np.asarray(p_values, dtype=float)
    if not ((p >= 0) & (p <= 1)).all():
        raise BadInput(f"p values must lie in [0, 1], got {p.tolist()}.")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p)))))
    return adjusted


def verdict(comparison: Comparison, p_adjusted: float, alpha: float = 0.05) -> Verdict:
    """Called only if test and interval agree, and never from one seed: methods differ only beyond
    their seeds.
    """
    called = (
        p_adjusted <= alpha and (comparison.low > 0 or comparison.high < 0) and comparison.seeds > 1
    )
    if not called:
        return "not distinguishable"
    return "better" if comparison.difference > 0 else "worse"


def sentence(
    comparison: Comparison,
    arm: str,
    reference: str,
    benchmark: str,
    k: int,
    p_adjusted: float,
    alpha: float = 0.05,
) -> str:
    """The verdict in plain words, with what this design could have seen."""
    interval = f"95 % interval {100 * comparison.low:+.1f} to {100 * comparison.high:+.1f}"
    facts = f"{100 * comparison.difference:+.1f} points of pass@{k} ({interval}, adjusted p = {p_adjusted:.2g})"
    word = verdict(comparison, p_adjusted, alpha)
    if word != "not distinguishable":
        return f"{benchmark}: {arm} is {word} than {reference}, {facts}."
    if comparison.seeds == 1:
        return (
            f"{benchmark}: {arm} and {reference} are not distinguishable as methods. Their two"
            f" runs differ by {facts}, "
            "and with one training seed it is unknown how much of that another seed would change."
        )
    return (
        f"{benchmark}: {arm} and {reference} are not distinguishable, {facts}. As its only"
        " comparison, a study like this "
        f"would see a true difference of {100 * comparison.minimal_difference:.1f} points about"
        " four times in five."
    )


def _scores(counts: Counts, k: int) -> np.ndarray:
    if len(counts.problem_ids) < 2:
        raise BadInput(
            "one question says nothing about questions like it: intervals need at least 2."
        )
    return scores(counts, k)


def _sampling_sd(a: Counts, b: Counts, k: int) -> float:
    """Largest standard deviation that sampling can give to a question's difference: a score has at
    most 1/2.

    k samples make one try at pass@k, so a question has had Σ_s n / k tries.
    """
    variance = sum(float((k / arm.n_SQ.sum(axis=0)).mean()) / 4 for arm in (a, b))
    return min(1.0, variance**0.5)


def _sign_flip_p(d_SQ: np.ndarray, draws: int, rng: np.random.Generator) -> float:
    flipped, noise = flip_draws(d_SQ.mean(axis=0), draws, rng), seed_draws(d_SQ, draws, rng)
    null_2D = np.abs([flipped + noise, flipped - noise])
    return (1 + int((null_2D >= abs(d_SQ.mean()) - 1e-12).sum())) / (1 + null_2D.size)


def _probability_of_improvement(a_SQ: np.ndarray, b_SQ: np.ndarray) -> float:
    a_S1Q, b_1SQ = a_SQ[:, None], b_SQ[None]
    return float(((a_S1Q > b_1SQ) + 0.5 * (a_S1Q == b_1SQ)).mean())


def _covers(seeds: int) -> str:
    if seeds == 1:
        return "questions like these, this one training seed: seed-to-seed variation is unknown"
    return f"questions like these and training seeds like these ({seeds} seeds)"
