"""MLflow shows a sweep: a run per study, search and trial, while it goes on and from its files
alone.
"""

import csv
import json
import os
import shutil
from pathlib import Path

import pytest
import yaml

from eval.files.errors import BadInput
from experiments.tracking import command as tracking
from experiments.tracking.mlflow_store import make_view
from experiments.tracking.sweeps import sweep_views, trial_rows
from tests.support.synthetic import log
from tests.sweep import synthetic_sweep
from tests.tracking.test_tracking import make_results, shown

NAME = "sweep/target_ratio"


@pytest.fixture(autouse=True)
def own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def outcomes(folder: Path) -> None:
    """What each trial leaves when it ends: its row of trials.csv, and the first seed's log."""
    for row in csv.DictReader((folder / "trials.csv").open()):
        if not row["run"]:
            continue
        run = folder / row["run"]
        (run / "seed-101").mkdir(parents=True)
        rows = log("aer", int(row["trial"]), 3)
        (run / "seed-101" / "train.jsonl").write_text(
            "".join(json.dumps(each) + "\n" for each in rows)
        )
        typed = {key: None if cell == "" else cell for key, cell in row.items()}
        (run / "outcome.json").write_text(json.dumps(typed | {"score": float(row["score"])}))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment with a sweep that was followed while it went on: five trials, then all, then
    trials.csv.
    """
    made = make_results(tmp_path_factory.mktemp("results") / "demo", rollouts=2)
    folder = synthetic_sweep.make(made / NAME)
    outcomes(folder)
    table = (folder / "trials.csv").rename(folder / "later.csv")
    files = sorted(folder.glob("*/runs/*/outcome.json"))
    for path in files[5:]:
        path.rename(path.with_suffix(".later"))
    make_view(made, alive=True, whole=False)
    assert sum("/trial-" in name for name in shown(made.parent)) == 5
    for path in files[5:]:
        path.with_suffix(".later").rename(path)
    make_view(made, alive=True, whole=False)
    table.rename(folder / "trials.csv")
    (folder / "aer" / "best.yaml").write_text("method: {name: aer}\n")
    tracking.log_everything(made)
    return made


def test_every_trial_is_there_once_under_its_search(root: Path) -> None:
    found = {name: run for name, run in shown(root.parent).items() if name.startswith("sweep/")}
    trials = [f"{NAME}/aer/trial-{n}" for n in range(11)] + [
        f"{NAME}/fixed/trial-{n}" for n in range(12)
    ]
    assert sorted(found) == sorted([NAME, f"{NAME}/aer", f"{NAME}/fixed", *trials])
    assert found[f"{NAME}/aer"]["tags"]["parent"] == NAME
    assert {found[name]["tags"]["parent"] for name in trials} == {f"{NAME}/aer", f"{NAME}/fixed"}
    assert [found[name]["tags"]["kind"] for name in (NAME, f"{NAME}/aer", trials[0])] == [
        "study",
        "search",
        "trial",
    ]


def test_a_trial_holds_its_settings_scores_and_curves(root: Path) -> None:
    row = next(csv.DictReader((root / NAME / "trials.csv").open()))
    run = shown(root.parent)[f"{NAME}/aer/trial-0"]
    assert run["params"] == {"study": "target_ratio", "method.tau": "0.1"}
    assert run["status"] == "FINISHED"
    metrics = run["metrics"]
    assert metrics["score"] == [(0, float(row["score"]))]
    assert metrics["score/seed_102"] == [(0, float(row["score_seed_102"]))]
    for name in (
        "initial_entropy",
        "final_entropy",
        "length",
        "truncated",
        "tokens_generated",
        "seconds",
    ):
        assert metrics[name] == [(0, float(row[name]))]
    rows = log("aer", 0, 3)
    assert metrics["entropy"] == [(i, each["entropy"]) for i, each in enumerate(rows)]
    assert metrics["state/alpha"] == [(i, each["state"]["alpha"]) for i, each in enumerate(rows)]
    assert "grad_norm" not in metrics


def test_states_retries_and_the_best(root: Path) -> None:
    found = shown(root.parent)
    assert found[f"{NAME}/aer/trial-9"]["status"] == "KILLED"  # pruned
    failed = found[f"{NAME}/fixed/trial-11"]
    assert failed["status"] == "FAILED"
    assert failed["tags"]["retry_of"] == "3"
    assert failed["tags"]["mlflow.note.content"] == "out of memory"
    assert found[f"{NAME}/aer/trial-3"]["tags"]["chosen"] == "True"
    search = found[f"{NAME}/aer"]
    assert search["metrics"]["score"] == found[f"{NAME}/aer/trial-3"]["metrics"]["score"]
    assert search["artifacts"] == ["best.yaml"]
    assert search["params"]["settings.method.tau.low"] == "0.1"
    assert found[NAME]["artifacts"] == ["study.yaml", "trials.csv"]


def test_a_rebuilt_database_equals_the_live_one(root: Path) -> None:
    live = shown(root.parent)
    tracking.log_everything(root)
    assert shown(root.parent) == live, "a second pass changes something"
    tracking.rebuild_store(root.parent)
    assert shown(root.parent) == live


def test_a_study_with_more_trials_is_the_same_and_one_with_other_seeds_another(
    tmp_path: Path,
) -> None:
    folder = synthetic_sweep.make(tmp_path / NAME)
    keys = [view.key for view in sweep_views(tmp_path, alive=True)]
    spec = yaml.safe_load((folder / "study.yaml").read_text())
    (folder / "study.yaml").write_text(yaml.safe_dump(spec | {"trials": 20, "workers": 4}))
    more = sweep_views(tmp_path, alive=True)
    assert [view.key for view in more] == keys
    assert more[1].status == "RUNNING"
    (folder / "study.yaml").write_text(yaml.safe_dump(spec | {"seeds": [7, 8]}))
    assert not {view.key for view in sweep_views(tmp_path, alive=True)} & set(keys)


def test_the_later_file_tells_of_a_trial(tmp_path: Path) -> None:
    folder = synthetic_sweep.make(tmp_path / NAME)
    path = folder / "aer" / "runs" / "new" / "outcome.json"
    path.parent.mkdir(parents=True)
    path.write_text(
        json.dumps(
            {"search": "aer", "trial": 0, "state": "complete", "score": 0.25, "run": "aer/runs/new"}
        )
    )
    os.utime(folder / "trials.csv", (1e9, 1e9))
    assert trial_rows(folder)["aer", 0].cells["score"] == "0.25"
    os.utime(path, (1e8, 1e8))
    assert trial_rows(folder)["aer", 0].cells["score"] != "0.25"
    path.write_text('{"torn')
    assert len(trial_rows(folder)) == 23
    path.write_text('{"score": 0.5}')  # says neither search nor trial: trials.csv will
    assert len(trial_rows(folder)) == 23


def test_a_trial_made_again_takes_the_place_of_the_old_one(root: Path, tmp_path: Path) -> None:
    made = Path(shutil.copytree(root.parent, tmp_path / "results")) / "demo"
    folder = made / NAME
    text = (folder / "trials.csv").read_text()
    (folder / "trials.csv").write_text(text.replace("aer/runs/00000000", "aer/runs/other"))
    tracking.log_everything(made)
    found = shown(made.parent)
    run = found[f"{NAME}/aer/trial-0"]
    assert run["tags"]["run"] == "aer/runs/other"
    assert "entropy" not in run["metrics"]
    assert len(found) == len(shown(root.parent))


def test_a_study_without_searches_is_refused(tmp_path: Path) -> None:
    folder = synthetic_sweep.make(tmp_path / NAME)
    for text in ("name: x\n", "searches: {aer: 3}\nseeds: [1]\n"):
        (folder / "study.yaml").write_text(text)
        with pytest.raises(BadInput, match=r"study\.yaml"):
            sweep_views(tmp_path, alive=True)
