"""A trial: seed variances shrunk toward those of all arms, as genomics does with three replicates.

Smyth (Statistical Applications in Genetics and Molecular Biology 3, 2004; limma's `squeezeVar`):
the variances of G arms, s_i² on d_i degrees, scatter about a common s_0² with d_0 prior degrees,
both estimated from log s_i² by moments,

    e_i = log s_i² − ψ(d_i/2) + log(d_i/2)
    ψ'(d_0/2) = Σ (e_i − ē)²/(G − 1) − mean ψ'(d_i/2);  d_0 = ∞ where that is not positive
    s_0² = exp(ē + ψ(d_0/2) − log(d_0/2))
    s̃_i² = (d_0 s_0² + d_i s_i²)/(d_0 + d_i)  on d_0 + d_i degrees, at most Σ d_i

and two arms are compared by Welch's t on s̃_i². The page reports what this does to coverage beside
the method in use; the seeds dominate here, as in the hardest cells of the other tables, so that a
study is only the means of its runs, normal with one standard deviation per arm.
"""

import numpy as np
from scipy.optimize import brentq
from scipy.special import polygamma, psi
from scipy.stats import t

from analysis.calibrate.measure import stream
from analysis.inference.bootstrap import PERCENTILES, seed_draws
from analysis.inference.seed_spread import satterthwaite

# what limma does to variances of 0, whose logarithm would decide everything
LEAST_VARIANCE = 1e-5  # of the median

SPREADS = {  # standard deviations of five arms' seeds; the first two are compared
    "all alike": (1, 1, 1, 1, 1),
    "a third spreads 6 times": (1, 1, 6, 1, 1),
    "a third is quiet": (1, 1, 0.05, 1, 1),
    "the first spreads 2 times": (2, 1, 1, 1, 1),
    "the first spreads 6 times": (6, 1, 1, 1, 1),
    "both spread 3 times": (3, 3, 1, 1, 1),
}
CELLS = [(spread, seeds) for spread in SPREADS for seeds in (3, 5)]


def moderated(variances_G: np.ndarray, degrees: int) -> tuple[np.ndarray, float]:
    """(s̃_i², their degrees of freedom) of G arms with as many seeds each."""
    floored_G = np.maximum(variances_G, LEAST_VARIANCE * np.median(variances_G))
    e_G = np.log(floored_G) - psi(degrees / 2) + np.log(degrees / 2)
    excess = e_G.var(ddof=1) - float(polygamma(1, degrees / 2))
    if excess <= 0:
        prior = np.inf
        shrunk_G = np.full(len(e_G), np.exp(e_G.mean()))
    else:
        prior = 2 * float(brentq(lambda x: float(polygamma(1, x)) - excess, 1e-8, 1e8))  # type: ignore[arg-type]
        centre = np.exp(e_G.mean() + psi(prior / 2) - np.log(prior / 2))
        shrunk_G = (prior * centre + degrees * floored_G) / (prior + degrees)
    return shrunk_G, min(prior + degrees, len(e_G) * degrees)


def trial(cell: tuple[str, int], studies: int, draws: int, seed: int) -> np.ndarray:
    """(4,) coverage of the difference and its mean width, by moderated variances and by ours."""
    spread, seeds = cell
    rng, sd_G = stream(seed, "moderated", cell), np.array(SPREADS[spread], dtype=float)
    rows = []
    for _ in range(studies):
        y_GS = sd_G[:, None] * rng.standard_normal((len(sd_G), seeds))
        difference = y_GS[0].mean() - y_GS[1].mean()
        shrunk_G, degrees = moderated(y_GS.var(axis=1, ddof=1), seeds - 1)
        pair = (shrunk_G[:2] / seeds).tolist()
        # Welch's degrees of the two, never more than the study has
        together = min(satterthwaite(pair, [degrees, degrees]), len(sd_G) * (seeds - 1))
        half = float(t.ppf(PERCENTILES[1], together)) * sum(pair) ** 0.5
        ours = seed_draws([y_S[:, None] + np.zeros(2) for y_S in y_GS[:2]], draws, rng)
        own_half = float(np.quantile(np.abs(ours), PERCENTILES[1] - PERCENTILES[0]))
        rows.append([abs(difference) <= half, abs(difference) <= own_half, 2 * half, 2 * own_half])
    return np.mean(rows, axis=0)
