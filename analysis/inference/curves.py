"""Curves over training: score against completions generated, and what can be said of them.

    mean         ∫ score dx / ∫ dx by the trapezoidal rule over all points, the base policy first
    to reach c   the x at which the curve, linear between its points, first reaches c

The mean of the curve is linear in the scores, Σ_x w_x y_xsq, so that its interval, difference and p
are those of any score: questions paired, seeds two samples, in the same draws
(analysis/inference/bootstrap.py).

The interval of "to reach c" inverts the intervals of the points: it holds every x whose interval
holds c, that is from where the upper ends first reach c to where the lower ends do. At the true x
the curve is c, which that point's interval misses in 5 % of the studies; so does the inversion,
where the true curve crosses c once. Between points the ends are linear, where the true ends lie
closer together. An end that is never reached is infinite: not within this training.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.inference.statistics import (
    Comparison,
    Interval,
    compare_means,
    estimate_mean,
    estimate_score,
    tries_variance,
)
from analysis.results.counts import scores
from analysis.results.on_the_way import CurveCounts
from eval.files.errors import BadInput


@dataclass(frozen=True)
class TrainingCurve:
    """pass@k of one arm at X points of its training, the base policy first where it is known."""

    x: np.ndarray  # (X,) completions generated for training, per run
    y_XSQ: np.ndarray  # scores; of the base policy the same for all seeds
    points: tuple[Interval, ...]  # (X,)
    tries_X: np.ndarray  # (X,) largest variance that sampling can give to a question's score

    @property
    def value(self) -> np.ndarray:
        return np.array([point.value for point in self.points])

    @property
    def low(self) -> np.ndarray:
        return np.array([point.low for point in self.points])

    @property
    def high(self) -> np.ndarray:
        return np.array([point.high for point in self.points])


def training_curve(
    counts: CurveCounts, k: int, *, draws: int, rng: np.random.Generator
) -> TrainingCurve:
    """The curve of an arm in pass@k.

    Raises:
        BadInput: a question has fewer than k samples, or there is only one.
    """
    x, measured = counts.completions, counts.points
    y_XSQ = np.array([scores(point, k) for point in counts.points])
    if counts.base:
        base_Q = scores(counts.base, k).mean(axis=0)
        y_XSQ = np.concatenate([np.broadcast_to(base_Q, (1, *y_XSQ.shape[1:])), y_XSQ])
        x, measured = np.array([0.0, *x]), (counts.base, *measured)
    order = np.lexsort(y_XSQ.transpose(0, 2, 1).reshape(-1, y_XSQ.shape[1]))  # of seeds, by content
    return TrainingCurve(
        x,
        y_XSQ[:, order],
        tuple(estimate_score(each, k, draws=draws, rng=rng) for each in measured),
        np.array([tries_variance(each, k) for each in measured]),
    )


def mean_weights(x: np.ndarray) -> np.ndarray:
    """(X,) weights of the points in the mean of the curve; they sum to 1."""
    steps = np.diff(x)
    return np.concatenate([[steps[0]], steps[:-1] + steps[1:], [steps[-1]]]) / (2 * steps.sum())


def mean_scores(curve: TrainingCurve) -> np.ndarray:
    """(S, Q) mean of the curve of each seed and question."""
    return np.tensordot(mean_weights(curve.x), curve.y_XSQ, axes=1)


def mean_of_curve(curve: TrainingCurve, *, draws: int, rng: np.random.Generator) -> Interval:
    return estimate_mean(mean_scores(curve), draws=draws, rng=rng)


def compare_curves(
    a: TrainingCurve, b: TrainingCurve, *, draws: int, rng: np.random.Generator
) -> Comparison:
    """Difference a - b of the means of two arms' curves. Questions are paired, seeds are not.

    Raises:
        BadInput: the curves have other points.
    """
    if a.x.tolist() != b.x.tolist():
        raise BadInput(
            "not compared: its curve has other points (completions) than the reference's curve"
        )
    a_SQ, b_SQ, squared = mean_scores(a), mean_scores(b), mean_weights(a.x) ** 2
    variance = float(squared @ (a.tries_X + b.tries_X))
    return compare_means(a_SQ, b_SQ, [a_SQ, b_SQ], variance**0.5, draws=draws, rng=rng)


def completions_to_reach(curve: TrainingCurve, score: float) -> tuple[float, float, float]:
    """(completions, low, high) at which the curve reaches the score; infinite: not within its x."""
    at, earliest, latest = (
        first_reaching(curve.x, y_X, score) for y_X in (curve.value, curve.high, curve.low)
    )
    return at, earliest, latest


def first_reaching(x: Sequence[float] | np.ndarray, y_X: np.ndarray, score: float) -> float:
    """The first x at which the line through the points is at `score` or above; inf: nowhere."""
    above = np.flatnonzero(y_X >= score)
    if not len(above):
        return float("inf")
    i = int(above[0])
    if i == 0:
        return float(x[0])
    share = (score - y_X[i - 1]) / (y_X[i] - y_X[i - 1])
    return float(x[i - 1] + share * (x[i] - x[i - 1]))
