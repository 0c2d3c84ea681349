"""The ways to add the seeds' part that were tried: coverage of each in the limit of many questions.

There a study is the difference of two means, normal with variance τ² + 1 (in units of E, the noise
that questions explain), and the arms' spreads V_a, V_b on S_a − 1 and S_b − 1 degrees; questions
and noise are known. `share` is the first arm's part of τ². In the notation of
analysis/inference/bootstrap.py the difference's draws are normal with variance 1 + x,

    ours         x = max(0, V ν/χ²_ν − 1) where V > median of χ²_ν/ν, ν the smaller of two that
                 draws of V_a/V_b give
    one ν        the same with one draw of V_a/V_b
    plug-in ν    the same with Satterthwaite's ν of the estimates
    V > E        the same as ours, added where V > 1
    always       the same as ours, always added
    two t        x = max(0, V_a ν_a/χ² − E_a) + max(0, V_b ν_b/χ² − E_b): Behrens and Fisher
    no floor     x = V ν/χ²_ν − 1, which may be negative
"""

from typing import NamedTuple

import numpy as np
from scipy.special import chdtri

from analysis.calibrate.measure import stream

# as many times the studies: the coverage of ways differs by a point, and they are cheap here
LIMIT_STUDIES = 4
SPREADS_OF_SEEDS = (0.0, 0.5, 1.0, 3.0, 10.0, 100.0)  # τ², in units of E
WAYS = ("ours", "one ν", "plug-in ν", "V > E", "always", "two t", "no floor")


class Limit(NamedTuple):
    """Seeds of both arms, and the first arm's share of τ²."""

    seeds: tuple[int, int]
    share: float


LIMITS = [
    Limit((3, 3), 0.5),
    Limit((3, 3), 1.0),
    Limit((5, 5), 0.5),
    Limit((9, 6), 0.5),
    Limit((3, 6), 0.9),
    Limit((2, 2), 0.5),
    Limit((2, 6), 0.9),
    Limit((2, 6), 0.97),
    Limit((3, 3), 0.99),
]


def coverage_of_ways(limit: Limit, studies: int, draws: int, seed: int) -> np.ndarray:
    """(spreads, ways) shares of the studies whose 95 % interval holds the truth."""
    rng = stream(seed, "alternatives", limit)
    return np.array(
        [covered(limit, spread, LIMIT_STUDIES * studies, draws, rng) for spread in SPREADS_OF_SEEDS]
    )


def covered(
    limit: Limit, spread: float, studies: int, draws: int, rng: np.random.Generator
) -> np.ndarray:
    degrees = np.array(limit.seeds) - 1
    noise = (1 / np.array(limit.seeds)) / (1 / np.array(limit.seeds)).sum()
    truth = spread * np.array([limit.share, 1 - limit.share]) + noise
    hits = np.zeros(len(WAYS))
    for _ in range(studies):
        difference = rng.normal(0, (spread + 1) ** 0.5)
        found = truth * rng.chisquare(degrees) / degrees
        extra = added(found, noise, degrees, draws, rng)
        z_D = np.abs(rng.standard_normal(draws))
        half = np.quantile(z_D * np.sqrt(np.maximum(0.0, 1 + extra)), 0.95, axis=1)
        hits += abs(difference) <= half
    return hits / studies


def added(
    found: np.ndarray, noise: np.ndarray, degrees: np.ndarray, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """(ways, draws) x of each way, from the spreads found."""
    total = found.sum()
    parts_2AD = (found * degrees)[:, None] / rng.chisquare(degrees[:, None], (2, 2, draws))
    shares_2AD = parts_2AD / parts_2AD.sum(axis=1, keepdims=True)
    drawn_2D = 1 / (shares_2AD**2 / degrees[:, None]).sum(axis=1)
    fewer_D = drawn_2D.min(axis=0)
    plug_in = 1 / ((found / total) ** 2 / degrees).sum()
    median = chdtri(plug_in, 0.5) / plug_in
    pivot_D = total * fewer_D / rng.chisquare(fewer_D)
    one_D = total * drawn_2D[0] / rng.chisquare(drawn_2D[0])
    plugged_D = total * plug_in / rng.chisquare(plug_in, draws)
    excess_D = np.maximum(0, pivot_D - 1)
    return np.array(
        [
            excess_D * (total > median),
            np.maximum(0, one_D - 1) * (total > median),
            np.maximum(0, plugged_D - 1) * (total > median),
            excess_D * (total > 1),
            excess_D,
            np.maximum(0, parts_2AD[0] - noise[:, None]).sum(axis=0),
            pivot_D - 1,
        ]
    )
