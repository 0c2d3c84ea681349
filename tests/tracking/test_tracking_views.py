"""What MLflow opens with: columns and charts that matter, and the completions as a table. A second
sync doubles nothing, and a description that somebody wrote stays.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from eval.looks.record import look_file, look_mark
from experiments.tracking.completions_table import MOST_OF_A_ROLLOUT, completions_table
from experiments.tracking.mlflow_store import make_view
from experiments.tracking.opening_view import (
    NOTE_TAG,
    SECTION,
    VIEW_TAG,
    opening_view,
    view_address,
)
from experiments.tracking.runs import run_views
from experiments.tracking.store_address import own_uri
from tests.support.synthetic import log, write_completions
from tests.tracking.test_tracking import make_results

METRICS = ["entropy", "reward", "levels/3/entropy", "state/alpha", "math/pass_at_1", "system/s"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("views") / "arithmetic")


def test_columns_and_charts_are_those_that_matter() -> None:
    view = opening_view(METRICS, ["math", "not_measured"])
    assert view["selectedColumns"] == [
        "metrics.`math/pass_at_1`",
        "metrics.`final_entropy`",
        "tags.`verdict`",
        "tags.`flags`",
    ]
    charts = {chart["metricKey"]: chart for chart in view["compareRunCharts"]}
    assert [(name, chart["type"]) for name, chart in charts.items()] == [
        ("entropy", "LINE"),
        ("reward", "LINE"),
        ("math/pass_at_1", "BAR"),
    ]
    opened = [each for each in view["compareRunSections"] if each["display"]]
    assert [each["name"] for each in opened] == [SECTION]
    assert {chart["metricSectionId"] for chart in charts.values()} == {opened[0]["uuid"]}
    folded = [each["name"] for each in view["compareRunSections"] if not each["display"]]
    assert folded == ["levels", "math", "state", "Model metrics", "System metrics"]


def test_runs_have_flags_and_arms_verdicts(root: Path) -> None:
    views = {view.name: view for view in run_views(root, alive=False)[1]}
    assert "collapsed" in views["none/seed-1"].tags["flags"]
    assert views["aer"].tags["verdict"].startswith("arithmetic_")
    assert "verdict" not in views["none"].tags  # the reference
    entropy = {point.name: point.value for point in views["none/seed-1"].points}["final_entropy"]
    assert 0 < entropy < 0.1


def test_an_arm_has_the_mean_curves_of_its_seeds(root: Path, tmp_path: Path) -> None:
    views = {view.name: view for view in run_views(root, alive=False)[1]}
    assert len(views["aer"].rollouts) == 6
    for row, one, two in zip(
        *(views[name].rollouts for name in ("aer", "aer/seed-1", "aer/seed-2")), strict=True
    ):
        values = [{point.name: point.value for point in points} for points in (row, one, two)]
        assert values[0].keys() == {"entropy", "reward"}
        for name in values[0]:
            assert values[0][name] == pytest.approx((values[1][name] + values[2][name]) / 2)
    results = Path(shutil.copytree(root, tmp_path / "arithmetic"))
    (results / "aer" / "seed-2" / "run.json").unlink()
    views = {view.name: view for view in run_views(results, alive=True)[1]}
    assert views["aer"].rollouts == (), "a mean over fewer seeds would change later"


def test_a_stopped_arm_does_not_wait_for_a_run_that_was_left_over(
    root: Path, tmp_path: Path
) -> None:
    """Looks after 2 and 3 seeds were made anew, and the first now leaves no arm open."""
    results = Path(shutil.copytree(root, tmp_path / "arithmetic"))
    spec = yaml.safe_load((results / "spec.yaml").read_text())
    spec |= {"seeds": [1, 2, 3], "looks": {"after": [2, 3], "spending": "pocock"}}
    (results / "spec.yaml").write_text(yaml.safe_dump(spec))
    look_file(results, 2).parent.mkdir()
    look_file(results, 2).write_text(json.dumps({"open": [], "comparisons": []}))
    look_mark(results, 2).write_text("{}")
    shutil.copytree(results / "aer" / "seed-2", results / "aer" / "seed-3")
    (results / "aer" / "seed-3" / "run.json").unlink()
    os.utime(results / "aer" / "seed-3" / "train.jsonl")
    views = {view.name: view for view in run_views(results, alive=True)[1]}
    assert views["aer/seed-3"].status == "RUNNING"
    assert views["aer"].status == "FINISHED"
    before = {view.name: view for view in run_views(root, alive=True)[1]}
    assert [[(p.name, p.value) for p in row] for row in views["aer"].rollouts] == [
        [(p.name, p.value) for p in row] for row in before["aer"].rollouts
    ]


def test_the_table_has_a_row_per_completion(root: Path, tmp_path: Path) -> None:
    table = json.loads(completions_table(root / "aer" / "seed-1"))
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    assert len(rows) == 3 * 8 <= 3 * MOST_OF_A_ROLLOUT
    assert {row["rollout"] for row in rows} == {0, 3, 5}
    assert rows[0]["prompt"] == "What is 12 + 30?\n"
    assert all(row["entropy"] == pytest.approx(-row["logp"]) for row in rows)
    assert completions_table(tmp_path) == ""


def test_a_damaged_file_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_completions(tmp_path / "completions", log("none", 1, 6))
    path = tmp_path / "completions" / "rollout-0003.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-20])
    table = json.loads(completions_table(tmp_path))
    assert {row[0] for row in table["data"]} == {0, 5}
    assert "rollout-0003.jsonl.gz: not shown" in capsys.readouterr().err


def stored(results: Path) -> dict[str, Any]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(own_uri(results))
    experiment = client.get_experiment_by_name("arithmetic")
    assert experiment is not None
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    return {"client": client, "experiment": experiment, "runs": runs}


def test_a_second_sync_changes_nothing(root: Path, tmp_path: Path) -> None:
    results = Path(shutil.copytree(root, tmp_path / "arithmetic"))
    make_view(results, alive=False, whole=True)
    first = stored(tmp_path)
    first["client"].set_experiment_tag(first["experiment"].experiment_id, NOTE_TAG, "mine")
    make_view(results, alive=False, whole=True)
    found = stored(tmp_path)
    number = found["experiment"].experiment_id
    assert view_address(number) in first["experiment"].tags[NOTE_TAG]
    assert found["experiment"].tags[NOTE_TAG] == "mine"
    view = json.loads(found["experiment"].tags[VIEW_TAG])
    assert SECTION in {each["name"] for each in view["compareRunSections"]}
    read = """import sys
from mlflow.tracking import MlflowClient
client = MlflowClient(sys.argv[1])
table = client.load_table(sys.argv[2], "completions.json")
print(len(table), sorted(table.columns)[:2])"""
    command = [sys.executable, "-c", read, own_uri(tmp_path), number]
    # load_table looks for the runs in the store of the environment, not in its client's
    environment = os.environ | {"MLFLOW_TRACKING_URI": own_uri(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.startswith(f"{4 * 3 * 8} ['advantage', 'answer']"), (
        "as MLflow itself reads it"
    )
