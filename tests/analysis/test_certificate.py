"""The certificate: checks and power on invented runs of which the truth is known."""

import csv
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.certificate.__main__ import main
from analysis.certificate.repetitions import (
    KNOWN_TRUTHS,
    KnownTruth,
    PowerPoint,
    dealt,
    measure_power,
    plant,
    run_check,
    smallest_seen,
)
from analysis.results.counts import Counts
from eval.files.errors import BadInput
from experiments.spec.experiment_file import load_experiment

ACCURACY = {"none": 0.7, "exploded": 0.02, "coin": 0.3, "coin_aer": 0.3}


def invented(mean: float, seeds: int, seed: int, questions: int = 40) -> Counts:
    """Runs of one accuracy, with spread over seeds and over questions."""
    rng = np.random.default_rng(seed)
    logit_SQ = np.log(mean / (1 - mean)) + rng.normal(0, 0.2, (seeds, 1))
    logit_SQ = logit_SQ + np.random.default_rng(0).normal(0, 1, questions)
    n_SQ = np.full((seeds, questions), 8)
    correct_SQ = rng.binomial(n_SQ, 1 / (1 + np.exp(-logit_SQ)))
    names = tuple(f"q{i:02}" for i in range(questions))
    return Counts(tuple(range(seeds)), names, n_SQ, correct_SQ)


def test_the_shipped_experiment_has_the_arms_and_the_seeds() -> None:
    experiment = load_experiment("certificate")
    assert {*experiment.arms} == {*chain(*((each.arm, each.against) for each in KNOWN_TRUTHS))}
    assert len(experiment.seeds) >= 20 * 3
    assert experiment.training_of("coin").flipped_verdicts == 0.5
    assert experiment.training_of("none").flipped_verdicts == 0


def test_no_two_repetitions_share_a_run() -> None:
    found = dealt(range(10), 3, np.random.default_rng(0))
    assert [len(hand) for hand in found] == [3, 3, 3]
    assert len({*chain(*found)}) == 9


def test_a_real_difference_is_called_and_none_is_not() -> None:
    rng = np.random.default_rng(1)
    none, coin = invented(0.7, 12, 1), invented(0.3, 12, 2)
    found = run_check(KnownTruth("x", "none", "coin", "better"), none, coin, 3, rng)
    assert (found.repetitions, found.better, found.as_expected) == (4, 4, 4)
    assert found.difference == pytest.approx(0.35, abs=0.1)
    assert found.low == pytest.approx(0.025 ** (1 / 4))  # Clopper and Pearson, 4 of 4
    same = run_check(KnownTruth("y", "none", "none", "not called"), none, none, 3, rng)
    assert same.repetitions == 2  # two hands of three each
    assert same.as_expected == 2
    assert KnownTruth("z", "a", "b", "not better").holds("worse")
    with pytest.raises(BadInput, match="takes 14 seeds of none, which has 12"):
        run_check(KnownTruth("y", "none", "none", "not called"), none, none, 7, rng)


def test_a_planted_difference_is_there() -> None:
    counts = invented(0.3, 50, 3)
    before = (counts.correct_SQ / counts.n_SQ).mean()
    planted = plant(counts, 0.2, np.random.default_rng(0))
    assert (planted.correct_SQ / 8).mean() - before == pytest.approx(0.2, abs=0.01)
    assert (planted.correct_SQ >= counts.correct_SQ).all()
    assert (planted.correct_SQ <= planted.n_SQ).all()
    assert (plant(counts, 0, np.random.default_rng(0)).correct_SQ == counts.correct_SQ).all()
    with pytest.raises(BadInput, match="does not fit"):
        plant(counts, 0.9, np.random.default_rng(0))


def test_power_rises_with_the_difference() -> None:
    counts = invented(0.3, 12, 4)
    rng = np.random.default_rng(0)
    none, large = (measure_power(counts, 3, planted, 20, rng) for planted in (0.0, 0.3))
    assert none.called <= 2
    assert large.called == 20


def test_the_smallest_difference_by_hand() -> None:
    """.6 at 10 points and 1 at 20: .8 lies half way."""
    points = [PowerPoint(3, x, 10, called, 0, 1, 0) for x, called in ((0.1, 6), (0.2, 10))]
    assert smallest_seen(points) == pytest.approx(0.15)
    assert np.isnan(smallest_seen(points[:1]))


def results_folder(root: Path, arms: dict[str, float]) -> Path:
    """A results folder with counts and a spec, and nothing else."""
    for place, (arm, mean) in enumerate(arms.items()):
        counts = invented(mean, 12, seed=place)
        for seed in counts.seeds:
            folder = root / arm / f"seed-{seed}" / "eval"
            folder.mkdir(parents=True)
            rows = zip(counts.problem_ids, counts.n_SQ[seed], counts.correct_SQ[seed], strict=True)
            with (folder / "certificate_test.counts.csv").open("w", newline="") as file:
                csv.writer(file).writerows([("problem_id", "n", "correct"), *rows])
    spec = {
        "name": "certificate",
        "question": "Does it?",
        "reference": "none",
        "arms": {arm: {"method": {"name": "no_entropy"}} for arm in arms},
        "seeds": [*range(12)],
        "evaluation": {"benchmarks": {"certificate_test": {"samples": 8, "k": [1]}}},
    }
    (root / "spec.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    return root


def test_tables_figure_and_page(tmp_path: Path) -> None:
    root = results_folder(tmp_path / "certificate", ACCURACY)
    main([str(root), "--repetitions", "10"])
    checks = pd.read_csv(root / "certificate/tables/checks.csv").set_index("title")
    assert checks.loc["positive control", "better"] == 4
    assert checks.loc["explosion", "worse"] == 4
    assert checks.loc["placebo", "better"] == 0
    power = pd.read_csv(root / "certificate/tables/power.csv")
    assert set(power["seeds"]) == {3, 5}
    page = (root / "certificate/report.html").read_text()
    assert "positive control: none against coin was called better 4" in page
    assert (root / "certificate/figures/power.png").stat().st_size > 0


def test_another_experiment_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = results_folder(tmp_path / "rare", {"none": 0.7, "aer": 0.8})
    with pytest.raises(SystemExit):
        main([str(root)])
    assert "has no arm 'coin'" in capsys.readouterr().err
