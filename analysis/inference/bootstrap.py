"""The hierarchical bootstrap: seeds, then questions, then samples, drawn so that three seeds are
priced honestly.

Scores y_SQ (S seeds, Q questions) are read as a crossed design,

    y_sq = μ + A_s + B_q + (AB)_sq + sampling,      Var ȳ = σ_A²/S + σ_B²/Q + (σ_AB² + σ_sampling²)/(S Q)

and each draw of the mean is

    questions   Σ_q w_q ȳ_q, w ~ Dirichlet(1, …, 1): Rubin's Bayesian bootstrap (Annals of Statistics 9, 1981)
  + seeds       ± z √τ², τ² = max(0, (S−1) MS_A / χ²_{S−1} − ν MS_AB / χ²_ν) / (S Q), ν = (S−1)(Q−1)

with MS the mean squares of the two-way analysis of variance, z standard normal and χ² fresh in each
draw. Departures from the textbook's resampling of all levels (`plain_means`), each justified by
simulation in docs/statistics.md:
* A resample of questions already carries their interaction with seeds, and the sampling through (n,
  correct). What it misses is what moves all questions of a seed together, A_s; so only that is
  added. Resampling every level counts the lower ones again.
* Three seeds resampled give ten different means, with a spread too small by √(2/3). τ² is a
  generalised pivotal quantity (Weerahandi, JASA 88, 1993): it becomes Student's t with S − 1
  degrees of freedom when seeds dominate, and vanishes when the seeds agree better than their own
  noise explains.
* Two pseudo-questions of half a question's weight each (`ends`) keep an interval open where all
  counts are equal, such as 0 of 30. With scores 0 and 1 they make single samples give Jeffreys'
  Beta(c + 1/2, Q − c + 1/2).
"""

from collections.abc import Callable

import numpy as np

BLOCK = (
    1 << 15
)  # random numbers at a time: they stay in the cache, so that draws cost arithmetic and not memory


def mean_draws(
    y_SQ: np.ndarray, ends: tuple[float, float], draws: int, rng: np.random.Generator
) -> np.ndarray:
    """(2 · draws,) draws of the mean over questions like these and seeds like these. `ends`: see
    question_draws.

    Each draw comes twice, with the seeds' noise added and taken away and the ends exchanged:
    swapping two arms then mirrors their difference's draws exactly.
    """
    there, back = question_draws(y_SQ.mean(axis=0), ends, draws, rng)
    noise = seed_draws(y_SQ, draws, rng)
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


def seed_draws(y_SQ: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """(draws,) z √τ²: what the seeds do to the mean beyond their questions. One seed shows nothing
    of it: zeros.
    """
    S, Q = y_SQ.shape
    if S == 1:
        return np.zeros(draws)
    mean_S = y_SQ.mean(axis=1)
    residual_SQ = y_SQ - mean_S[:, None] - y_SQ.mean(axis=0) + y_SQ.mean()
    seeds = Q * ((mean_S - mean_S.mean()) ** 2).sum() / rng.chisquare(S - 1, draws)
    rest = (residual_SQ**2).sum() / rng.chisquare((S - 1) * (Q - 1), draws)
    return rng.standard_normal(draws) * np.sqrt(np.maximum(0.0, seeds - rest) / (S * Q))


def plain_means(y_ASQ: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """(A, draws) means of the textbook's bootstrap: S seeds and Q questions drawn with replacement.

    All arms A get the same draws, which keeps them paired and costs as much as one. For comparison
    only: with few seeds its percentiles are too narrow where seeds matter.
    """
    A, S, Q = y_ASQ.shape
    means = np.empty((A, draws))
    rows = BLOCK // Q + 1
    for start in range(0, draws, rows):
        block = slice(start, min(start + rows, draws))
        seeds_DS, questions_DQ = (_multiplicities(block.stop - start, size, rng) for size in (S, Q))
        by_seed_DAS = (questions_DQ @ y_ASQ.reshape(A * S, Q).T).reshape(-1, A, S)
        means[:, block] = (by_seed_DAS * seeds_DS[:, None]).sum(axis=2).T / (S * Q)
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
