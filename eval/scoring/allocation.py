"""Which questions get more samples than others: Neyman's allocation, in whole numbers and exact.

    v_q = (c + 1/2)(n − c + 1/2) / ((n + 1)(n + 2))       from c right of n answers to question q
    m_q minimise  Σ_q v_q / m_q   with   Σ_q m_q = samples × questions   and   m_q >= least

v_q is the posterior mean of p(1 − p) under Jeffreys' prior, so that no question counts as certain.
A mean over questions of right shares varies by Σ_q p_q(1 − p_q) / m_q, so that m_q is near to
proportional to √v_q. One sample after the other goes to where v_q / (m_q (m_q + 1)) is largest,
which is the exact minimum. On equal gain the earlier question gets it.

Sources: Neyman 1934 (Journal of the Royal Statistical Society 97); the whole numbers: Wright 2012
(The American Statistician 66).
"""

import heapq
from collections.abc import Sequence


def neyman_allocation(counts: Sequence[tuple[int, int]], samples: int, least: int = 1) -> list[int]:
    """Samples of each question, `samples` of them in the mean and at least `least` each.

    `counts`: (answers, right answers) of each question, of a policy that does not draw these
    samples. 1 <= least <= samples.
    """
    variance = [jeffreys_variance(n, correct) for n, correct in counts]
    planned = [least] * len(counts)
    gains = [(-v / (least * (least + 1)), q) for q, v in enumerate(variance)]
    heapq.heapify(gains)
    for _ in range((samples - least) * len(counts)):
        q = gains[0][1]
        planned[q] += 1
        heapq.heapreplace(gains, (-variance[q] / (planned[q] * (planned[q] + 1)), q))
    return planned


def jeffreys_variance(n: int, correct: int) -> float:
    """Posterior mean of p(1 − p) after `correct` right of n answers, prior Beta(1/2, 1/2)."""
    return (correct + 0.5) * (n - correct + 0.5) / ((n + 1) * (n + 2))
