"""How far apart are an arm's training seeds, and how much of that is their own noise?

Scores y_SQ of one arm (S seeds, Q questions) are read as a crossed design,

    y_sq = μ + A_s + B_q + J_sq + sampling,

where A_s moves a whole training run and J_sq a run's single answers. With the mean squares of the
two-way analysis of variance,

    variance = MS_A / (S Q) = Σ (ȳ_s − ȳ)² / (S (S − 1))       estimates  σ_A²/S + noise
    noise    = MS_AJ / (S Q), MS_AJ on (S − 1)(Q − 1) degrees  estimates  (σ_J² + σ_sampling²)/(S Q)

so that `variance − noise` estimates σ_A²/S: what another set of seeds does to the arm's mean beyond
what its questions and samples already show.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class SeedSpread(NamedTuple):
    """Variances of one arm's mean, in squared scores. Ordered as a tuple."""

    variance: float  # from the spread of the seeds' means, their noise included
    noise: float  # the part of it that questions and samples explain
    degrees: int  # of freedom, of `variance`: S − 1
    noise_degrees: int  # (S − 1)(Q − 1)


def seed_spread(y_SQ: np.ndarray) -> SeedSpread:
    """The spread of an arm's seeds. One seed shows nothing of it: zeros, with 0 degrees."""
    S, Q = y_SQ.shape
    if S == 1:
        return SeedSpread(0.0, 0.0, 0, 0)
    mean_S = y_SQ.mean(axis=1)
    residual_SQ = y_SQ - mean_S[:, None] - y_SQ.mean(axis=0) + y_SQ.mean()
    variance = float(((mean_S - mean_S.mean()) ** 2).sum()) / (S * (S - 1))
    noise_degrees = (S - 1) * (Q - 1)
    noise = float((residual_SQ**2).sum()) / noise_degrees / (S * Q)
    return SeedSpread(variance, noise, S - 1, noise_degrees)


def satterthwaite(variances: Sequence[float], degrees: Sequence[float]) -> float:
    """Degrees of freedom of a sum of independent variance estimates: (Σ V_i)² / Σ (V_i²/ν_i). Where
    all are 0, the sum of the degrees.
    """
    total = sum(variances)
    if not total:
        return float(sum(degrees))
    return 1 / sum(
        (each / total) ** 2 / count for each, count in zip(variances, degrees, strict=True)
    )
