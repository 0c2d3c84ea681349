"""How good is an arm, is it better than another, and how sure are we?

    estimate   mean pass@k over questions and training seeds, with a 95 % interval
    compare    difference of two arms on the same questions, with a 95 % interval and a sign-flip p
    judge      verdicts of comparisons that are shown together (Holm, Scandinavian Journal of
               Statistics 6, 1979), each with the interval that its verdict rests on

Intervals come from the draws of analysis/inference/bootstrap.py: questions are paired, training
seeds are two samples. The p of a comparison is the share of sign-flipped question differences, each
with the seeds' noise added, that lie at least as far from 0 as the observed one: flips alone would
call two runs of one method different as soon as their seeds differ. docs/statistics.md holds the
measured coverage, false alarms and power.

No number depends on how runs are numbered: seeds are sorted by what they answered. With
`pairing="seed"` runs of one number are pairs, only common numbers count, and the seeds' part comes
from the pairs' differences.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import numpy as np

from analysis.inference.bootstrap import flip_draws, mean_draws, seed_draws
from analysis.results.counts import Counts, load_counts, same_questions, scores
from eval.files.errors import BadInput

__all__ = [
    "Comparison",
    "Counts",
    "Interval",
    "Judged",
    "Pairing",
    "compare_arms",
    "estimate_score",
    "holm",
    "judge",
    "load_counts",
]

ALPHA = 0.05
# True difference with 80 % power, in half widths of the interval. 2.8 / 1.96 = 1.43 would do if the
# width were known and every question gained alike; simulated studies need 1.6.
SEEN_FOUR_TIMES_IN_FIVE = 1.6
UNDECIDED = "not distinguishable"
ComparisonVerdict = Literal["better", "worse", "not distinguishable"]
Pairing = Literal["none", "seed"]


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

    difference: float  # of the means over all runs that count
    low: float  # 95 % interval of the difference
    high: float
    p: float  # sign-flip test of no difference, two-sided, not adjusted
    probability_of_improvement: (
        float  # on a random question a random run of a beats one of b; ties count half
    )
    minimal_difference: float  # true difference that 4 of 5 such studies would call
    covers: str
    seeds: int  # training seeds of a that count
    reference_seeds: int  # of b; 0 where b is one given policy and no sample of training runs
    left_out: tuple[int, ...] = ()  # pairing by seed: seeds that only one arm has
    correlation: float | None = None  # pairing by seed: of the pairs' means; NaN where unknown
    drawn: np.ndarray = field(
        default_factory=lambda: np.zeros(0), repr=False, compare=False
    )  # draws of the difference, sorted

    @property
    def decidable(self) -> bool:
        """Methods differ only beyond their seeds, and one seed shows nothing of these."""
        return self.seeds > 1 and self.reference_seeds != 1

    def interval(self, alpha: float) -> tuple[float, float]:
        """(low, high): the interval that misses the truth in a share alpha of the studies."""
        return _interval(self.difference, self.drawn, alpha)


class Judged(NamedTuple):
    """A comparison among those that are shown with it."""

    comparison: Comparison
    p: float  # adjusted
    low: float  # the interval at the level at which p was tested, so that the two never disagree
    high: float
    verdict: ComparisonVerdict
    family: int  # how many comparisons were judged together


def estimate_score(counts: Counts, k: int, *, draws: int, rng: np.random.Generator) -> Interval:
    """Mean pass@k of an arm with its 95 % interval over questions like these and training seeds
    like these.

    Raises:
        BadInput: a question has fewer than k samples, or there is only one question.
    """
    return estimate_mean(_scores(_by_content(counts), k), draws=draws, rng=rng)


def estimate_mean(y_SQ: np.ndarray, *, draws: int, rng: np.random.Generator) -> Interval:
    """Mean of (S, Q) scores with its 95 % interval; the order of seeds is that of the sums."""
    drawn = mean_draws(y_SQ.mean(axis=0), [y_SQ], (0.0, 1.0), draws, rng)
    value = float(y_SQ.mean())
    low, high = _interval(value, drawn, ALPHA, lowest=0.0)
    return Interval(value, low, high, _covers(len(y_SQ)), len(y_SQ))


def compare_arms(
    a: Counts,
    b: Counts,
    k: int,
    *,
    draws: int,
    rng: np.random.Generator,
    pairing: Pairing = "none",
    fixed_reference: bool = False,
) -> Comparison:
    """Difference a - b in mean pass@k over the questions that both answered.

    Args:
        pairing: "none": all runs of both arms count, their seeds are two samples. "seed": runs with
            one seed number are pairs, others are left out.
        fixed_reference: b is one given policy, such as the base policy, and no sample of runs.

    Raises:
        BadInput: the arms answered different questions, share no seed where they are paired by it,
            there is only one question, or a question has fewer than k samples.
    """
    same_questions(a.problem_ids, b.problem_ids, "one arm", "the other")
    left_out: tuple[int, ...] = ()
    if pairing == "seed" and not fixed_reference:
        left_out = tuple(sorted(set(a.seeds) ^ set(b.seeds)))
        a, b = _pairs(a, b)
        a_SQ, b_SQ = _scores(a, k), _scores(b, k)
        samples_SQ = [a_SQ - b_SQ]
    else:
        a, b = _by_content(a), _by_content(b)
        a_SQ, b_SQ = _scores(a, k), _scores(b, k)
        samples_SQ = [a_SQ] if fixed_reference else [a_SQ, b_SQ]
    found = compare_means(
        a_SQ,
        b_SQ,
        samples_SQ,
        (tries_variance(a, k) + tries_variance(b, k)) ** 0.5,
        draws=draws,
        rng=rng,
        fixed_reference=fixed_reference,
    )
    paired = pairing == "seed" and not fixed_reference
    correlation = _correlation(a_SQ, b_SQ) if paired else None
    return replace(found, left_out=left_out, correlation=correlation)


def compare_means(
    a_SQ: np.ndarray,
    b_SQ: np.ndarray,
    samples_SQ: Sequence[np.ndarray],
    sampling_sd: float,
    *,
    draws: int,
    rng: np.random.Generator,
    fixed_reference: bool = False,
) -> Comparison:
    """Difference of the means of two arms' scores, (S, Q) each, on the same questions.

    Args:
        samples_SQ: the independent samples of seeds behind the difference: both arms, or the
            differences of pairs, or a alone where b is one given policy.
        sampling_sd: largest standard deviation that sampling can give to a question's difference.
    """
    d_Q = a_SQ.mean(axis=0) - b_SQ.mean(axis=0)
    difference, step = float(d_Q.mean()), min(1.0, sampling_sd)
    drawn = np.sort(mean_draws(d_Q, samples_SQ, (-step, step), draws, rng))
    low, high = _interval(difference, drawn, ALPHA)
    reference_seeds = 0 if fixed_reference else len(b_SQ)
    return Comparison(
        difference=difference,
        low=low,
        high=high,
        p=_sign_flip_p(d_Q, samples_SQ, draws, rng),
        probability_of_improvement=_probability_of_improvement(a_SQ, b_SQ),
        minimal_difference=SEEN_FOUR_TIMES_IN_FIVE * (high - low) / 2,
        covers=_covers(len(a_SQ), reference_seeds),
        seeds=len(a_SQ),
        reference_seeds=reference_seeds,
        drawn=drawn,
    )


def judge(
    comparisons: Sequence[Comparison],
    alpha: float | Sequence[float] = ALPHA,
    untested: int = 0,
) -> list[Judged]:
    """Verdicts of comparisons that are shown together, in the order given.

    Holm tests the comparison with p value p_i at alpha · p_i / (uncapped adjusted p_i). Its
    interval is shown at that level, and a verdict needs both: p adjusted <= .05, and an interval
    clear of 0. Where the test does not reject 0, the interval is widened to hold it: what is shown
    are the differences that test and draws do not both reject. Arms with one seed get no verdict.

    Args:
        alpha: the level that Holm shares, of all comparisons or of each. p is multiplied by
            .05 / alpha, so that .05 decides at every level.
        untested: further comparisons of the family, which are not to be called.
    """
    levels = np.broadcast_to(alpha, len(comparisons))
    raw = np.minimum(1, np.array([each.p for each in comparisons]) * (ALPHA / levels))
    adjusted = holm([*raw, *[1.0] * untested], capped=False)[: len(raw)]
    judged = []
    for each, level, own, p in zip(comparisons, levels, raw, adjusted.tolist(), strict=True):
        low, high = each.interval(level * own / p)
        if p > ALPHA:
            low, high = min(low, 0.0), max(high, 0.0)
        called = p <= ALPHA and (low > 0 or high < 0) and each.decidable
        word: ComparisonVerdict = (
            "not distinguishable" if not called else "better" if each.difference > 0 else "worse"
        )
        judged.append(Judged(each, min(1.0, p), low, high, word, len(raw) + untested))
    return judged


def holm(p_values: Sequence[float] | np.ndarray, capped: bool = True) -> np.ndarray:
    """p adjusted so that a whole table has a false alarm in at most alpha of the studies; same
    order as given. Not capped at 1, it also tells by how much each p was multiplied.
    """
    p = np.asarray(p_values, dtype=float)
    if not ((p >= 0) & (p <= 1)).all():
        raise BadInput(f"p values must lie in [0, 1], got {p.tolist()}.")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    return np.minimum(1, adjusted) if capped else adjusted


def _interval(
    value: float, drawn: np.ndarray, alpha: float, lowest: float = -1.0
) -> tuple[float, float]:
    """Quantiles of the draws, widened to hold the value, within [lowest, 1]."""
    ends = np.quantile(drawn, (alpha / 2, 1 - alpha / 2))
    low, high = np.clip(ends, lowest, 1.0).tolist()
    return min(value, low), max(value, high)


def _scores(counts: Counts, k: int) -> np.ndarray:
    if len(counts.problem_ids) < 2:
        raise BadInput(
            "there is only one question, and an interval needs at least 2: evaluate more questions"
        )
    return scores(counts, k)


def _by_content(*arms: Counts) -> Counts:
    """The first arm with its seeds sorted by what all of the arms answered under them: sums then
    have one order, whatever the seeds are called.
    """
    tables = [table for arm in arms for table in (arm.correct_SQ, arm.n_SQ)]
    content_SX = np.concatenate(tables, axis=1).astype(np.int64)
    order = sorted(range(len(content_SX)), key=lambda s: content_SX[s].tobytes())
    first = arms[0]
    return Counts(
        tuple(first.seeds[s] for s in order),
        first.problem_ids,
        first.n_SQ[order],
        first.correct_SQ[order],
    )


def _pairs(a: Counts, b: Counts) -> tuple[Counts, Counts]:
    """Both arms with their common seeds only, in one order that no numbering changes."""
    seeds = sorted(set(a.seeds) & set(b.seeds))
    if not seeds:
        raise BadInput(
            f"no training seed in common: {a.seeds} and {b.seeds}. Give paired runs the same seed,"
            " or compare without pairing."
        )
    a, b = a.of_seeds(seeds), b.of_seeds(seeds)
    order = _by_content(a, b).seeds
    return a.of_seeds(order), b.of_seeds(order)


def _correlation(a_SQ: np.ndarray, b_SQ: np.ndarray) -> float:
    """Pearson correlation of the pairs' mean scores; NaN with two pairs, or without spread."""
    a_S, b_S = a_SQ.mean(axis=1), b_SQ.mean(axis=1)
    if len(a_S) < 3 or not (np.ptp(a_S) and np.ptp(b_S)):
        return float("nan")
    return float(np.corrcoef(a_S, b_S)[0, 1])


def tries_variance(counts: Counts, k: int) -> float:
    """Largest variance that sampling can give to a question's score: a try's has at most 1/4.

    k samples make one try at pass@k, so a question has had Σ_s n / k tries.
    """
    return float((k / counts.n_SQ.sum(axis=0)).mean()) / 4


def _sign_flip_p(
    d_Q: np.ndarray, samples_SQ: Sequence[np.ndarray], draws: int, rng: np.random.Generator
) -> float:
    flipped, noise = flip_draws(d_Q, draws, rng), seed_draws(samples_SQ, draws, rng)
    null_2D = np.abs([flipped + noise, flipped - noise])
    return (1 + int((null_2D >= abs(d_Q.mean()) - 1e-12).sum())) / (1 + null_2D.size)


def _probability_of_improvement(a_SQ: np.ndarray, b_SQ: np.ndarray) -> float:
    a_S1Q, b_1SQ = a_SQ[:, None], b_SQ[None]
    return float(((a_S1Q > b_1SQ) + 0.5 * (a_S1Q == b_1SQ)).mean())


def _covers(seeds: int, reference_seeds: int = 0) -> str:
    """What an interval covers. Without seeds of a reference: a score, or one given reference."""
    counted = {seeds, reference_seeds or seeds}
    if counted == {1}:
        return "questions like these, this one training seed: seed-to-seed variation is unknown"
    if 1 in counted:
        return (
            "questions like these and training seeds like these of one arm; of the other, this one"
            " training seed: its seed-to-seed variation is unknown"
        )
    said = " and ".join(map(str, dict.fromkeys([seeds, reference_seeds or seeds])))
    return f"questions like these and training seeds like these ({said} seeds)"
