"""Where only seeds matter: how many degrees of freedom two arms' summed variance has.

A study is then the difference of two normal means, with spreads V_a, V_b on S_a − 1 and S_b − 1
degrees, and its interval is ± c(s) √(V_a + V_b), s = V_a / (V_a + V_b). The ways to choose ν:

    ours         the smaller of two that draws of V_a/V_b give (analysis/inference/bootstrap.py)
    one ν        one draw of V_a/V_b
    one, plug-in the smaller of one draw and Satterthwaite's ν of the estimates
    plug-in ν    Satterthwaite's ν of the estimates: Welch's t
    two t        no ν: the sum of each arm's own t (Behrens and Fisher)

c(s) is computed once per way on a grid of s, so that coverage rests on very many studies.
"""

import numpy as np
from scipy.stats import norm

from analysis.calibrate.measure import stream

NU_WAYS = ("ours", "one ν", "one, plug-in", "plug-in ν", "two t")
SEED_PAIRS = [(2, 2), (3, 3), (5, 5), (9, 6), (3, 6), (2, 6)]
TRUE_SHARES = (0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.99, 0.995, 0.999, 1.0)  # of the first arm
EDGES = (0.002, 0.005, 0.01, 0.02, 0.035)
SHARE_GRID = np.sort([0, *EDGES, *np.linspace(0.05, 0.95, 19), *(1 - np.array(EDGES)), 1])
MANY = 200  # draws and simulated spreads for each of the other tables' studies


def degrees_coverage(seeds: tuple[int, int], studies: int, draws: int, seed: int) -> np.ndarray:
    """(ways, 3): lowest coverage over the true shares; coverage and median half width, in √V of the
    truth, where both arms spread alike.
    """
    rng, degrees = stream(seed, "seeds alone", seeds), np.array(seeds) - 1
    critical_WL = np.stack([critical_values(s, degrees, 20 * draws, rng) for s in SHARE_GRID], 1)
    spread_2N = rng.chisquare(degrees[:, None], (2, MANY * studies)) / degrees[:, None]
    covered_WT = np.empty((len(NU_WAYS), len(TRUE_SHARES)))
    width_W = np.empty(len(NU_WAYS))
    for i, share in enumerate(TRUE_SHARES):
        part_2N = spread_2N * np.array([[share], [1 - share]])
        total_N = part_2N.sum(axis=0)
        for way, critical_L in enumerate(critical_WL):
            half_N = np.interp(part_2N[0] / total_N, SHARE_GRID, critical_L) * total_N**0.5
            covered_WT[way, i] = (2 * norm.cdf(half_N) - 1).mean()
            if share == 0.5:
                width_W[way] = np.median(half_N) * 2**0.5
    return np.stack([covered_WT.min(axis=1), covered_WT[:, TRUE_SHARES.index(0.5)], width_W], 1)


def critical_values(
    share: float, degrees: np.ndarray, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """(ways,) c(s)."""
    found = np.array([share, 1 - share])
    parts_2AD = (found * degrees)[:, None] / rng.chisquare(degrees[:, None], (2, 2, draws))
    shares_2AD = parts_2AD / parts_2AD.sum(axis=1, keepdims=True)
    first_D, second_D = 1 / (shares_2AD**2 / degrees[:, None]).sum(axis=1)
    plug_in = 1 / (found**2 / degrees).sum()
    nus_WD = [
        np.minimum(first_D, second_D),
        first_D,
        np.minimum(first_D, plug_in),
        np.full(draws, plug_in),
    ]
    variances_WD = [nu_D / rng.chisquare(nu_D) for nu_D in nus_WD] + [parts_2AD[0].sum(axis=0)]
    z_D = np.abs(rng.standard_normal(draws))
    return np.quantile(z_D * np.sqrt(variances_WD), 0.95, axis=1)
