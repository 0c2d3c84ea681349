"""Curves over training: by hand, as laws, and through a results folder to table and figure."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from analysis.figures.curves import plot_curves
from analysis.figures.plotting import NothingToPlot
from analysis.inference.ceiling import fit_curve, fitted_ceiling, point_errors
from analysis.inference.curves import (
    TrainingCurve,
    compare_curves,
    completions_to_reach,
    first_reaching,
    mean_of_curve,
    mean_weights,
    training_curve,
)
from analysis.inference.statistics import Interval, estimate_mean
from analysis.results.counts import Counts
from analysis.results.folder import load_results
from analysis.results.on_the_way import CurveCounts
from analysis.tables.layouts import build_table
from eval.files.errors import BadInput
from eval.files.results_layout import on_the_way_folder
from eval.looks.record import look_file, look_mark
from tests.support import synthetic

X = np.array([0.0, 100, 200, 400, 800, 1600])
# of errors that go together, as those of points with the same questions do
ROOT_XX = np.linalg.cholesky(0.01**2 * (np.eye(6) + np.full((6, 6), 2.0)))


def stream() -> np.random.Generator:
    return np.random.default_rng(0)


def sigmoid(x: np.ndarray, base: float, ceiling: float, half: float, steep: float) -> np.ndarray:
    return base + (ceiling - base) / (1 + (half / np.maximum(x, 1e-9)) ** steep)


def simulated(rate_X: np.ndarray, seeds: int = 4, questions: int = 60, n: int = 32) -> CurveCounts:
    """Answers of an arm whose questions all have the same rate at a point of training."""
    rng = np.random.default_rng(7)
    names = tuple(f"q{i:03d}" for i in range(questions))

    def counts(rate: float, S: int) -> Counts:
        n_SQ = np.full((S, questions), n)
        return Counts(tuple(range(S)), names, n_SQ, rng.binomial(n_SQ, rate))

    base, *points = (counts(rate, 1 if i == 0 else seeds) for i, rate in enumerate(rate_X))
    return CurveCounts(tuple(range(1, len(X))), X[1:], base, tuple(points))


def curve_at(rate_X: np.ndarray, **shape: int) -> TrainingCurve:
    return training_curve(simulated(rate_X, **shape), 1, draws=400, rng=stream())


def test_the_mean_is_the_area_under_the_curve_by_hand() -> None:
    """Two trapezoids of width 10 and 30 and heights (0 + 4)/2 and (4 + 8)/2: (20 + 180) / 40."""
    weights = mean_weights(np.array([0.0, 10.0, 40.0]))
    assert weights.tolist() == [5 / 40, 20 / 40, 15 / 40]
    assert weights @ [0, 4, 8] == 5


def test_first_reaching_by_hand() -> None:
    x, y = [0.0, 10.0, 30.0], np.array([0.2, 0.4, 0.8])
    assert first_reaching(x, y, 0.3) == pytest.approx(5)
    assert first_reaching(x, y, 0.5) == pytest.approx(15)
    assert first_reaching(x, y, 0.2) == 0
    assert first_reaching(x, y, 0.81) == np.inf
    assert first_reaching(x, np.array([0.2, 0.6, 0.4]), 0.5) == pytest.approx(7.5)  # the first time


def test_completions_to_reach_lie_in_their_interval_and_the_truth_mostly_does() -> None:
    rate_X = sigmoid(X, 0.2, 0.8, 300, 1)
    curve = curve_at(rate_X)
    at, low, high = completions_to_reach(curve, 0.5)
    assert low < at < high < np.inf
    assert low < 300 < high
    assert completions_to_reach(curve, 0.95) == (np.inf, np.inf, np.inf)
    assert completions_to_reach(curve, 0.1) == (0, 0, 0)


def test_renumbering_seeds_changes_nothing_bit_for_bit() -> None:
    counts = simulated(sigmoid(X, 0.2, 0.7, 300, 1))
    other = simulated(sigmoid(X, 0.2, 0.6, 300, 1))
    order = [2, 0, 3, 1]
    again = CurveCounts(
        counts.rollouts,
        counts.completions,
        counts.base,
        tuple(
            Counts(point.seeds, point.problem_ids, point.n_SQ[order], point.correct_SQ[order])
            for point in counts.points
        ),
    )
    found = []
    for each in (counts, again):
        curve, reference = (
            training_curve(arm, 4, draws=300, rng=stream()) for arm in (each, other)
        )
        found.append(
            (
                curve.points,
                mean_of_curve(curve, draws=300, rng=stream()),
                compare_curves(curve, reference, draws=300, rng=stream()),
                completions_to_reach(curve, 0.9),
                fitted_ceiling(curve),
            )
        )
    assert found[0] == found[1]


def test_the_base_policy_counts_in_the_mean_and_cancels_in_the_difference() -> None:
    a, b = curve_at(sigmoid(X, 0.2, 0.8, 300, 1)), curve_at(sigmoid(X, 0.2, 0.5, 300, 1))
    found = compare_curves(a, b, draws=400, rng=stream())
    means = [mean_of_curve(each, draws=400, rng=stream()).value for each in (a, b)]
    assert found.difference == pytest.approx(means[0] - means[1])
    assert found.low > 0
    assert means[0] == pytest.approx(mean_weights(X) @ a.value)
    shorter = TrainingCurve(X[:-1], b.y_XSQ[:-1], b.points[:-1], b.tries_X[:-1])
    with pytest.raises(BadInput, match="other points"):
        compare_curves(a, shorter, draws=400, rng=stream())


def test_a_curve_without_noise_gives_its_ceiling_back() -> None:
    fit = fit_curve(X, sigmoid(X, 0.2, 0.7, 350, 1.4), ROOT_XX)
    found = (fit.base, fit.ceiling, fit.half, fit.steepness)
    assert found == pytest.approx((0.2, 0.7, 350, 1.4), rel=1e-4)
    assert fit.misfit < 1e-6
    assert fit.weights_X.sum() == pytest.approx(1)  # all scores one point higher: so is the ceiling


def test_the_weights_of_the_ceiling_are_its_slopes() -> None:
    y = sigmoid(X, 0.2, 0.7, 350, 1.4)
    weights = fit_curve(X, y, ROOT_XX).weights_X
    for i in range(len(X)):
        up, down = (fit_curve(X, y + h * np.eye(len(X))[i], ROOT_XX) for h in (1e-4, -1e-4))
        assert (up.ceiling - down.ceiling) / 2e-4 == pytest.approx(weights[i], rel=0.02, abs=0.02)


def test_a_ceiling_is_found_where_training_passed_it_by() -> None:
    curve = curve_at(sigmoid(X, 0.2, 0.7, 150, 1.5), questions=200)
    found, why = fitted_ceiling(curve)
    assert why == ""
    assert found is not None
    assert found.low < 0.7 < found.high


@pytest.mark.parametrize(
    ("rate_X", "said"),
    [
        (sigmoid(X, 0.2, 0.2, 150, 1), "not clearly above"),
        (
            sigmoid(X, 0.1, 0.9, 6000, 1),
            "before half of the rise|5 points off|at a bound",
        ),
    ],
)
def test_a_ceiling_that_is_not_identified_is_refused(rate_X: np.ndarray, said: str) -> None:
    found, why = fitted_ceiling(curve_at(rate_X))
    assert found is None
    assert re.search(said, why), why


def test_errors_of_points_add_what_seeds_show_beyond_questions_by_hand() -> None:
    """Two points, two runs that differ by .2 on every question of both, and no noise: the mean of
    two runs has the variance .02/2. Questions at .2 and .4: .02/2 as well.
    """
    y_SQ = np.array([[0.2, 0.4], [0.4, 0.6]])
    errors = point_errors(np.array([y_SQ, y_SQ]))
    np.testing.assert_allclose(errors.seeds_XX, np.full((2, 2), 0.01), atol=1e-12)
    np.testing.assert_allclose(errors.questions_XX, np.full((2, 2), 0.01), atol=1e-12)
    assert errors.degrees == (1, 1)


def test_a_ceiling_needs_points_and_the_base_policy() -> None:
    curve = curve_at(sigmoid(X, 0.2, 0.7, 150, 1.5))
    few = TrainingCurve(X[:4], curve.y_XSQ[:4], curve.points[:4], curve.tries_X[:4])
    assert fitted_ceiling(few)[1].startswith("fewer than 4 policies")
    lost = TrainingCurve(X[1:], curve.y_XSQ[1:], curve.points[1:], curve.tries_X[1:])
    assert "base policy has not" in fitted_ceiling(lost)[1]


def trained(folder: Path) -> Path:
    """A results folder whose arms were evaluated after 10, 20 and 30 of their 40 rollouts."""
    root = synthetic.make(folder / "demo", questions=20)
    spec = yaml.safe_load((root / "spec.yaml").read_text())
    spec["evaluation"]["checkpoints"] = [10, 20, 30]
    spec["training"] |= {"rollouts": 40, "prompts_per_rollout": 32, "num_generations": 8}
    (root / "spec.yaml").write_text(yaml.safe_dump(spec))
    for arm in synthetic.METHODS:
        for seed in (0, 1, 2):
            run = root / arm / f"seed-{seed}"
            for after in (10, 20, 30):
                gain = synthetic.GAIN[arm] * after / 40
                for benchmark in synthetic.BENCHMARKS:
                    place = on_the_way_folder(run, after) / "eval"
                    synthetic.write_evaluation(place, benchmark, gain, 20, seed)
    return root


def test_table_and_figure_of_a_results_folder(tmp_path: Path) -> None:
    root = trained(tmp_path)
    results = load_results(root)
    assert not results.missing
    frame: Any = build_table("curves", results).frame
    assert len(frame) == 2 * 2 * len(results.arms)
    assert (frame["seeds"] == 3).all()
    ours = frame[frame["arm"] == "none"]
    assert (ours["mean_low"] < ours["mean"]).all()
    assert (ours["reached"] <= 40 * 32 * 8).all()  # its own last score
    assert ours["difference"].isna().all()
    worse = frame[frame["arm"] == "fixed_high"]
    assert set(worse["verdict"]) == {"worse"}
    assert worse["to_reach"].str.startswith("not reached").all()
    numbers: Any = plot_curves(results).numbers
    assert sorted(set(numbers["completions"])) == [0, 2560, 5120, 7680, 10240]
    assert numbers["pass"].between(numbers["low"], numbers["high"]).all()


def test_an_arm_that_stopped_is_compared_with_as_many_seeds_of_the_reference(
    tmp_path: Path,
) -> None:
    """`fixed_high` stopped after 2 seeds, the reference has 3: as if all had stopped after 2."""
    root = trained(tmp_path)
    spec = yaml.safe_load((root / "spec.yaml").read_text())
    spec["looks"] = {"after": [2, 3], "spending": "pocock"}
    (root / "spec.yaml").write_text(yaml.safe_dump(spec))
    look_mark(root, 2).parent.mkdir()
    look_mark(root, 2).write_text("{}")

    def differences(still_open: list[str]) -> Any:
        found = {"open": still_open, "comparisons": []}
        look_file(root, 2).write_text(json.dumps(found))
        frame: Any = build_table("curves", load_results(root)).frame
        return frame.set_index(["arm", "benchmark", "k"])["difference"]

    some, none = differences(["none", "aer"]), differences([])
    assert some["fixed_high"].equals(none["fixed_high"])
    assert not some["aer"].equals(none["aer"])


def test_a_seed_without_all_points_is_named_and_left_out(tmp_path: Path) -> None:
    root = trained(tmp_path)
    (
        on_the_way_folder(root / "aer" / "seed-1", 20) / "eval" / "arithmetic_test.counts.csv"
    ).unlink()
    results = load_results(root)
    assert [str(part) for part in results.missing] == [
        "aer, seed 1: no evaluation on arithmetic_test after 20 rollouts"
    ]
    frame: Any = build_table("curves", results).frame
    one = frame[(frame["arm"] == "aer") & (frame["benchmark"] == "arithmetic_test")]
    assert (one["seeds"] == 2).all()


def test_an_experiment_without_checkpoints_has_no_curves(tmp_path: Path) -> None:
    results = load_results(synthetic.make(tmp_path / "demo", questions=6))
    table = build_table("curves", results)
    assert table.frame.empty
    assert "no policies on the way" in table.notes[0]
    with pytest.raises(NothingToPlot, match="no policies on the way"):
        plot_curves(results)


def test_a_given_score_is_asked_for(tmp_path: Path) -> None:
    root = trained(tmp_path)
    spec = yaml.safe_load((root / "spec.yaml").read_text())
    spec["analysis"]["target_score"] = 0.0
    (root / "spec.yaml").write_text(yaml.safe_dump(spec))
    frame = build_table("curves", load_results(root)).frame
    assert set(frame[frame["k"] == 1]["to_reach"]) == {"0 [0, 0]"}
    assert estimate_mean(np.full((2, 3), 0.5), draws=100, rng=stream()).value == 0.5


def test_a_ceiling_whose_profile_has_a_local_minimum() -> None:
    """Fits with a given ceiling ended above the misfit that the full fit has with the same one."""
    quarters = "001001001 011001000 000000000 001100110 001012000 333112310 222122222"
    y_XSQ = np.array([[int(c) for c in row] for row in quarters.split()]).reshape(7, 3, 3) / 4
    x = np.array([0.0, 288, 1792, 3808, 4352, 4864, 6176])
    points = tuple(
        Interval(value, value, value, "", 3) for value in y_XSQ.mean(axis=(1, 2)).tolist()
    )
    found, why = fitted_ceiling(TrainingCurve(x, y_XSQ, points, np.zeros(7)))
    assert (found is None) == bool(why)
