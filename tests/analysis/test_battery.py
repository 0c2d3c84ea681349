"""The battery: which part is asked for, scores by hand, false alarms, and two tiny probes through
the real Snakefile.
"""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from analysis.battery.command import write_battery_report
from analysis.battery.folder import read_battery
from analysis.battery.scores import entropy_distances, welch
from analysis.figures import style
from analysis.results.folder import Run
from eval.files.errors import BadInput
from eval.files.locks import lock_file
from experiments.battery.battery_file import (
    DEFAULT_BATTERY,
    asked_battery,
    load_battery,
    write_battery,
)
from experiments.spec.experiment_file import load_experiment
from tests.support import synthetic
from tests.workflow.test_pipeline import copied

MINI = str(Path(__file__).parents[1] / "workflow" / "mini.yaml")
TINY = {
    "question": "Does the battery run?",
    "reference": "none",
    "probes": {
        "one": {"experiment": MINI},
        "two": {"experiment": MINI, "score": "holding", "control": True},
    },
    "arms": {
        "none": {"method": {"name": "no_entropy"}},
        "aer": {"method": {"name": "aer", "eta": 0.1}},
    },
    "seeds": [1],
}


def test_every_probe_takes_the_arms_of_the_default_battery(tmp_path: Path) -> None:
    battery = load_battery(DEFAULT_BATTERY)
    shipped = {path.stem for path in Path("experiments/probes").glob("*.yaml")}
    assert set(battery.probes) <= shipped
    for name, member in zip(battery.probes, write_battery(battery, tmp_path), strict=True):
        own, shipped_one = load_experiment(member.file), load_experiment(name)
        assert (own.name, list(own.arms), own.seeds) == (name, list(battery.arms), battery.seeds)
        assert (own.task, own.training) == (shipped_one.task, shipped_one.training)


def test_the_head_of_each_probe_says_what_its_score_means() -> None:
    for name in load_battery(DEFAULT_BATTERY).probes:
        text = Path(f"experiments/probes/{name}.yaml").read_text()
        assert "\n# Score in the battery: " in text.split("\nname:")[0], name


def test_a_part_keeps_the_reference() -> None:
    asked = asked_battery({"probes": "placebo, rare", "methods": "aer"})
    assert list(asked.probes) == ["rare", "placebo"]
    assert list(asked.arms) == ["none", "aer"]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"probes": "rar"}, "did you mean rare"),
        ({"methods": "aerr"}, "did you mean aer"),
        ({"probes": ","}, "name at least one"),
        ({"battery": "nowhere.yaml"}, "no such YAML file"),
    ],
)
def test_what_does_not_exist_is_named(config: dict[str, str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        asked_battery(config)


def run_with_entropy(*entropy: float) -> Run:
    return Run("x", 1, Path(), {}, tuple({"entropy": value} for value in entropy))


def test_distances_by_hand() -> None:
    """.4 → .1 is two halvings, .1 → .4 two doublings; no entropy at all counts as .001 nats."""
    runs = (run_with_entropy(0.4, 0.1), run_with_entropy(0.1, 0.4), run_with_entropy(0.128, 0))
    assert entropy_distances(runs) == pytest.approx([2, 2, 7])


def test_welch_with_and_without_spread() -> None:
    a_S, b_S = np.array([2.0, 2.5, 3.0]), np.array([0.1, 0.2, 0.4])
    expected = stats.ttest_ind(a_S, b_S, equal_var=False)[1]
    assert welch(a_S, b_S).pvalue == pytest.approx(expected)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy's, of data that are nearly identical
        assert welch(np.ones(3), np.ones(3)).pvalue == pytest.approx(1)
        assert welch(np.ones(3), np.zeros(3)).pvalue < 1e-6


def synthetic_battery(folder: Path, control: bool = False) -> Path:
    """Three probes of invented results, one of them not there."""
    probes = {
        "gains": {"score": "accuracy", "control": control},
        "holds": {"score": "holding"},
        "gone": {"score": "accuracy"},
    }
    for name in ("gains", "holds"):
        synthetic.make(folder / name, seeds=(0, 1, 2, 3), questions=40)
    arms = {arm: {"method": method} for arm, method in synthetic.METHODS.items()}
    asked = {"question": "Which?", "reference": "none", "probes": probes, "arms": arms}
    (folder / "battery.yaml").write_text(yaml.safe_dump(asked | {"seeds": [0, 1, 2, 3]}))
    return folder


def test_scorecard_of_invented_results(tmp_path: Path) -> None:
    style.use_style()
    folder = synthetic_battery(tmp_path)
    write_battery_report(read_battery(folder))
    cells = pd.read_csv(folder / "tables" / "cells.csv").set_index(["probe", "arm"])
    assert cells.loc[("gains", "fixed_high"), "verdict"] == "worse"
    # the invented aer holds half its initial entropy, one doubling; none collapses
    assert cells.loc[("holds", "aer"), "verdict"] == "better"
    assert cells.loc[("holds", "aer"), "value"] == pytest.approx(1, abs=0.2)
    assert (cells.loc["gone", "remarks"].str.contains("spec.yaml is missing")).all()
    card = (folder / "tables" / "scorecard.md").read_text()
    assert "▼" in card
    assert "**" in card.split("| aer |")[1].splitlines()[0]
    page = (folder / "report.html").read_text()
    assert 'href="gains/report.html"' in page
    assert "false alarm:" not in page
    assert {path.suffix for path in (folder / "tables").glob("scorecard.*")} == {
        *(".csv", ".md", ".tex", ".html")
    }
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    write_battery_report(read_battery(folder))
    assert all(path.read_bytes() == content for path, content in before.items())


def test_an_arm_that_is_better_on_a_control_is_a_false_alarm(tmp_path: Path) -> None:
    style.use_style()
    folder = synthetic_battery(tmp_path, control=True)
    counts = [folder / "gains" / "aer" / f"seed-{s}" / "eval" for s in range(4)]
    for place in counts:  # aer answers nearly everything
        path = place / "arithmetic_test.counts.csv"
        rows = pd.read_csv(path)
        rows["correct"] = rows["n"]
        rows.to_csv(path, index=False)
    write_battery_report(read_battery(folder))
    page = (folder / "report.html").read_text()
    assert "aer is called better than none on gains, where nothing can be learnt" in page


def test_a_folder_that_is_no_battery(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"battery\.yaml is missing"):
        read_battery(tmp_path)
    (tmp_path / "battery.yaml").write_text("{question: x, reference: a, probes: {}, arms: {a: {}}}")
    with pytest.raises(BadInput, match="probes"):
        read_battery(tmp_path)


def battery(checkout: Path, *config: str) -> str:
    command = [sys.executable, "-m", "snakemake", "battery", "--cores", "2"]
    command += ["--config", "battery=tiny.yaml", *config]
    job = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert job.returncode == 0, (job.stdout + job.stderr)[-3000:]
    return job.stdout + job.stderr


def test_two_tiny_probes_from_nothing_to_the_scorecard(tmp_path: Path) -> None:
    """A part first, which the whole goes on from; a second call does nothing; asked for a part
    again, the scorecard has that alone, and the other runs stay in place.
    """
    checkout = copied(tmp_path.resolve())
    (checkout / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    folder = checkout / "results" / "battery"
    page = f"Report: {Path('results') / 'battery' / 'report.html'}"
    said = battery(checkout, "probes=one", "methods=aer")
    assert page in said
    assert "Warning" not in said
    # the default experiment has no part in it
    assert [path.name for path in (checkout / "results").iterdir()] == ["battery"]
    trained = folder / "one" / "aer" / "seed-1" / "run.json"
    before = trained.stat().st_mtime_ns
    assert page in battery(checkout)
    cells = pd.read_csv(folder / "tables" / "cells.csv")
    assert len(cells) == 4
    assert set(cells["seeds"]) == {1}
    for probe in ("one", "two"):
        assert (folder / probe / "report.html").is_file()
    again = battery(checkout)
    assert "Nothing to be done" in again
    assert page in again
    battery(checkout, "probes=two", "methods=aer")
    assert set(pd.read_csv(folder / "tables" / "cells.csv")["probe"]) == {"two"}
    assert trained.stat().st_mtime_ns == before

    asked = (folder / "battery.yaml").read_bytes()
    with (folder / ".running").open("ab") as file:
        assert lock_file(file)
        with pytest.raises(AssertionError, match="another run is at work there"):
            battery(checkout, "probes=one")
    assert (folder / "battery.yaml").read_bytes() == asked, "the page of the run that is at work"
