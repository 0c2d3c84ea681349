"""pass@k, maj@k and Cover@tau against hand-computed numbers, enumeration of subsets and exact
fractions.
"""

import subprocess
import sys
from collections import Counter
from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.files.errors import BadInput
from eval.scoring.pass_at_k import cover_at, maj_at_k, pass_at_k


def test_pass_by_hand():
    # 1 - C(3,2)/C(5,2) = 1 - 3/10;  1 - C(1,2)/... = 1;  no right sample: 0
    np.testing.assert_allclose(
        pass_at_k([5, 5, 5], [2, 4, 0], 2), [0.7, 1.0, 0.0], rtol=0, atol=1e-15
    )


@pytest.mark.parametrize("n", range(1, 8))
def test_pass_equals_enumeration(n: int):
    for c in range(n + 1):
        for k in range(1, n + 1):
            subsets = list(combinations([i < c for i in range(n)], k))
            assert pass_at_k([n], [c], k)[0] == pytest.approx(
                sum(map(any, subsets)) / len(subsets), abs=1e-15
            )


@pytest.mark.parametrize("n", [1, 3, 64, 1000, 4096])
def test_pass_equals_exact_fractions(n: int):
    for k in {1, min(2, n), n // 2 or 1, n - 1 or 1, n}:
        for c in {0, 1, n // 7, n // 2, n - 1, n}:
            exact = 1 - Fraction(comb(n - c, k), comb(n, k))
            assert abs(Fraction(pass_at_k([n], [c], k)[0]) - exact) < Fraction(1, 10**12)


@given(st.integers(1, 300), st.data())
def test_pass_laws(n: int, data: st.DataObject):
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    value = pass_at_k([n], [c], k)[0]
    assert 0 <= value <= 1
    assert pass_at_k([n], [c], 1)[0] == pytest.approx(c / n, abs=1e-12)
    assert c == n or pass_at_k([n], [c + 1], k)[0] >= value
    assert k == n or pass_at_k([n], [c], k + 1)[0] >= value - 1e-15


def test_pass_keeps_shape_and_each_problem_its_own_n():
    ragged = pass_at_k([[4, 2], [8, 4]], [[1, 1], [2, 0]], 2)
    assert ragged.shape == (2, 2)
    np.testing.assert_allclose(ragged, [[0.5, 1.0], [1 - 15 / 28, 0.0]], rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("n", "c", "k", "said"),
    [
        ([8, 4], [1, 1], 5, "aime problem y: k = 5 but 4 samples"),
        ([8, 0], [1, 0], 1, "aime problem y: k = 1 but 0 samples"),
        ([8, 4], [1, 5], 2, "aime problem y: 5 correct of 4 samples"),
        ([8, 4], [-1, 1], 2, "aime problem x: -1 correct of 8 samples"),
        ([8, 4], [1, 1], 0, "k is 0"),
    ],
)
def test_pass_refuses(n: list[int], c: list[int], k: int, said: str):
    with pytest.raises(BadInput, match=said):
        pass_at_k(n, c, k, names=["aime problem x", "aime problem y"])


def test_majority_by_hand():
    # samples a a b with a right.  k = 2: aa wins, ab and ab are ties: (1 + 1/2 + 1/2) / 3
    assert maj_at_k([2, 1], [1, 0], 0, 1) == pytest.approx(2 / 3)
    assert maj_at_k([2, 1], [1, 0], 0, 2) == pytest.approx(2 / 3)
    assert maj_at_k([2, 1], [1, 0], 0, 3) == 1
    assert maj_at_k([1, 2], [1, 0], 0, 3) == 0
    assert maj_at_k([1, 1, 1], [1, 0, 0], 0, 3) == pytest.approx(1 / 3)


def test_unparsed_samples_have_no_vote():
    assert maj_at_k([1], [1], 7, 8) == 1
    assert maj_at_k([1], [1], 7, 2) == pytest.approx(2 / 8)  # the one answer must be among the two
    assert maj_at_k([], [], 8, 4) == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-1, 3), min_size=1, max_size=8),
    st.lists(st.sampled_from([0, 0.5, 1]), min_size=4, max_size=4),
)
def test_majority_equals_enumeration(labels: list[int], right: list[float]):
    classes = sorted(set(labels) - {-1})
    sizes = [labels.count(g) for g in classes]
    for k in range(1, len(labels) + 1):
        votes = [Counter(g for g in subset if g >= 0) for subset in combinations(labels, k)]
        winners = [[g for g in vote if vote[g] == max(vote.values())] for vote in votes]
        expected = sum(sum(right[g] for g in tied) / len(tied) for tied in winners if tied) / len(
            votes
        )
        assert maj_at_k(sizes, [right[g] for g in classes], labels.count(-1), k) == pytest.approx(
            expected, abs=1e-12
        )


def test_majority_of_many_samples_stays_finite():
    assert maj_at_k([400, 300, 200], [1, 0, 0], 124, 512) == pytest.approx(1, abs=1e-3)
    assert maj_at_k([512, 512], [1, 0], 0, 512) == pytest.approx(0.5, abs=1e-12)


def test_majority_refuses_large_k():
    with pytest.raises(BadInput, match=r"problem 7: k = 4 but 3 samples"):
        maj_at_k([2, 1], [1, 0], 0, 4, "problem 7")


def test_cover_by_hand():
    n, c = [4, 4, 4, 8], [0, 1, 4, 4]
    assert [cover_at(n, c, tau) for tau in (0.25, 0.5, 0.75, 1.0)] == [0.75, 0.5, 0.25, 0.25]
    assert cover_at([100], [7], 0.07) == 1
    with pytest.raises(BadInput, match="at least one sample"):
        cover_at([4, 0], [1, 0], 0.5)


def test_needs_numpy_only():
    heavy = {"torch", "transformers", "pandas", "sympy"}
    code = f"import sys, eval.scoring.pass_at_k; sys.exit(bool({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
