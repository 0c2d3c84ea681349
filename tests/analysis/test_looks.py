"""Levels of several looks: published boundaries, laws, and through the command."""

import json

import numpy as np
import pytest
from scipy.stats import norm

from analysis.calibrate.sequential import (
    LOOKS,
    STOPPING_RULES,
    compared_at_looks,
    looked_at,
    stopped,
)
from analysis.calibrate.simulated_studies import MATH, Study, simulate_arms
from analysis.compare.command import main as compare
from analysis.inference.looks import family_level, look_levels
from analysis.inference.statistics import compare_arms
from eval.files.errors import BadInput
from eval.looks.settings import SPENDINGS
from eval.looks.spending import spent


@pytest.mark.parametrize(
    ("spending", "looks", "z"),
    [  # the boundaries of ldbounds for equally spaced looks, two-sided .05
        ("obrien_fleming", [2, 4, 6], [3.7103, 2.5114, 1.9930]),
        ("obrien_fleming", [2, 4, 6, 8, 10], [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]),
        ("pocock", [2, 4, 6, 8, 10], [2.4380, 2.4268, 2.4101, 2.3966, 2.3859]),
    ],
)
def test_levels_are_the_published_ones(spending, looks, z):
    found = norm.isf(np.array(look_levels(looks, spending)) / 2)
    assert found == pytest.approx(z, abs=2e-3)


def test_all_is_spent_at_the_end_and_one_look_is_tested_as_ever():
    for spending in ("obrien_fleming", "pocock"):
        assert spent(1.0, spending, 0.05) == pytest.approx(0.05)
        assert look_levels([5], spending) == pytest.approx([0.05])


@pytest.mark.parametrize(
    ("looks", "alpha"), [([3, 6, 12, 24, 48], 0.05 / 12), ([2, 60], 0.05), ([2, 10_000], 0.05)]
)
def test_a_first_look_that_can_hardly_decide_has_a_tiny_level(looks, alpha):
    """The first level is what may be spent; that of the last look is nearly all of alpha."""
    levels = look_levels(looks, "obrien_fleming", alpha)
    expected = spent(looks[0] / looks[-1], "obrien_fleming", alpha)
    assert levels[0] == pytest.approx(expected, rel=1e-6, abs=1e-299)
    assert levels == sorted(levels)
    assert 0.7 * alpha < levels[-1] <= alpha * (1 + 1e-6)


@pytest.mark.parametrize("spending", SPENDINGS)
def test_no_level_is_above_what_may_have_been_spent(spending):
    looks = (3, 6, 12, 24)
    for alpha in (0.05, 0.005):
        levels = look_levels(looks, spending, alpha)
        most = [spent(seeds / 24, spending, alpha) for seeds in looks]
        assert all(level <= each + 1e-12 for level, each in zip(levels, most, strict=True))


def test_a_walk_without_drift_is_stopped_in_five_percent():
    looks = [3, 6, 12]
    levels = np.array(look_levels(looks, "pocock"))
    rng = np.random.default_rng(0)
    walk = rng.standard_normal((100_000, 12)).cumsum(axis=1)[:, np.array(looks) - 1]
    z = np.abs(walk) / np.sqrt(looks)
    stopped = z > norm.isf(levels / 2)
    shares = [stopped[:, : j + 1].any(axis=1).mean() for j in range(3)]
    assert shares == pytest.approx([spent(s / 12, "pocock", 0.05) for s in looks], abs=0.003)


def test_looks_that_make_no_sense_are_refused():
    for looks in ([], [3, 3], [6, 3], [1, 4]):
        with pytest.raises(BadInput, match="ascending numbers of seeds"):
            look_levels(looks)
    with pytest.raises(BadInput, match="the arms have 4 seeds"):
        family_level([3, 6], 4, 1)
    assert family_level([3, 6], 3, 1) == look_levels([3, 6])[0]


@pytest.mark.parametrize("spending", ["obrien_fleming", "pocock"])
def test_each_of_many_comparisons_is_tested_at_its_share(spending):
    """Holm's step with k comparisons left tests at a k-th of the level: not above that of .05/k."""
    for look, seeds in enumerate((3, 6, 12)):
        level = family_level([3, 6, 12], seeds, 10, spending)
        own = [k * look_levels([3, 6, 12], spending, 0.05 / k)[look] for k in (1, 2, 5, 10)]
        assert all(level <= each + 1e-9 for each in own)
        assert min(own) == pytest.approx(level)


def test_the_command_tests_at_the_level_of_the_look(tmp_path, capsys):
    """p is between the two looks' levels and .05: called as the only look, not as the first."""
    rng = np.random.default_rng(3)
    sources = []
    for arm, rate in (("a", 0.50), ("b", 0.42)):
        rows = [f"q{q},8,{rng.binomial(8, rate)},{seed}" for seed in range(3) for q in range(60)]
        path = tmp_path / f"{arm}.csv"
        path.write_text("\n".join(["problem_id,n,correct,seed", *rows]) + "\n")
        sources.append(f"{arm}={path}")
    common = [*sources, "--reference", "b", "--json", "--draws", "2000"]

    def told(*more):
        compare([*common, *more])
        return json.loads(capsys.readouterr().out)

    plain, first = told(), told("--looks", "3", "12", "--spending", "obrien_fleming")
    p = plain["comparisons"][0]["p"]
    assert look_levels([3, 12], "obrien_fleming")[0] < p < 0.05
    assert plain["comparisons"][0]["verdict"] == "better"
    assert first["comparisons"][0]["verdict"] == "not distinguishable"
    assert first["level"] == pytest.approx(look_levels([3, 12], "obrien_fleming")[0])
    assert told("--arm", "a") == plain
    with pytest.raises(SystemExit) as refused:
        compare([*common, "--looks", "4", "8"])
    assert refused.value.code == 2
    assert "the arms have 3 seeds" in capsys.readouterr().err


def test_a_study_stops_at_the_first_look_that_decides():
    """A difference of 20 points is plain at 3 seeds, but not at the level of O'Brien and Fleming's
    first look; none is never called.
    """
    clear = Study(MATH, 100, LOOKS[-1], 8, 0.01, effect=0.2)
    compared = compared_at_looks(clear, 1000, np.random.default_rng(0))
    found = {rule: stopped(compared, levels) for rule, levels in STOPPING_RULES.items()}
    assert found == {
        "12 seeds at once": (True, 12),
        "each look at .05": (True, 3),
        "O'Brien and Fleming": (True, 6),
        "Pocock": (True, 3),
    }
    assert stopped(compared, [0, 0, 0]) == (False, 12)


def test_arms_stop_one_by_one_and_the_reference_with_the_last() -> None:
    """Two arms: one plain at 3 seeds, one never. Runs: 3, 12, and the reference's 12."""
    shape = Study(MATH, 100, LOOKS[-1], 8, 0.01)
    arms, reference = simulate_arms(shape, (0.2, 0.0), np.random.default_rng(0))
    compared = {
        (arm, seeds): compare_arms(
            counts.of_seeds(range(seeds)),
            reference.of_seeds(range(seeds)),
            1,
            draws=1000,
            rng=np.random.default_rng(seeds),
        )
        for arm, counts in enumerate(arms)
        for seeds in LOOKS
    }
    called, runs = looked_at(compared, 2, LOOKS, "pocock")
    assert (called.tolist(), runs) == ([True, False], 3 + 12 + 12)
    called, runs = looked_at(compared, 2, LOOKS[-1:], "pocock")
    assert (called.tolist(), runs) == ([True, False], 3 * 12)
    assert looked_at({key: compared[0, 3] for key in compared}, 2, LOOKS, "pocock")[1] == 3 * 3
