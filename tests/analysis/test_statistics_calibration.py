"""The simulated studies are what they claim to be, and the verdicts survive them."""

import numpy as np
import pytest

from analysis.calibrate import command as calibrate
from analysis.calibrate import measure
from analysis.calibrate.__main__ import main as make_tables
from analysis.calibrate.alternatives import WAYS, Limit, coverage_of_ways
from analysis.calibrate.moderated import moderated, trial
from analysis.calibrate.simulated_studies import (
    AIME,
    MATH,
    Study,
    same_method,
    simulate,
    true_scores,
)
from analysis.inference.bootstrap import plain_means
from eval.files.errors import BadInput


@pytest.mark.parametrize("population", [AIME, MATH])
def test_true_scores_are_what_simulation_converges_to(population):
    study = Study(population, questions=400, seeds=400, samples=4, seed_sd=0.02, effect=0.02)
    arms = simulate(study, np.random.default_rng(0))
    found = [arm.correct_SQ.sum() / arm.n_SQ.sum() for arm in arms]
    truth = true_scores(study)
    assert truth[0] - truth[1] == pytest.approx(0.02, abs=1e-9)
    assert found == pytest.approx(
        truth, abs=3 * 0.33 / 400**0.5
    )  # 0.33: largest spread of success rates
    assert found[0] - found[1] == pytest.approx(0.02, abs=0.01)


def test_without_seeds_and_effect_the_mean_is_that_of_beta():
    study = same_method(Study(AIME, 30, 3, 8, seed_sd=0.0, effect=0.02))
    assert study.effect == 0
    population = (AIME.a + 0.0) / (AIME.a + AIME.b)
    assert true_scores(study) == pytest.approx(
        (population, population), abs=0.01
    )  # J_sq pulls towards 1/2


def test_seed_effects_have_the_asked_size():
    study = same_method(Study(MATH, 500, 300, 200, seed_sd=0.02))
    arm, _ = simulate(study, np.random.default_rng(1))
    assert (arm.correct_SQ / arm.n_SQ).mean(axis=1).std() == pytest.approx(0.02, abs=0.004)


def test_one_method_with_other_seeds_is_rarely_called_different():
    """Seeds dominate here. A test of the questions alone calls most of these studies different."""
    study = Study(MATH, questions=100, seeds=3, samples=64, seed_sd=0.03, effect=0.02)
    found = measure.coverage(study, studies=120, draws=300, seed=0)
    score, difference, called, _, _, textbook = found
    assert called <= 0.05 + 3 * (0.05 * 0.95 / 120) ** 0.5
    assert min(score, difference) >= 0.95 - 3 * (0.05 * 0.95 / 120) ** 0.5
    assert textbook < difference - 0.05


def test_one_seed_would_be_called_different():
    assert (
        measure.one_seed(Study(MATH, 200, 1, 8, seed_sd=0.03), studies=50, draws=300, seed=0) > 0.2
    )


def test_more_seeds_more_power():
    few, many = (
        measure.power(Study(MATH, 200, seeds, 8, effect=0.03), studies=60, draws=200, seed=0)
        for seeds in (3, 10)
    )
    assert many[0] > few[0]
    assert many[1] < few[1]


def test_arms_differ_by_the_effect_also_where_their_spreads_differ():
    study = Study(MATH, 300, 300, 50, 0.05, effect=0.0, seeds_b=250, seed_sd_b=0.005)
    a, b = simulate(study, np.random.default_rng(2))
    assert (len(a.seeds), len(b.seeds)) == (300, 250)
    assert np.subtract(*true_scores(study)) == pytest.approx(0, abs=1e-9)
    spread = [(arm.correct_SQ / arm.n_SQ).mean(axis=1).std() for arm in (a, b)]
    assert spread == pytest.approx([0.05, 0.006], rel=0.25)


def test_correlated_seeds_are_correlated():
    study = same_method(Study(MATH, 200, 400, 50, 0.02, correlation=0.8))
    a_S, b_S = (
        (arm.correct_SQ / arm.n_SQ).mean(axis=1)
        for arm in simulate(study, np.random.default_rng(3))
    )
    found = np.corrcoef(a_S, b_S).flat[1]
    assert found == pytest.approx(0.8 * 0.02**2 / 0.0203**2, abs=0.08)


def test_pairing_pays_only_where_seeds_are_correlated():
    apart, together = (
        measure.paired_or_not(
            Study(MATH, 200, 4, 16, 0.03, correlation=correlation),
            studies=40,
            draws=200,
            seed=0,
        )
        for correlation in (0.0, 0.9)
    )
    width = 2
    assert apart[0][width] < apart[1][width]
    assert together[0][width] > together[1][width]


def test_plain_resampling_has_the_textbooks_spread():
    y_SQ = np.random.default_rng(0).random((3, 40))
    for_one = plain_means([y_SQ[:1]], 20_000, np.random.default_rng(1))[0]
    assert for_one.mean() == pytest.approx(y_SQ[0].mean(), abs=0.002)
    assert for_one.std() == pytest.approx(y_SQ[0].std() / 40**0.5, rel=0.03)
    both = plain_means([y_SQ[:1], 1 - y_SQ[:1]], 100, np.random.default_rng(2))
    np.testing.assert_allclose(both.sum(axis=0), 1)  # the same questions


def test_tables_go_between_their_marks(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- one-seed:begin -->\nold\n<!-- one-seed:end -->\nafter\n")
    monkeypatch.setattr(calibrate, "ONE_SEED", [Study(AIME, 30, 1, 8)])
    arguments = [
        "--studies",
        "3",
        "--draws",
        "20",
        "--processes",
        "1",
        "--only",
        "one-seed",
        "--out",
        str(page),
    ]
    monkeypatch.setattr("sys.argv", ["calibrate", *arguments])
    make_tables()
    text = page.read_text()
    assert text.startswith("before\n<!-- one-seed:begin -->\n| questions |")
    assert text.endswith("`--studies 3 --draws 20 --seed 0`\n<!-- one-seed:end -->\nafter\n")
    make_tables()
    assert page.read_text() == text
    with pytest.raises(BadInput, match="no marks <!-- power:begin -->"):
        calibrate.write(page, "power", "")


def test_moderated_variances_by_hand():
    """Two equal variances leave nothing to explain: d_0 = ∞, all alike, on the degrees of all arms.
    Far apart, the prior is weak and each arm keeps most of its own.
    """
    alike, degrees = moderated(np.array([2.0, 2.0, 2.0]), 2)
    # the mean logarithm of chi2(2)/2 is -0.5772 (Euler's constant)
    assert alike == pytest.approx(np.full(3, 2 * np.exp(0.577215)), rel=1e-5)
    assert degrees == 6
    apart, few = moderated(np.array([1e-4, 1.0, 1e4]), 4)
    assert few < 6
    assert apart[0] < 1 < apart[1] * 10 < apart[2]


def test_moderation_breaks_where_the_compared_arm_spreads_more_than_the_others():
    moderate, ours, *_ = trial(("the first spreads 6 times", 3), studies=300, draws=300, seed=0)
    assert moderate < 0.9 < ours


def test_ways_of_adding_the_seeds_part_order_as_they_must():
    """More is added always than sometimes; with many seeds all ways are the normal interval."""
    found_SW = coverage_of_ways(Limit((3, 3), 0.5), studies=80, draws=200, seed=0)
    by_way = dict(zip(WAYS, found_SW.T, strict=True))
    assert (by_way["V > E"] <= by_way["ours"]).all()
    assert (by_way["ours"] <= by_way["always"]).all()
    assert (by_way["always"] <= by_way["two t"] + 0.02).all()
    many_SW = coverage_of_ways(Limit((300, 300), 0.5), studies=80, draws=200, seed=0)
    assert np.ptp(many_SW[-1]) < 0.02
    assert many_SW[-1].mean() == pytest.approx(0.95, abs=0.04)
