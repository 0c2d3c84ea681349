"""Looking at a study several times, and stopping where it is decided: at which level to test.

A comparison that is tested at .05 at each of three looks gives a false alarm in 11 % of the
studies. With levels α_1, α_2, … of the looks that are fixed beforehand it gives one in 5 % of them,
at whichever look it stops:

    P(a false alarm at look j or before) = α*(t_j),     t_j = seeds at look j / seeds at the last

α*, how fast the 5 % may be spent (eval/looks/spending.py), is one of (Lan and DeMets,
Biometrika 70, 1983)

    obrien_fleming   4 − 4 Φ(z_{1 − α/4} / √t)      late: the last look is tested at nearly .05
    pocock           α log(1 + (e − 1) t)           evenly: early looks can decide

The statistics of the looks are a Brownian motion B at the times t_j, and |B(t_j)| > c_j stops. The
c_j come from the densities of B that has not been stopped yet, from look to look (Armitage,
McPherson and Rowe, JRSS A 132, 1969); α_j = 2 − 2 Φ(c_j / √t_j).

Seeds count as information. Where questions limit an interval, looks share more than that, and the
levels are careful. docs/statistics.md has the simulated false alarms.
"""

from collections.abc import Sequence
from functools import cache
from typing import cast

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from analysis.inference.statistics import ALPHA, Comparison, Judged, judge
from eval.files.errors import BadInput
from eval.looks.settings import DEFAULT_SPENDING, Spending
from eval.looks.spending import spent

DENSITY_POINTS = 1_001  # points of a density
FURTHEST = 40.0  # standard deviations; nothing that a float can hold lies beyond
SMALLEST_LEVEL = 1e-300  # p is multiplied by .05 / level


def look_levels(
    looks: Sequence[int], spending: Spending = DEFAULT_SPENDING, alpha: float = ALPHA
) -> list[float]:
    """The level at which each look is tested. `looks`: seeds per arm at each, ascending.

    Raises:
        BadInput: the looks are not ascending, or the first has less than two seeds.
    """
    return [*_look_levels(tuple(looks), spending, alpha)]


@cache
def _look_levels(looks: tuple[int, ...], spending: Spending, alpha: float) -> tuple[float, ...]:
    if not looks or list(looks) != sorted(set(looks)) or looks[0] < 2:
        raise BadInput(f"looks {list(looks)}: give ascending numbers of seeds, from 2 on")
    share = np.array(looks) / looks[-1]
    allowed = np.diff([0.0, *(spent(each, spending, alpha) for each in share)])
    steps = np.diff([0.0, *share]) ** 0.5  # standard deviations of B between looks
    levels, at, density = [], np.zeros(1), np.ones(1)  # B(0) = 0
    for t, step, may_stop in zip(share, steps, allowed, strict=True):

        def stops(c: float, step: float = step, at: np.ndarray = at, p: np.ndarray = density):
            return float(p @ (norm.sf((c - at) / step) + norm.cdf((-c - at) / step)))

        c = cast(float, brentq(lambda c, stop=stops, a=may_stop: stop(c) - a, 0, FURTHEST * t**0.5))
        levels.append(max(2 * float(norm.sf(c / t**0.5)), SMALLEST_LEVEL))
        if t == share[-1]:
            break  # nobody needs the density after the last look
        on = np.linspace(-c, c, DENSITY_POINTS)
        weight = np.full(DENSITY_POINTS, on[1] - on[0])
        weight[[0, -1]] /= 2  # trapezoidal rule
        density = norm.pdf((on[:, None] - at) / step) @ density / step * weight
        at = on
    return tuple(levels)


def family_level(
    looks: Sequence[int], seeds: int, family: int, spending: Spending = DEFAULT_SPENDING
) -> float:
    """The level at which Holm's correction tests `family` comparisons at the look with so many
    seeds.

    The step with k comparisons left may test at the level that looks at .05 / k have; Holm tests it
    at a k-th of the returned level, which is the largest that no step exceeds. Comparisons that are
    decided leave the family at the next look, as they do in Holm's steps (Ye, Li, Liu and Yao,
    Statistics in Medicine 32, 2013).

    Raises:
        BadInput: no look has so many seeds.
    """
    if seeds not in looks:
        raise BadInput(
            f"the arms have {seeds} seeds, and looks are planned after {list(looks)} seeds only:"
            " train up to the next of them"
        )
    look = list(looks).index(seeds)
    steps = range(1, family + 1)
    return min(k * look_levels(looks, spending, ALPHA / k)[look] for k in steps)


def judge_at_look(
    compared: Sequence[Comparison],
    looks: Sequence[int],
    seeds: int,
    spending: Spending = DEFAULT_SPENDING,
    untested: int = 0,
) -> list[Judged]:
    """Verdicts at the look with so many seeds on the comparisons that earlier looks left open.

    untested: comparisons without verdict whose arms have stopped. They stay in the family.
    """
    level = family_level(looks, seeds, len(compared) + untested, spending) if compared else ALPHA
    return judge(compared, level, untested)
