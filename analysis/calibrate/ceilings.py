"""How often is a ceiling printed, and how often is it right? Simulated curves of one arm.

    P(right | q, x) = r_q + (a_q − r_q) / (1 + (C/x)^B) + A_s,     correct ~ Binomial(n, P)
    r_q ~ Beta(1, 3);  a_q = r_q + (1 − r_q) u_q,  u_q ~ Beta(2, 2)

on six points that are equally far apart, the last after `budget` times C: the ceiling is E a_q,
0.625. A_s moves a whole run beyond the base policy.
"""

from typing import NamedTuple

import numpy as np

from analysis.calibrate.measure import stream
from analysis.inference.ceiling import fitted_ceiling
from analysis.inference.curves import training_curve
from analysis.results.counts import Counts
from analysis.results.on_the_way import CurveCounts

CEILING = 0.25 + 0.75 / 2
POINTS = 6
# a fit per study costs more than an interval
CEILING_STUDIES = 0.2


class Climb(NamedTuple):
    """The shape of a study of one arm's curve."""

    budget: float  # completions of the whole training, in units of C
    questions: int = 500
    seeds: int = 5
    samples: int = 16
    steepness: float = 1.0
    seed_sd: float = 0.005  # of A_s


CLIMBS = [Climb(budget) for budget in (0.5, 1.0, 2.0, 5.0, 10.0)]


def ceilings(climb: Climb, studies: int, draws: int, seed: int) -> np.ndarray:
    """(4,) shares of the studies that print a ceiling, and whose printed interval misses the truth;
    of the printed: mean distance from the truth, mean half width, NaN where there are none.
    """
    rng, rows = stream(seed, "ceiling", climb), []
    wanted = int(np.ceil(CEILING_STUDIES * studies))
    for _ in range(wanted):
        curve = training_curve(climbed(climb, rng), 1, draws=draws, rng=rng)
        found, _why = fitted_ceiling(curve)
        if found:
            missed = not found.low <= CEILING <= found.high
            rows.append([missed, found.value - CEILING, (found.high - found.low) / 2])
    misses = sum(row[0] for row in rows)
    told = np.mean(rows, axis=0)[1:] if rows else np.full(2, np.nan)
    return np.array([len(rows) / wanted, misses / wanted, *told])


def climbed(climb: Climb, rng: np.random.Generator) -> CurveCounts:
    """The answers of one study."""
    r_Q = rng.beta(1, 3, climb.questions)
    rise_Q = (1 - r_Q) * rng.beta(2, 2, climb.questions)
    x = climb.budget * np.arange(1, POINTS + 1) / POINTS
    a_S1 = rng.normal(0, climb.seed_sd, (climb.seeds, 1))
    names = tuple(f"{q:05d}" for q in range(climb.questions))

    def counts(p_SQ: np.ndarray) -> Counts:
        n_SQ = np.full(p_SQ.shape, climb.samples)
        return Counts(tuple(range(len(p_SQ))), names, n_SQ, rng.binomial(n_SQ, np.clip(p_SQ, 0, 1)))

    points = tuple(counts(r_Q + rise_Q / (1 + each**-climb.steepness) + a_S1) for each in x)
    return CurveCounts(tuple(range(1, POINTS + 1)), x * 10_000, counts(r_Q[None]), points)
