"""Quantiles of Student's t for whole degrees of freedom ν, without a statistics package.

With θ = arctan(t / √ν), the probability of −t..t is (Abramowitz and Stegun, Handbook of
Mathematical Functions, 26.7.3, 26.7.4)

    ν odd     2/π (θ + sin θ (cos θ + 2/3 cos³ θ + … + (2·4···(ν−3)) / (3·5···(ν−2)) cos^{ν−2} θ))
    ν even    sin θ (1 + 1/2 cos² θ + … + (1·3···(ν−3)) / (2·4···(ν−2)) cos^{ν−2} θ)

The quantile is where it crosses the wanted probability, found by halving in θ.
"""

import math

HALVINGS = 60  # of θ in [0, π/2): beyond what a float resolves


def central(theta: float, dof: int) -> float:
    """Probability that |t| is at most √ν tan θ."""
    cosine, odd = math.cos(theta), dof % 2
    term, total = (cosine if odd else 1.0), 0.0
    for power in range(odd, dof - 1, 2):
        total += term
        term *= cosine**2 * (power + 1) / (power + 2)
    total *= math.sin(theta)
    return 2 / math.pi * (theta + total) if odd else total


def half_width(level: float, dof: int) -> float:
    """t with P(|T| <= t) = level, in standard errors: `half_width(.95, 10)` = 2.228."""
    low, high = 0.0, math.pi / 2
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if central(middle, dof) < level else (low, middle)
    return math.sqrt(dof) * math.tan((low + high) / 2)
