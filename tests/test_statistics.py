"""Verdicts: numbers worked out by hand, laws, and files that must be refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.inference.bootstrap import seed_draws
from analysis.inference.statistics import (
    Comparison,
    Counts,
    compare,
    estimate,
    holm,
    load_counts,
    sentence,
    verdict,
)
from analysis.results.counts import read_runs, scores
from eval.files.errors import BadInput

DRAWS = 400


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def counts(correct_SQ, n: int = 8, seeds=None) -> Counts:
    correct_SQ = np.asarray(correct_SQ)
    S, Q = correct_SQ.shape
    return Counts(
        tuple(seeds or range(S)),
        tuple(f"p{q:02d}" for q in range(Q)),
        np.full((S, Q), n),
        correct_SQ,
    )


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Counts, Counts]:
    """Two arms with the same questions, seeds and number of samples."""
    S, Q, n = draw(st.integers(1, 4)), draw(st.integers(2, 12)), draw(st.integers(2, 9))
    cells = st.lists(st.integers(0, n), min_size=S * Q, max_size=S * Q)
    a, b = (counts(np.reshape(draw(cells), (S, Q)), n) for _ in range(2))
    return a, b


def write(path: Path, rows: list[tuple], header: str = "problem_id,n,correct") -> Path:
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


# Hand-computed numbers


def test_scores_by_hand():
    arm = counts([[2, 0], [4, 1]], n=4)
    np.testing.assert_allclose(scores(arm, 1), [[0.5, 0], [1, 0.25]])
    np.testing.assert_allclose(
        scores(arm, 2), [[1 - 1 / 6, 0], [1, 0.5]]
    )  # 1 - C(2,2)/C(4,2); 1 - C(3,2)/C(4,2)


def test_estimate_and_difference_are_means_over_questions_and_seeds():
    a, b = counts([[8, 4], [4, 0]]), counts([[2, 2], [2, 2]])
    assert estimate(a, 1, draws=DRAWS, rng=rng()).value == pytest.approx(0.5)
    assert compare(a, b, 1, draws=DRAWS, rng=rng()).difference == pytest.approx(0.25)


def test_probability_of_improvement_by_hand():
    # question 0: {8, 4} against {4, 4}: 1 and 1/2; question 1: {0, 0} against {1, 0}: 0, 1/2, 0,
    # 1/2
    found = compare(counts([[8, 0], [4, 0]]), counts([[4, 1], [4, 0]]), 1, draws=DRAWS, rng=rng())
    assert found.probability_of_improvement == pytest.approx(
        (1 + 0.5 + 1 + 0.5 + 0 + 0.5 + 0 + 0.5) / 8
    )


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.6, 0.7]), [1, 1])
    assert holm([]).tolist() == []


def test_holm_refuses_nan():
    with pytest.raises(BadInput, match="p values"):
        holm([0.1, float("nan")])


@pytest.mark.parametrize(
    ("solved", "low", "high"), [(0, 0.0, 0.0807), (10, 0.1846, 0.5126), (30, 0.9193, 1.0)]
)
def test_single_samples_give_the_interval_of_jeffreys(solved, low, high):
    """Beta(c + 1/2, 30 - c + 1/2) quantiles, from tables; the correction of the spread adds 3 %."""
    found = estimate(counts([[1] * solved + [0] * (30 - solved)], n=1), 1, draws=20_000, rng=rng())
    assert found.low == pytest.approx(low, abs=0.012)
    assert found.high == pytest.approx(high, abs=0.012)


def test_sign_flip_p_by_hand():
    """One seed, four questions all better by the same: only 2 of the 16 sign patterns lie as far
    from 0.
    """
    found = compare(counts([[4] * 4]), counts([[2] * 4]), 1, draws=20_000, rng=rng())
    assert found.p == pytest.approx(2 / 16, abs=0.01)


def test_seeds_that_dominate_give_students_t():
    """Every question of a seed gains alike, so the seeds' differences (1, 2, 3)/64 are all there is
    to know.

    t of 2 degrees of freedom: mean +- 4.303 sd / sqrt(3), and t = 2 / (1 / sqrt(3)) has p = .0742.
    """
    gains = np.array([[1], [2], [3]]) + np.zeros((3, 200), int)
    found = compare(
        counts(gains + 20, n=64), counts(0 * gains + 20, n=64), 1, draws=40_000, rng=rng()
    )
    half = 4.303 / np.sqrt(3) / 64
    assert (found.low, found.high) == pytest.approx((2 / 64 - half, 2 / 64 + half), abs=0.03 * half)
    assert found.p == pytest.approx(0.0742, abs=0.01)
    assert found.minimal_difference == pytest.approx(1.6 * half, rel=0.03)


def test_seeds_add_only_what_their_own_noise_does_not_explain():
    """Seeds as far apart as chance puts them: MS_A = MS_AB, so half of the draws, more or less, add
    nothing.
    """
    y_SQ = rng(0).random((4, 200))
    y_SQ += (0 - y_SQ.mean(axis=1) + np.sqrt(1 / 12 / 200) * np.array([-1.16, -0.39, 0.39, 1.16]))[
        :, None
    ]
    share = (seed_draws(y_SQ, 4000, rng()) == 0).mean()
    assert 0.3 < share < 0.5  # P(chi2 of 3 > 3) = .39
    assert not seed_draws(y_SQ[:1], 10, rng()).any()


# Laws


@given(pairs())
@settings(max_examples=60, deadline=None)
def test_identical_arms_differ_by_nothing(arms):
    found = compare(arms[0], arms[0], 1, draws=50, rng=rng())
    assert (found.difference, found.p, found.probability_of_improvement) == (0, 1, 0.5)
    assert found.low < 0 < found.high
    assert verdict(found, found.p) == "not distinguishable"


@given(pairs(), st.integers(1, 2))
@settings(max_examples=60, deadline=None)
def test_swapping_arms_flips_signs(arms, k):
    there = compare(arms[0], arms[1], k, draws=50, rng=rng())
    back = compare(arms[1], arms[0], k, draws=50, rng=rng())
    assert back.difference == pytest.approx(-there.difference)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))
    assert back.p == there.p
    assert back.probability_of_improvement == pytest.approx(1 - there.probability_of_improvement)


@given(pairs())
@settings(max_examples=60, deadline=None)
def test_values_lie_in_their_intervals_and_ranges(arms):
    score, found = (
        estimate(arms[0], 1, draws=50, rng=rng()),
        compare(arms[0], arms[1], 1, draws=50, rng=rng()),
    )
    assert 0 <= score.low <= score.value <= score.high <= 1
    assert score.low < score.high
    assert -1 <= found.low <= found.difference <= found.high <= 1
    assert 0 < found.p <= 1


def test_same_seed_same_numbers():
    a, b = counts(rng(1).integers(0, 9, (3, 30))), counts(rng(2).integers(0, 9, (3, 30)))
    assert compare(a, b, 1, draws=DRAWS, rng=rng(5)) == compare(a, b, 1, draws=DRAWS, rng=rng(5))
    assert compare(a, b, 1, draws=DRAWS, rng=rng(5)) != compare(a, b, 1, draws=DRAWS, rng=rng(6))


@given(st.permutations(range(6)), st.permutations((0, 1, 2)))
@settings(max_examples=20, deadline=None)
def test_order_of_rows_and_files_changes_nothing(tmp_path_factory, rows, seeds):
    folder = tmp_path_factory.mktemp("counts")
    table = {(s, q): (7 * s + 5 * q) % 9 for s in range(3) for q in range(6)}
    sorted_ = {
        s: write(folder / f"a{s}.csv", [(f"p{q}", 8, table[s, q]) for q in range(6)])
        for s in range(3)
    }
    mixed = {
        s: write(folder / f"b{s}.csv", [(f"p{q}", 8, table[s, q]) for q in rows]) for s in seeds
    }
    one, other = (
        estimate(load_counts(files), 1, draws=50, rng=rng()) for files in (sorted_, mixed)
    )
    assert one == other


def test_paired_comparison_is_sharper_than_two_intervals():
    difficulty_Q = rng(3).beta(0.35, 1.2, 30)
    a, b = (counts(rng(seed).binomial(32, difficulty_Q, (5, 30)), n=32) for seed in (4, 5))
    score, found = estimate(a, 1, draws=2000, rng=rng()), compare(a, b, 1, draws=2000, rng=rng())
    assert found.high - found.low < 0.5 * (score.high - score.low)


# What an interval covers


def test_one_seed_never_decides():
    found = compare(counts([[8] * 30]), counts([[0] * 30]), 1, draws=DRAWS, rng=rng())
    assert found.p < 0.01
    assert "seed-to-seed variation is unknown" in found.covers
    assert verdict(found, found.p) == "not distinguishable"
    assert "one training seed" in sentence(found, "aer", "none", "aime", 1, found.p)


def test_several_seeds_decide():
    a, b = counts([[7] * 30, [8] * 30, [7] * 30]), counts([[1] * 30, [0] * 30, [1] * 30])
    found = compare(a, b, 1, draws=DRAWS, rng=rng())
    assert found.covers == "questions like these and training seeds like these (3 seeds)"
    assert verdict(found, found.p) == "better"
    assert verdict(compare(b, a, 1, draws=DRAWS, rng=rng()), found.p) == "worse"
    assert verdict(found, 0.06) == "not distinguishable"
    assert "aime: aer is better than none, +83.3 points of pass@1" in sentence(
        found, "aer", "none", "aime", 1, 0.01
    )


@pytest.mark.parametrize(
    ("difference", "low", "high"), [(0.02, -0.01, 0.05), (-0.02, -0.05, 0.01), (0.02, 0.0, 0.04)]
)
def test_a_test_whose_interval_holds_0_decides_nothing(difference, low, high):
    found = Comparison(difference, low, high, 0.001, 0.5, 0.05, "", 3, ())
    assert verdict(found, 0.001) == "not distinguishable"


def test_undecided_sentence_tells_what_could_have_been_seen():
    found = Comparison(0.01, -0.03, 0.05, 0.4, 0.5, 0.062, "", 3, ())
    assert "would see a true difference of 6.2 points" in sentence(
        found, "aer", "none", "aime", 1, 0.4
    )


def test_missing_seed_is_seen_and_left_out():
    a = counts([[8, 0], [4, 0], [0, 0]], seeds=(0, 1, 2))
    b = counts([[0, 0], [8, 8]], seeds=(0, 2))
    found = compare(a, b, 1, draws=DRAWS, rng=rng())
    assert (found.seeds, found.unpaired_seeds) == (2, (1,))
    assert found.difference == pytest.approx(0.25 - 0.5)


# Refusals


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("p1", 8, "nan"), "line 3: correct is 'nan'"),
        (("p1", "", 1), "line 3: n is ''"),
        (("p1", 8, 1.5), "line 3: correct is '1.5'"),
        (("p1", 8, "inf"), "line 3: correct is 'inf'"),
        (("p1", 8), "line 3: 2 cells under 3 headings"),
        (("p1", 8, 9), "line 3: problem p1 has n = 8, correct = 9"),
        (("p1", 8, -1), "line 3: correct is '-1'"),
        (("p0", 8, 1), "line 3: a second row of problem p0"),
        (("", 8, 1), "line 3: problem_id is empty"),
    ],
)
def test_bad_rows_are_refused_with_file_and_line(tmp_path, row, said):
    path = write(tmp_path / "bad.csv", [("p0", 8, 1), row])
    with pytest.raises(BadInput) as error:
        load_counts({0: path})
    assert f"{path}, {said}" in str(error.value)


def test_missing_column_file_and_rows_are_refused(tmp_path):
    with pytest.raises(BadInput, match="no column correct"):
        load_counts({0: write(tmp_path / "a.csv", [("p0", 1)], "problem_id,n")})
    with pytest.raises(BadInput, match=r"none\.csv: cannot be read"):
        load_counts({0: tmp_path / "none.csv"})
    with pytest.raises(BadInput, match="without rows"):
        load_counts({0: write(tmp_path / "empty.csv", [])})
    with pytest.raises(BadInput, match="no counts"):
        load_counts({})


def test_seeds_with_other_questions_are_refused_by_name(tmp_path):
    one = write(tmp_path / "a.csv", [("p0", 8, 1), ("p1", 8, 1)])
    two = write(tmp_path / "b.csv", [("p0", 8, 1), ("p2", 8, 1)])
    with pytest.raises(BadInput, match=r"seed 5 lacks 1 question\(s\) that seed 0 answered: p1"):
        load_counts({5: two, 0: one})


def test_arms_that_cannot_be_paired_are_refused():
    arm = counts([[1, 2]])
    other = Counts((0,), ("p00", "q"), arm.n_SQ, arm.correct_SQ)
    with pytest.raises(BadInput, match=r"lacks 1 question\(s\).*p01"):
        compare(arm, other, 1, draws=DRAWS, rng=rng())
    with pytest.raises(BadInput, match="no training seed in common"):
        compare(arm, counts([[1, 2]], seeds=(7,)), 1, draws=DRAWS, rng=rng())


def test_too_few_samples_or_questions_are_refused():
    arm = Counts((3,), ("p00", "p01"), np.array([[8, 0]]), np.array([[1, 0]]))
    with pytest.raises(BadInput, match=r"p01 \(seed 3, n = 0\)"):
        estimate(arm, 1, draws=DRAWS, rng=rng())
    with pytest.raises(BadInput, match="pass@16 needs n >= 16"):
        estimate(counts([[1, 2]]), 16, draws=DRAWS, rng=rng())
    with pytest.raises(BadInput, match="k must be at least 1"):
        estimate(arm, 0, draws=DRAWS, rng=rng())
    with pytest.raises(BadInput, match="one question"):
        estimate(counts([[1]]), 1, draws=DRAWS, rng=rng())


def test_seed_column_splits_a_file_into_runs(tmp_path):
    path = write(
        tmp_path / "a.csv", [("p0", 8, 1, 4), ("p0", 8.0, 2, 5)], "problem_id,n,correct,seed"
    )
    assert read_runs(path) == {4: {"p0": (8, 1)}, 5: {"p0": (8, 2)}}
