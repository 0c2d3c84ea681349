"""Verdicts: numbers worked out by hand, laws, and files that must be refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.inference.bootstrap import seed_draws
from analysis.inference.seed_spread import seed_spread
from analysis.inference.sentences import difference_in_words, p_in_words, sentence, signed_points
from analysis.inference.statistics import (
    Comparison,
    ComparisonVerdict,
    Counts,
    compare_arms,
    estimate_score,
    holm,
    judge,
    load_counts,
)
from analysis.results.counts import read_runs, scores
from eval.files.errors import BadInput

DRAWS = 400


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def verdict(found: Comparison) -> ComparisonVerdict:
    """Of the only comparison shown."""
    return judge([found])[0].verdict


def told(found: Comparison, k: int = 1) -> str:
    return sentence(judge([found])[0], "aer", "none", "aime", k)


def made_up(difference: float, low: float, high: float, p: float, seeds: int = 3) -> Comparison:
    """A comparison whose draws spread evenly, so that its 95 % interval is low to high."""
    margin = (high - low) * 0.025 / 0.95
    drawn = np.linspace(low - margin, high + margin, 20_001)
    return Comparison(difference, low, high, p, 0.5, 0.062, "", seeds, seeds, drawn=drawn)


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
    """Two arms with the same questions and number of samples, each with its number of seeds."""
    Q, n, arms = draw(st.integers(2, 12)), draw(st.integers(2, 9)), []
    for _ in range(2):
        S = draw(st.integers(1, 4))
        cells = draw(st.lists(st.integers(0, n), min_size=S * Q, max_size=S * Q))
        arms.append(counts(np.reshape(cells, (S, Q)), n))
    return arms[0], arms[1]


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
    assert estimate_score(a, 1, draws=DRAWS, rng=rng()).value == pytest.approx(0.5)
    assert compare_arms(a, b, 1, draws=DRAWS, rng=rng()).difference == pytest.approx(0.25)


def test_probability_of_improvement_by_hand():
    # question 0: {8, 4} against {4, 4}: 1 and 1/2; question 1: {0, 0} against {1, 0}: 0, 1/2, 0,
    # 1/2
    found = compare_arms(
        counts([[8, 0], [4, 0]]), counts([[4, 1], [4, 0]]), 1, draws=DRAWS, rng=rng()
    )
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
    found = estimate_score(
        counts([[1] * solved + [0] * (30 - solved)], n=1), 1, draws=20_000, rng=rng()
    )
    assert found.low == pytest.approx(low, abs=0.012)
    assert found.high == pytest.approx(high, abs=0.012)


def test_sign_flip_p_by_hand():
    """One seed, four questions all better by the same: only 2 of the 16 sign patterns lie as far
    from 0.
    """
    found = compare_arms(counts([[4] * 4]), counts([[2] * 4]), 1, draws=20_000, rng=rng())
    assert found.p == pytest.approx(2 / 16, abs=0.01)


def test_paired_seeds_that_dominate_give_students_t():
    """Every question of a seed gains alike, so the seeds' differences (1, 2, 3)/64 are all there is
    to know.

    t of 2 degrees of freedom: mean +- 4.303 sd / sqrt(3), and t = 2 / (1 / sqrt(3)) has p = .0742.
    """
    gains = np.array([[1], [2], [3]]) + np.zeros((3, 200), int)
    arms = counts(gains + 20, n=64), counts(0 * gains + 20, n=64)
    found = compare_arms(*arms, 1, draws=40_000, rng=rng(), pairing="seed")
    half = 4.303 / np.sqrt(3) / 64
    assert (found.low, found.high) == pytest.approx((2 / 64 - half, 2 / 64 + half), abs=0.03 * half)
    assert found.p == pytest.approx(0.0742, abs=0.01)
    assert found.minimal_difference == pytest.approx(1.6 * half, rel=0.03)


def test_one_arm_with_all_the_spread_gives_students_t_of_that_arm():
    """V_b = 0, so Welch's degrees of freedom are S_a - 1 whatever the ratio's draws: the numbers of
    the paired case, with b's runs all alike and twice as many.
    """
    gains = np.array([[1], [2], [3]]) + np.zeros((3, 200), int)
    a, b = counts(gains + 20, n=64), counts(np.full((6, 200), 20), n=64)
    found = compare_arms(a, b, 1, draws=40_000, rng=rng())
    half = 4.303 / np.sqrt(3) / 64
    assert (found.low, found.high) == pytest.approx((2 / 64 - half, 2 / 64 + half), abs=0.03 * half)
    assert found.p == pytest.approx(0.0742, abs=0.01)
    assert (found.seeds, found.reference_seeds) == (3, 6)


def test_two_arms_that_spread_alike_lie_between_welch_and_the_narrower_t():
    """Both arms' seeds at 19, 20, 21: Welch's plug-in has 4 degrees of freedom (2.776), one arm 2
    (4.303); the ratio of two variances known from three seeds each costs some of the 4.
    """
    a = counts(np.array([[19], [20], [21]]) + np.zeros((3, 200), int), n=64)
    found = compare_arms(a, a, 1, draws=40_000, rng=rng())
    deviation = np.sqrt(2 / 3) / 64
    assert 2.776 < found.high / deviation < 3.6
    assert found.low == pytest.approx(-found.high, rel=0.01)


def test_seed_spread_by_hand():
    """Means (1, 2, 3), and residuals that a hand can add up: +-1/4 within two of the seeds."""
    y_SQ = np.array([[1.25, 0.75], [1.75, 2.25], [3.0, 3.0]])
    found = seed_spread(y_SQ)
    assert found.variance == pytest.approx(1 / 3)  # s^2 / S
    assert found.noise == pytest.approx((4 * 0.25**2) / 2 / 6)  # MS of 2 degrees / (S Q)
    assert (found.degrees, found.noise_degrees) == (2, 2)
    assert seed_spread(y_SQ[:1]) == (0, 0, 0, 0)


def test_seeds_add_nothing_that_their_own_noise_explains():
    """The same noise with the seeds' means set by hand: closer than it puts them in half of such
    studies (variance ratio below the median of F with 3 and many degrees, .79), and farther.
    """
    noise_SQ = rng(0).random((4, 200))
    noise_SQ -= noise_SQ.mean(axis=1, keepdims=True)
    expected = np.sqrt(1 / 12 / 200)  # sd of a seed's mean by its noise alone
    near, far = (
        noise_SQ + factor * expected * np.array([-1.16, -0.39, 0.39, 1.16])[:, None]
        for factor in (0.85, 0.93)
    )
    assert not seed_draws([near], 4000, rng()).any()
    assert seed_draws([far], 4000, rng()).any()
    assert not seed_draws([far, far], 4000, rng()).any()  # of 6 degrees, .89
    assert not seed_draws([far[:1]], 10, rng()).any()


# Laws


@given(pairs())
@settings(max_examples=60, deadline=None)
def test_identical_arms_differ_by_nothing(arms):
    found = compare_arms(arms[0], arms[0], 1, draws=50, rng=rng())
    assert (found.difference, found.p, found.probability_of_improvement) == (0, 1, 0.5)
    assert found.low < 0 < found.high
    assert verdict(found) == "not distinguishable"


@given(pairs(), st.integers(1, 2))
@settings(max_examples=60, deadline=None)
def test_swapping_arms_flips_signs(arms, k):
    there = compare_arms(arms[0], arms[1], k, draws=50, rng=rng())
    back = compare_arms(arms[1], arms[0], k, draws=50, rng=rng())
    assert back.difference == pytest.approx(-there.difference)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))
    assert back.p == there.p
    assert back.probability_of_improvement == pytest.approx(1 - there.probability_of_improvement)


@given(pairs())
@settings(max_examples=60, deadline=None)
def test_values_lie_in_their_intervals_and_ranges(arms):
    score, found = (
        estimate_score(arms[0], 1, draws=50, rng=rng()),
        compare_arms(arms[0], arms[1], 1, draws=50, rng=rng()),
    )
    assert 0 <= score.low <= score.value <= score.high <= 1
    assert score.low < score.high
    assert -1 <= found.low <= found.difference <= found.high <= 1
    assert 0 < found.p <= 1


def test_same_seed_same_numbers():
    a, b = counts(rng(1).integers(0, 9, (3, 30))), counts(rng(2).integers(0, 9, (3, 30)))
    assert compare_arms(a, b, 1, draws=DRAWS, rng=rng(5)) == compare_arms(
        a, b, 1, draws=DRAWS, rng=rng(5)
    )
    assert compare_arms(a, b, 1, draws=DRAWS, rng=rng(5)) != compare_arms(
        a, b, 1, draws=DRAWS, rng=rng(6)
    )


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
        estimate_score(load_counts(files), 1, draws=50, rng=rng()) for files in (sorted_, mixed)
    )
    assert one == other


def test_paired_comparison_is_sharper_than_two_intervals():
    difficulty_Q = rng(3).beta(0.35, 1.2, 30)
    a, b = (counts(rng(seed).binomial(32, difficulty_Q, (5, 30)), n=32) for seed in (4, 5))
    score, found = (
        estimate_score(a, 1, draws=2000, rng=rng()),
        compare_arms(a, b, 1, draws=2000, rng=rng()),
    )
    assert found.high - found.low < 0.5 * (score.high - score.low)


# What an interval covers


def test_one_seed_never_decides():
    found = compare_arms(counts([[8] * 30]), counts([[0] * 30]), 1, draws=DRAWS, rng=rng())
    assert found.p < 0.01
    assert "seed-to-seed variation is unknown" in found.covers
    assert verdict(found) == "not distinguishable"
    assert "with one training seed of each of them" in told(found)


@pytest.mark.parametrize("swapped", [False, True])
def test_one_seed_of_one_arm_decides_nothing_and_is_named(swapped):
    arms = [counts([[8] * 30, [7] * 30, [8] * 30]), counts([[0] * 30])]
    a, b = arms[::-1] if swapped else arms
    found = compare_arms(a, b, 1, draws=DRAWS, rng=rng())
    assert verdict(found) == "not distinguishable"
    assert f"one training seed of {'aer' if swapped else 'none'}, how much" in told(found)
    assert "of the other, this one training seed" in found.covers


def test_a_given_policy_needs_no_seeds_of_its_own():
    trained, base = counts([[8] * 30, [7] * 30, [8] * 30]), counts([[1] * 30])
    found = compare_arms(trained, base, 1, draws=DRAWS, rng=rng(), fixed_reference=True)
    assert verdict(found) == "better"
    assert found.covers == "questions like these and training seeds like these (3 seeds)"
    alone = compare_arms(
        trained.of_seeds([0]), base, 1, draws=DRAWS, rng=rng(), fixed_reference=True
    )
    assert verdict(alone) == "not distinguishable"
    assert "with one training seed of aer" in told(alone)


def test_several_seeds_decide():
    a, b = counts([[7] * 30, [8] * 30, [7] * 30]), counts([[1] * 30, [0] * 30, [1] * 30])
    found = compare_arms(a, b, 1, draws=DRAWS, rng=rng())
    assert found.covers == "questions like these and training seeds like these (3 seeds)"
    assert verdict(found) == "better"
    assert verdict(compare_arms(b, a, 1, draws=DRAWS, rng=rng())) == "worse"
    assert "aime: aer is better than none, +83.3 points (95 % interval +" in told(found)


@pytest.mark.parametrize(
    ("difference", "low", "high"), [(0.02, -0.01, 0.05), (-0.02, -0.05, 0.01), (0.02, 0.0, 0.04)]
)
def test_a_test_whose_interval_holds_0_decides_nothing(difference, low, high):
    assert verdict(made_up(difference, low, high, p=0.001)) == "not distinguishable"


def test_an_interval_clear_of_0_decides_nothing_without_the_test():
    judged = judge([made_up(0.02, 0.01, 0.03, p=0.06)])[0]
    assert judged.verdict == "not distinguishable"
    assert (judged.low, judged.high) == pytest.approx((0, 0.03))  # and no interval says otherwise


def test_interval_and_p_are_adjusted_alike():
    """A lone p = .04 is called; among four it is not, and its interval at .05 / 4 holds 0."""
    found = made_up(0.039, 0.0006, 0.071, p=0.04)
    assert verdict(found) == "better"
    others = [made_up(0.0, -0.1, 0.1, p=0.9) for _ in range(3)]
    judged = judge([found, *others])[0]
    assert judged.verdict == "not distinguishable"
    assert judged.p == pytest.approx(0.16)
    assert judged.low < 0 < judged.high
    margin = (0.071 - 0.0006) / 0.95
    assert judged.high - judged.low == pytest.approx((1 - 0.05 / 4) * margin, rel=1e-3)
    words = difference_in_words(judged)
    assert words.endswith("p = .160, both adjusted for 4 comparisons)")
    assert words.startswith("+3.9 points (95 % interval −0.")


def test_adjusted_interval_follows_a_p_that_waits_for_a_smaller_one():
    """.026 and .03: the second alone would pass at .05, but Holm stops at the first."""
    first, second = made_up(0.02, 0.001, 0.04, p=0.026), made_up(0.02, 0.001, 0.04, p=0.03)
    judged = judge([first, second])
    assert [each.p for each in judged] == pytest.approx([0.052, 0.052])
    assert {each.verdict for each in judged} == {"not distinguishable"}
    assert judged[1].high - judged[1].low > second.high - second.low


def test_undecided_sentence_tells_what_could_have_been_seen():
    assert "would detect a true difference of 6.2 points" in told(made_up(0.01, -0.03, 0.05, p=0.4))


def test_numbers_in_words():
    assert [signed_points(value) for value in (-0.008, 0.0, -0.0001, 0.123)] == [
        "−0.8",
        "+0.0",
        "+0.0",
        "+12.3",
    ]
    assert [p_in_words(p) for p in (0.0004, 0.0238, 1.0)] == ["< .001", "= .024", "= 1"]


# Which runs count, and that their numbers mean nothing


def fifteen_runs() -> tuple[np.ndarray, np.ndarray]:
    """Made-up counts of the shape of a real comparison: 9 and 6 runs, 60 questions, 4 samples; runs
    of an arm differ by several points, and the arms' means by about 5.
    """
    draw = rng(22)
    difficulty_Q = draw.normal(0.8, 1.2, 60)
    runs = [
        draw.binomial(
            4, 1 / (1 + np.exp(-(difficulty_Q + gain + draw.normal(0, 0.25, (seeds, 1)))))
        )
        for gain, seeds in ((0.0, 9), (0.35, 6))
    ]
    return runs[0], runs[1]


@given(st.permutations(range(9)), st.permutations(range(100, 106)))
@settings(max_examples=20, deadline=None)
def test_renumbering_runs_changes_nothing_bit_for_bit(numbers_a, numbers_b):
    """The same runs under other numbers, in another order of rows."""
    runs_a, runs_b = fifteen_runs()
    a, b = counts(runs_a, n=4), counts(runs_b, n=4)
    other_a = counts(runs_a[list(numbers_a)], n=4)
    other_b = counts(runs_b[[number - 100 for number in numbers_b]], n=4, seeds=sorted(numbers_b))
    plain = compare_arms(a, b, 1, draws=200, rng=rng())
    again = compare_arms(other_a, other_b, 1, draws=200, rng=rng())
    assert again == plain
    assert np.array_equal(again.drawn, plain.drawn)
    assert verdict(again) == verdict(plain)
    assert estimate_score(other_a, 1, draws=200, rng=rng()) == estimate_score(
        a, 1, draws=200, rng=rng()
    )


def test_pairing_by_number_depends_on_the_numbers():
    """Why runs are not paired unless asked: sixteen numberings of the same fifteen runs."""
    runs_a, runs_b = fifteen_runs()
    b = counts(runs_b, n=4)
    p_values = []
    for number in range(16):
        order = rng(number).permutation(9)
        a = counts(runs_a[order], n=4)
        p_values.append(compare_arms(b, a, 1, draws=400, rng=rng(), pairing="seed").p)
    assert max(p_values) > 5 * min(p_values)
    assert len({p <= 0.05 for p in p_values}) == 2


def test_all_runs_count_and_the_printed_means_give_the_printed_difference():
    runs_a, runs_b = fifteen_runs()
    a, b = counts(runs_a, n=4), counts(runs_b, n=4)
    found = compare_arms(a, b, 1, draws=200, rng=rng())
    assert (found.seeds, found.reference_seeds, found.left_out) == (9, 6, ())
    values = [estimate_score(arm, 1, draws=200, rng=rng()).value for arm in (a, b)]
    assert found.difference == pytest.approx(values[0] - values[1], abs=1e-12)


def test_welchs_test_is_what_remains_where_seeds_dominate():
    """Two hundred questions that all move together: p is Welch's, a little above for the ratio."""
    draw = rng(5)
    a_S, b_S = draw.normal(30, 3, 9).astype(int), draw.normal(34, 3, 6).astype(int)
    one, other = (counts(x_S[:, None] + np.zeros(200, int), n=64) for x_S in (a_S, b_S))
    found = compare_arms(one, other, 1, draws=40_000, rng=rng())
    a, b = (x_S.var(ddof=1) / len(x_S) for x_S in (a_S, b_S))
    degrees = (a + b) ** 2 / (a**2 / 8 + b**2 / 5)
    welch = 2 * stats.t.sf(abs(a_S.mean() - b_S.mean()) / (a + b) ** 0.5, degrees)
    assert welch < found.p < 1.5 * welch


def test_pairing_by_seed_leaves_single_runs_out_and_tells_the_correlation():
    a = counts([[8, 0], [4, 0], [0, 0]], seeds=(0, 1, 2))
    b = counts([[0, 0], [8, 8]], seeds=(0, 2))
    found = compare_arms(a, b, 1, draws=DRAWS, rng=rng(), pairing="seed")
    assert (found.seeds, found.left_out) == (2, (1,))
    assert found.difference == pytest.approx(0.25 - 0.5)
    assert np.isnan(found.correlation or 0)
    up = counts([[1, 2], [2, 4], [4, 4]])
    assert compare_arms(
        up, up, 1, draws=50, rng=rng(), pairing="seed"
    ).correlation == pytest.approx(1)
    down = counts([[4, 4], [2, 4], [1, 2]])
    against = compare_arms(up, down, 1, draws=50, rng=rng(), pairing="seed").correlation
    assert against is not None
    assert against < 0
    assert compare_arms(up, down, 1, draws=50, rng=rng()).correlation is None


# Refusals


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("p1", 8, "nan"), "line 3: correct is 'nan'"),
        (("p1", "", 1), "line 3: n is ''"),
        (("p1", 8, 1.5), "line 3: correct is '1.5'"),
        (("p1", 8, "inf"), "line 3: correct is 'inf'"),
        (("p1", "1_0", 1), "line 3: n is '1_0'"),
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
    with pytest.raises(BadInput, match="missing column correct"):
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
        compare_arms(arm, other, 1, draws=DRAWS, rng=rng())
    with pytest.raises(BadInput, match="no training seed in common"):
        compare_arms(arm, counts([[1, 2]], seeds=(7,)), 1, draws=DRAWS, rng=rng(), pairing="seed")


def test_too_few_samples_or_questions_are_refused():
    arm = Counts((3,), ("p00", "p01"), np.array([[8, 0]]), np.array([[1, 0]]))
    with pytest.raises(BadInput, match=r"p01 \(seed 3, n = 0\)"):
        estimate_score(arm, 1, draws=DRAWS, rng=rng())
    with pytest.raises(BadInput, match="pass@16 needs n >= 16"):
        estimate_score(counts([[1, 2]]), 16, draws=DRAWS, rng=rng())
    with pytest.raises(BadInput, match="k must be at least 1"):
        estimate_score(arm, 0, draws=DRAWS, rng=rng())
    with pytest.raises(BadInput, match="one question"):
        estimate_score(counts([[1]]), 1, draws=DRAWS, rng=rng())


def test_seed_column_splits_a_file_into_runs(tmp_path):
    path = write(
        tmp_path / "a.csv", [("p0", 8, 1, 4), ("p0", 8.0, 2, 5)], "problem_id,n,correct,seed"
    )
    assert read_runs(path) == {4: {"p0": (8, 1)}, 5: {"p0": (8, 2)}}
