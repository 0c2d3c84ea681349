"""The hierarchical bootstrap: questions, their samples, and what the training seeds add.

A draw of the mean difference of two arms (or of the mean of one arm, without b) is

    questions  Σ_q w_q d_q,  w ~ Dirichlet(1, …, 1): Rubin's Bayesian bootstrap (Annals of
               Statistics 9, 1981) of d_q, the difference of the arms' means on question q
  + seeds      z √τ²,  z ~ N(0, 1),  τ² = max(0, V ν/χ²_ν − Σ E_i ν_i/χ²_ν_i); 0 where V ≤ m E

The arms share their questions, which are therefore paired. Their seeds are two samples. With
V_i and E_i an arm's `variance` and `noise` (analysis/inference/seed_spread.py), V = V_a + V_b and
E = E_a + E_b:

* V estimates σ_A,a²/S_a + σ_A,b²/S_b + E. Each V_i is its expectation times χ²/(S_i − 1) on S_i − 1
  degrees, so Satterthwaite's approximation (Biometrics Bulletin 2, 1946; Welch, Biometrika 34,
  1947) gives V the degrees ν = (V_a + V_b)² / (V_a²/(S_a − 1) + V_b²/(S_b − 1)), and V ν/χ²_ν is a
  generalised pivotal quantity of its expectation (Weerahandi, JASA 88, 1993). Where seeds dominate,
  the draws are Welch's t; with S_a = S_b and equal spread ν is 2 (S − 1), where pairing by seed
  leaves S − 1.
* ν depends on the ratio of two variances, each known from a few seeds only: the plug-in ν is too
  large whenever the wider arm's few seeds agree by luck. So ratios are drawn, from
  V_i (S_i − 1)/χ², two for every draw, and the smaller ν of the two counts. With one, an arm that
  spreads ten times as much as the other and has two or three seeds takes coverage below 94 %.
* The questions' part already holds the seeds' interaction with questions, and their sampling. Only
  what exceeds it, V − E, is added. Resampling every level (`plain_means`) counts E twice, and three
  seeds resampled spread too little by √(2/3).
* Seeds that lie closer than in half of the studies in which they make no difference (V ≤ m E, m the
  median of F with the degrees of V and E) add nothing: τ² is then estimated as 0 without a bias in
  the median. Always added, intervals are too wide where seeds make no difference; added above V = E
  only, they are too narrow where few seeds make a small one.

Two pseudo-questions of half a question's weight each (`ends`) keep an interval open where all
counts are equal, such as 0 of 30. With scores 0 and 1 they make single samples give Jeffreys'
Beta(c + 1/2, Q − c + 1/2). docs/statistics.md measures all of this and the
alternatives.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import fdtri  # quantiles of F

from analysis.inference.seed_spread import SeedSpread, satterthwaite, seed_spread

# random numbers at a time: they stay in the cache, so that draws cost arithmetic and not memory
BLOCK = 1 << 15
PERCENTILES = (0.025, 0.975)  # ends of a 95 % interval


def mean_draws(
    y_Q: np.ndarray,
    arms_SQ: Sequence[np.ndarray],
    ends: tuple[float, float],
    draws: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """(2 · draws,) draws of the mean of y_Q over questions and training seeds like these.

    Args:
        y_Q: (Q,) scores or differences, means over seeds.
        arms_SQ: the independent samples of seeds behind y_Q, (S, Q) each: one arm, two arms, or the
            differences of runs that are paired.
        ends: see question_draws.

    Each draw comes twice, with the seeds' noise added and taken away and the ends exchanged:
    swapping two arms then mirrors their difference's draws exactly.
    """
    there, back = question_draws(y_Q, ends, draws, rng)
    noise = seed_draws(arms_SQ, draws, rng)
    return np.concatenate([there + noise, back - noise])


def question_draws(
    y_Q: np.ndarray, ends: tuple[float, float], draws: int, rng: np.random.Generator
) -> np.ndarray:
    """(2, draws) weighted means of y_Q and two pseudo-questions that score `ends`, with half a
    question's weight each.

    The second row exchanges the weights of the ends. Spread as s²/Q, which Dirichlet weights alone
    miss by (Q − 1)/(Q + 1).
    """
    total, top = np.empty(draws), np.empty(draws)

    def fill(block: slice, weight_DQ: np.ndarray) -> None:
        total[block], top[block] = weight_DQ.sum(axis=1), weight_DQ @ y_Q

    _in_blocks(draws, len(y_Q), lambda out: rng.standard_exponential(out=out), fill)
    half_2D = rng.standard_gamma(0.5, (2, draws))
    extra_2D = np.stack([ends @ half_2D, ends @ half_2D[::-1]])
    centre = (y_Q.sum() + sum(ends) / 2) / (len(y_Q) + 1)
    mean_2D = (top + extra_2D) / (total + half_2D.sum(axis=0))
    return centre + (mean_2D - centre) * np.sqrt((len(y_Q) + 1) / (len(y_Q) - 1))


def flip_draws(d_Q: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """(draws,) means of d_Q with signs flipped at random: what "no difference" would have given."""
    up = np.empty(draws)

    def fill(block: slice, uniform_DQ: np.ndarray) -> None:
        up[block] = (uniform_DQ < 0.5) @ d_Q

    _in_blocks(draws, len(d_Q), lambda out: rng.random(out=out), fill)
    return (2 * up - d_Q.sum()) / len(d_Q)


def seed_draws(arms_SQ: Sequence[np.ndarray], draws: int, rng: np.random.Generator) -> np.ndarray:
    """(draws,) z √τ²: what the seeds of independent arms do to a mean beyond their questions.

    Arms with one seed show nothing of it and add nothing. The order of arms changes nothing.
    """
    arms = sorted(seed_spread(y_SQ) for y_SQ in arms_SQ if len(y_SQ) > 1)
    variance, noise = sum(arm.variance for arm in arms), sum(arm.noise for arm in arms)
    if not variance or variance <= noise * _median_ratio(arms):
        return np.zeros(draws)
    degrees_D = _degrees(arms, draws, rng)
    if len(arms) > 1:
        degrees_D = np.minimum(degrees_D, _degrees(arms, draws, rng))
    noise_D = sum(_pivot(arm.noise, arm.noise_degrees, draws, rng) for arm in arms)
    excess_D = _pivot(variance, degrees_D, draws, rng) - noise_D
    return rng.standard_normal(draws) * np.sqrt(np.maximum(0.0, excess_D))


def _degrees(arms: Sequence[SeedSpread], draws: int, rng: np.random.Generator) -> np.ndarray:
    """(draws,) Satterthwaite's degrees of the arms' summed variances, which are drawn."""
    part_AD = np.stack([_pivot(arm.variance, arm.degrees, draws, rng) for arm in arms])
    share_AD = part_AD / part_AD.sum(axis=0)
    degrees_A1 = np.array([[arm.degrees] for arm in arms])
    return 1 / (share_AD**2 / degrees_A1).sum(axis=0)


def _median_ratio(arms: Sequence[SeedSpread]) -> float:
    """Median of variance / noise where seeds make no difference: of F with Satterthwaite's degrees
    of both sums.
    """
    degrees = satterthwaite([arm.variance for arm in arms], [arm.degrees for arm in arms])
    rest = satterthwaite([arm.noise for arm in arms], [arm.noise_degrees for arm in arms])
    return float(fdtri(degrees, rest, 0.5))


def _pivot(
    variance: float, degrees: float | np.ndarray, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """(draws,) draws of the expectation of a variance estimate with that many degrees."""
    return variance * degrees / rng.chisquare(degrees, draws)


def plain_means(arms_SQ: Sequence[np.ndarray], draws: int, rng: np.random.Generator) -> np.ndarray:
    """(A, draws) means of the textbook's bootstrap: seeds and questions drawn with replacement.

    All arms A get the same questions, which keeps them paired, and seeds of their own. For
    comparison only: with few seeds its percentiles are too narrow where seeds matter.
    """
    Q = arms_SQ[0].shape[1]
    means = np.empty((len(arms_SQ), draws))
    rows = BLOCK // Q + 1
    for start in range(0, draws, rows):
        block = slice(start, min(start + rows, draws))
        questions_DQ = _multiplicities(block.stop - start, Q, rng)
        for arm, y_SQ in enumerate(arms_SQ):
            seeds_DS = _multiplicities(block.stop - start, len(y_SQ), rng)
            by_seed_DS = questions_DQ @ y_SQ.T
            means[arm, block] = (by_seed_DS * seeds_DS).sum(axis=1) / y_SQ.size
    return means


def _multiplicities(draws: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """(draws, size) how often each of `size` things is drawn in `size` draws with replacement."""
    drawn = rng.integers(size, size=(draws, size)) + size * np.arange(draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=draws * size).reshape(draws, size).astype(float)


def _in_blocks(
    draws: int, size: int, refill: Callable, use: Callable[[slice, np.ndarray], None]
) -> None:
    """Calls use(block, random (rows, size)) until all draws are covered, in one reused buffer."""
    rows = min(draws, BLOCK // size + 1)
    buffer = np.empty((rows, size))
    for start in range(0, draws, rows):
        block = slice(start, min(start + rows, draws))
        refill(buffer)
        use(block, buffer[: block.stop - start])
