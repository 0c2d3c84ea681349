"""Reach: how rare a behaviour of the base policy an arm still finds.

    curve     accuracy per level, against log10 of the rate at which the base policy does what the
              level wants
    reach     1 / rate where the curve crosses one half: "finds what is done once in N tries"

The curve is fitted by isotonic regression, with the rate's order as its only assumption: what is
rarer is found no more often. Between levels the fit is linear in log10 of the rate. Where it is
above one half everywhere, the reach lies beyond the rarest level (infinite); where it is below
everywhere, there is none (0).

The interval is the percentile bootstrap's over seeds and, within each level, questions. With few
seeds such an interval is too narrow (analysis/inference/bootstrap.py): read it as a description.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from analysis.inference.statistics import ALPHA
from analysis.results.counts import Counts, scores

HALF = 0.5


@dataclass(frozen=True)
class Reach:
    """An arm's curve over levels, from the rarest on, and the number of tries at its middle."""

    levels: tuple[str, ...]
    rates: np.ndarray  # (X,) of the base policy, ascending
    accuracy: np.ndarray  # (X,) mean over seeds and questions
    low: np.ndarray  # (X,) 95 % interval
    high: np.ndarray
    tries: float  # N of "once in N tries"; inf = beyond the rarest level, 0 = no level is found
    tries_low: float
    tries_high: float


def measure_reach(
    counts: Counts,
    level_of: Mapping[str, str],
    rates: Mapping[str, float],
    draws: int,
    rng: np.random.Generator,
) -> Reach:
    """The reach of an arm. `level_of`: problem id → level; `rates`: level → rate of the base
    policy. Levels without a rate do not count; at least one must have questions.
    """
    y_SQ = scores(counts, 1)
    of = np.array([level_of.get(name, "") for name in counts.problem_ids])
    levels = sorted((level for level in rates if (of == level).any()), key=lambda x: rates[x])
    x = np.array([rates[level] for level in levels])
    groups = [y_SQ[:, of == level] for level in levels]
    mean = np.array([group.mean() for group in groups])
    drawn_DX = level_draws(groups, draws, rng)
    low, high = np.quantile(drawn_DX, (ALPHA / 2, 1 - ALPHA / 2), axis=0)
    tries_D = [tries_at_half(x, drawn) for drawn in drawn_DX]
    ends = np.quantile(tries_D, (ALPHA / 2, 1 - ALPHA / 2), method="inverted_cdf")
    value = tries_at_half(x, mean)
    return Reach(
        tuple(levels),
        x,
        mean,
        low,
        high,
        value,
        min(value, float(ends[0])),
        max(value, float(ends[1])),
    )


def level_draws(groups: list[np.ndarray], draws: int, rng: np.random.Generator) -> np.ndarray:
    """(D, X) means of each level, seeds drawn for all levels together, questions within each."""
    S = len(groups[0])
    seeds_DS = rng.multinomial(S, np.full(S, 1 / S), size=draws) / S
    columns = []
    for y_SQ in groups:
        Q = y_SQ.shape[1]
        questions_DQ = rng.multinomial(Q, np.full(Q, 1 / Q), size=draws) / Q
        columns.append(((questions_DQ @ y_SQ.T) * seeds_DS).sum(axis=1))
    return np.stack(columns, axis=1)


def tries_at_half(rates: np.ndarray, accuracy: np.ndarray) -> float:
    """1 / rate at which the isotonic fit of the accuracy crosses one half; see the module's head.
    `rates` are ascending.
    """
    fitted = isotonic_regression(accuracy).x
    found = np.flatnonzero(fitted >= HALF)
    if not len(found):
        return 0.0
    if found[0] == 0:
        return float("inf")
    i, x = found[0], np.log10(rates)
    share = (HALF - fitted[i - 1]) / (fitted[i] - fitted[i - 1])
    return float(10 ** -(x[i - 1] + share * (x[i] - x[i - 1])))
