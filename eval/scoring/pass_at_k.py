"""pass@k, maj@k and Cover@tau from counts per problem: n samples of which c are correct.

    pass@k    = 1 - C(n-c, k) / C(n, k)
                chance that k of the n samples, drawn without replacement, hold a correct one
    maj@k     = E over k-subsets of P(the most common answer is correct, ties broken by a fair draw)
    Cover@tau = share of problems with c / n >= tau

Sources: pass@k, Chen et al. 2021 (arXiv 2107.03374, section 2.1); maj@k, Wang et al. 2022 (arXiv
2203.11171); Cover@tau, arXiv 2510.08325. Departures: each problem keeps its own n, k > n is refused
instead of padded; maj@k is exact over all subsets instead of the first k samples, votes over
classes of equivalent answers, and a sample without an answer has no vote.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eval.files.errors import BadInput

LONGEST_KEPT = 10_000  # samples


def pass_at_k(
    n_Q: ArrayLike, c_Q: ArrayLike, k: int, names: Sequence[str] | None = None
) -> NDArray[np.float64]:
    """Unbiased pass@k of every problem, in [0, 1].

    Args:
        n_Q: samples per problem, of any shape; broadcasts with `c_Q`.
        c_Q: correct samples per problem.
        names: of the problems in flattened order, for errors: "aime_2024 problem 7".

    Raises:
        BadInput: k < 1, k > n, or c is not within 0..n.
    """
    n_Q, c_Q = np.broadcast_arrays(np.asarray(n_Q, dtype=np.int64), np.asarray(c_Q, dtype=np.int64))
    _refuse(
        (c_Q < 0) | (c_Q > n_Q),
        "{c} correct of {n} samples: the counts are wrong, score again",
        n_Q,
        c_Q,
        names,
    )
    refuse_large_k(n_Q, k, names)
    passed_Q = np.empty(n_Q.shape)
    for n in np.unique(n_Q):
        here = n_Q == n
        passed_Q[here] = _pass_table(int(n), k)[c_Q[here]]
    return passed_Q


def refuse_large_k(n_Q: NDArray[np.int64], k: int, names: Sequence[str] | None = None) -> None:
    """Raises BadInput, which names the first such problem, if k < 1 or k > n."""
    if k < 1:
        raise BadInput(f"k is {k}: it must be 1 or more")
    _refuse(
        n_Q < k,
        f"k = {k} but {{n}} samples: sample more, or ask for k up to {{n}}",
        n_Q,
        n_Q,
        names,
    )


def _refuse(
    bad_Q: NDArray[np.bool_],
    what: str,
    n_Q: NDArray[np.int64],
    c_Q: NDArray[np.int64],
    names: Sequence[str] | None,
) -> None:
    if bad_Q.any():
        first = int(np.flatnonzero(bad_Q)[0])
        name = names[first] if names is not None else f"problem number {first}"
        raise BadInput(f"{name}: {what.format(n=n_Q.flat[first], c=c_Q.flat[first])}")


def _pass_table(n: int, k: int) -> NDArray[np.float64]:
    """(n + 1,) pass@k for c = 0..n. Long tables are not kept: thousands would fill the memory."""
    return _kept_table(n, k) if n <= LONGEST_KEPT else _new_table(n, k)


@lru_cache(maxsize=4096)
def _kept_table(n: int, k: int) -> NDArray[np.float64]:
    return _new_table(n, k)


def _new_table(n: int, k: int) -> NDArray[np.float64]:
    """(n + 1,) pass@k for c = 0..n, with C(n-c, k) / C(n, k) = Π (i - k) / i over i = n-c+1 .. n.

    Factors with i <= k are zero. The product has an error below 1e-15.
    """
    i = np.arange(n, 0, -1)
    return 1.0 - np.concatenate([[1.0], np.cumprod(np.maximum(i - k, 0) / i)])


def cover_at(n_Q: ArrayLike, c_Q: ArrayLike, tau: float) -> float:
    """Share of problems whose success rate c / n is at least tau.

    Raises:
        BadInput: there is no problem, or one without samples.
    """
    n_Q, c_Q = np.asarray(n_Q), np.asarray(c_Q)
    if n_Q.size == 0 or (n_Q < 1).any():
        raise BadInput("Cover@tau needs at least one problem, and at least one sample of each")
    rounding = 1e-9  # in samples: 0.07 * 100 is 7.000000000000001 in floating point
    return float(np.mean(c_Q >= tau * n_Q - rounding))


def maj_at_k(
    sizes: ArrayLike, right: ArrayLike, unparsed: int, k: int, name: str = "the problem"
) -> float:
    """Expected accuracy of a majority vote among k of one problem's samples, exact over all subsets
    and ties.

    Args:
        sizes: (G,) samples in each class of equivalent answers.
        right: (G,) share of each class that is correct.
        unparsed: samples without an answer. They have no vote; a subset of them alone is wrong.
        name: of the problem, for errors.

    Raises:
        BadInput: k < 1, or k is larger than the number of samples.

    Class g wins with t votes if no other has more; with s others at t it wins 1/(1+s) of the draws,
    and 1/(1+s) = ∫ y^s dy over [0, 1]. So P(g wins) is the coefficient of x^k in

        ∫ Σ_t b_g(t) x^t Π_{h != g} [ Σ_{j<t} b_h(j) x^j + y b_h(t) x^t ] dy

    divided by that of Σ_j b_n(j) x^j.

    b_h(j) is the binomial pmf of m_h at rate k/n in place of C(m_h, j): the tilt cancels in the
    quotient and keeps numbers near one. Gauss-Legendre nodes make the integral exact.
    """
    m_G, right_G = np.asarray(sizes, dtype=np.int64), np.asarray(right, dtype=np.float64)
    n = int(m_G.sum()) + unparsed
    refuse_large_k(np.array([n]), k, [name])
    wins = [
        right_G[g] * _chance_to_win(m_G, g, unparsed, k, n)
        for g in range(len(m_G))
        if right_G[g] > 0
    ]
    return float(np.clip(sum(wins), 0.0, 1.0))


def _chance_to_win(m_G: NDArray[np.int64], g: int, unparsed: int, k: int, n: int) -> float:
    others = np.delete(m_G, g)
    votes = _binomial(int(m_G[g]), k / n)
    chance = 0.0
    for t in range(1, min(k, int(m_G[g])) + 1):
        rivals = others[others >= t]
        # Classes below t can neither win nor tie, so one binomial stands for all of them.
        rest = int(others[others < t].sum()) + unparsed
        chance += votes[t] * _no_more_than(t, rivals, rest, k, n)
    return chance / float(_binomial(n, k / n)[k])


def _no_more_than(t: int, rivals: NDArray[np.int64], rest: int, k: int, n: int) -> float:
    """∫ dy of the coefficient of x^(k-t), in which each rival has fewer than t votes, or t with
    weight y, and the rest any number.
    """
    degree = k - t
    ties = min(len(rivals), degree // t)  # largest power of y
    y, weight = np.polynomial.legendre.leggauss(ties // 2 + 1)
    y, weight = (y + 1) / 2, weight / 2
    rest_pmf = _binomial(rest, k / n)[: degree + 1]
    product = np.zeros((len(y), degree + 1))
    product[:, : len(rest_pmf)] = rest_pmf
    for size in rivals:
        pmf = _binomial(int(size), k / n)
        grown = np.zeros_like(product)
        for j in range(min(t, degree) + 1):
            grown[:, j:] += product[:, : degree + 1 - j] * (
                pmf[j] * y[:, None] if j == t else pmf[j]
            )
        product = grown
    return float(weight @ product[:, degree])


@lru_cache(maxsize=65536)
def _binomial(m: int, p: float) -> NDArray[np.float64]:
    """(m + 1,) probabilities of 0..m successes in m trials at rate p.

    They are computed by their ratios p_{j+1} / p_j from the mode outwards, which does not overflow.
    """
    if p >= 1:
        return np.eye(1, m + 1, m)[0]
    j = np.arange(m)
    ratio = (m - j) / (j + 1) * (p / (1 - p))
    mode = int(np.sum(ratio > 1))
    up, down = np.cumprod(ratio[mode:]), np.cumprod(1 / ratio[:mode][::-1])[::-1]
    pmf = np.concatenate([down, [1.0], up])
    return pmf / pmf.sum()
