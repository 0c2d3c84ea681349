"""Reach: by hand, at its ends, and through a results folder to the table and the figure."""

import json
from pathlib import Path

import numpy as np
import pytest

from analysis.figures.plotting import NothingToPlot
from analysis.figures.reach import plot_reach
from analysis.inference.reach import measure_reach, tries_at_half
from analysis.results.counts import Counts
from analysis.results.folder import BASE, load_results
from analysis.results.rarity import skill_rates
from analysis.tables.layouts import build_table
from eval.files.errors import BadInput
from eval.files.results_layout import SKILL_RATES
from tests.support import synthetic

RATES = np.array([0.001, 0.01, 0.1])


def test_the_crossing_by_hand() -> None:
    """Half way between .25 and .75, so half way between 10^-3 and 10^-2."""
    assert tries_at_half(RATES, np.array([0.25, 0.75, 0.9])) == pytest.approx(10**2.5)
    # a rarer level above a commoner one: both get their mean, .4
    assert tries_at_half(RATES, np.array([0.6, 0.2, 0.9])) == pytest.approx(10**1.8)


def test_an_arm_that_finds_all_or_nothing() -> None:
    assert tries_at_half(RATES, np.array([0.5, 0.9, 1.0])) == np.inf
    assert tries_at_half(RATES, np.array([0.0, 0.3, 0.49])) == 0


def test_the_interval_comes_from_seeds_and_questions() -> None:
    """Three seeds that answer alike, on questions that are alike within a level: no spread."""
    names = tuple(f"q{i}" for i in range(6))
    correct_SQ = np.array([[1, 1, 3, 3, 4, 4]] * 3)
    counts = Counts((1, 2, 3), names, np.full((3, 6), 4), correct_SQ)
    level_of = dict(zip(names, "332211", strict=True))
    rates = {"1": 0.1, "2": 0.01, "3": 0.001}
    found = measure_reach(counts, level_of, rates, 200, np.random.default_rng(0))
    assert found.levels == ("3", "2", "1")
    assert found.accuracy.tolist() == [0.25, 0.75, 1.0]
    assert found.tries_low == found.tries == found.tries_high == pytest.approx(10**2.5)
    # one seed of three finds the rarest level: the interval reaches beyond it
    correct_SQ = np.array([[0, 0, 4, 4, 4, 4]] * 2 + [[4] * 6])
    one_finds_it = Counts((1, 2, 3), names, np.full((3, 6), 4), correct_SQ)
    found = measure_reach(one_finds_it, level_of, rates, 500, np.random.default_rng(0))
    assert found.tries < np.inf == found.tries_high
    assert found.tries_low == pytest.approx(10**2.5)  # all draws without that seed


def rated(folder: Path, rates: str) -> Path:
    """A results folder whose questions want skills of three levels."""
    root = synthetic.make(folder / "demo", questions=12)
    (root / BASE / "policy").mkdir(exist_ok=True)
    (root / BASE / "policy" / SKILL_RATES).write_text(rates)
    for benchmark in synthetic.BENCHMARKS:
        counts = (root / BASE / "eval" / f"{benchmark}.counts.csv").read_text().splitlines()
        place = counts[0].split(",").index("problem_id")
        ids = [line.split(",")[place] for line in counts[1:]]
        rows = [{"id": name, "level": str(1 + i % 3)} for i, name in enumerate(ids)]
        path = root / "problems" / f"{benchmark}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


RATED = '{"1": 0.5, "2": 0.05, "3": 0.005}'


def test_rates_are_those_that_the_base_policy_was_found_to_have(tmp_path: Path) -> None:
    results = load_results(rated(tmp_path, RATED))
    assert skill_rates(results) == {"1": 0.5, "2": 0.05, "3": 0.005}
    file = results.folder / BASE / "policy" / SKILL_RATES
    file.write_text('{"1": 0.5, "2": 0.0}')
    assert skill_rates(results) == {"1": 0.5}, "what is never done has no place on the axis"
    for damaged in ('{"1": "often"}', '{"1": 1.5}', '{"1": true}', "[]", "{"):
        file.write_text(damaged)
        with pytest.raises(BadInput, match=SKILL_RATES):
            skill_rates(results)


def test_table_and_figure_of_a_results_folder(tmp_path: Path) -> None:
    results = load_results(rated(tmp_path, RATED))
    frame = build_table("reach", results).frame
    assert len(frame) == 2 * (1 + len(results.arms))
    assert frame["reach"].str.contains(r"1 in|none").all()
    assert set(frame["tries_low"] <= frame["tries"]) == {True}
    numbers = plot_reach(results).numbers
    assert set(numbers["arm"]) == {BASE, *results.arms}
    assert numbers["accuracy"].between(numbers["low"], numbers["high"]).mean() > 0.9


def test_an_experiment_without_rates_has_no_reach(tmp_path: Path) -> None:
    results = load_results(synthetic.make(tmp_path / "demo", questions=6))
    table = build_table("reach", results)
    assert table.frame.empty
    assert "no skills at known rates" in table.notes[0]
    with pytest.raises(NothingToPlot, match="known rates"):
        plot_reach(results)
    results.spec["task"]["prompts"] = "skills"  # as brought without its base policy
    assert "skill_rates.json is missing" in build_table("reach", results).notes[0]
