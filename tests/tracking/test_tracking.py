"""MLflow shows what the files say: found again, never twice, the same when made anew, and in
nobody's way.
"""

import json
import math
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis.tables import __main__ as tables_command
from experiments.spec.experiment_file import load_experiment
from experiments.spec.resolved import resolved_yaml
from experiments.spec.schema import run_spec, spec_hash
from experiments.tracking import command as tracking
from experiments.tracking.metrics import finite_numbers, measure_names, metric_name, row_points
from experiments.tracking.mlflow_store import MAKING, make_view
from experiments.tracking.runs import run_views
from experiments.tracking.store_address import (
    SWITCH,
    Unreachable,
    check_answers,
    own_uri,
    without_secrets,
)
from tests.support.synthetic import log, make

CHECKOUT = Path(__file__).parents[2]
ARMS = ("none", "aer")
SEEDS = (1, 2)
BENCHMARK = "arithmetic_test"
RUN_NAMES = [
    "aer",
    "aer/seed-1",
    "aer/seed-2",
    "base",
    "comparison",
    "none",
    "none/seed-1",
    "none/seed-2",
]
Shown = dict[str, Any]


def make_results(root: Path, rollouts: int = 6) -> Path:
    """Results of two arms and two seeds under a spec that the schema takes; only the numbers are
    invented.
    """
    make(root, seeds=SEEDS, rollouts=rollouts, questions=6)
    invented = yaml.safe_load((root / "spec.yaml").read_text())["evaluation"]["benchmarks"]
    spec = yaml.safe_load((CHECKOUT / "experiments" / "smoke.yaml").read_text())
    spec["evaluation"]["benchmarks"] = {
        name: b | {"levels": [1], "per_level": 6} for name, b in invented.items()
    }
    spec |= {
        "name": root.name,
        "arms": {arm: spec["arms"][arm] for arm in ARMS},
        "seeds": list(SEEDS),
    }
    (root / "spec.yaml").write_text(yaml.safe_dump(spec))
    experiment = load_experiment(root / "spec.yaml")
    (root / "spec.yaml").write_text(resolved_yaml(experiment))
    for arm, seed in ((arm, seed) for arm in ARMS for seed in SEEDS):
        path = run_folder(root, arm, seed) / "run.json"
        record = json.loads(path.read_text()) | {
            "spec_hash": spec_hash(run_spec(experiment, arm, seed))
        }
        path.write_text(json.dumps(record))
    for name in ("train", *invented):
        (root / "problems" / f"{name}.jsonl").write_text('{"id": "1"}\n{"id": "2"}\n')
    (root / "benchmarks").mkdir()
    (root / "benchmarks" / "aer_1_train.tsv").write_text(
        "s\tmax_rss\tmean_load\tcpu_time\n46.5\t1085.5\t89\t-\n"
    )
    tables_command.main([str(root)])
    return root


def run_folder(root: Path, arm: str = "aer", seed: int = 1) -> Path:
    return root / arm / f"seed-{seed}"


def shown(results: Path) -> Shown:
    """All that the store holds of each run, apart from ids and times. Read from a copy: MLflow
    keeps what it opened.
    """
    from mlflow.tracking import MlflowClient

    copy = f"copy-{time.time_ns()}.db"
    shutil.copy(results / "mlflow.db", results / copy)
    client: Any = MlflowClient(own_uri(results, copy))
    runs = [
        run for e in client.search_experiments() for run in client.search_runs([e.experiment_id])
    ]
    names = {run.info.run_id: run.info.run_name for run in runs}
    assert len(set(names.values())) == len(runs), "a run is there twice"
    found = {}
    for run in runs:
        tags = dict(run.data.tags)
        tags["parent"] = names.get(tags.pop("mlflow.parentRunId", ""), "")
        curves = {name: history(client, run.info.run_id, name) for name in run.data.metrics}
        found[run.info.run_name] = {
            "status": run.info.status,
            "tags": tags,
            "params": dict(run.data.params),
            "metrics": curves,
            "data": sorted(
                (i.dataset.name, i.dataset.digest, i.dataset.profile)
                for i in run.inputs.dataset_inputs
            ),
            "artifacts": sorted(file.path for file in client.list_artifacts(run.info.run_id)),
        }
    return found


def history(client: Any, run: str, name: str) -> list[tuple[int, float]]:
    return sorted((metric.step, metric.value) for metric in client.get_metric_history(run, name))


@pytest.fixture(autouse=True)
def own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished experiment that was followed while it ran: crash, resume, the rest."""
    made = make_results(tmp_path_factory.mktemp("results") / "demo")
    finish = {
        path: path.read_text() for arm in ARMS for path in run_folder(made, arm).glob("*.json*")
    }
    for arm in ARMS:
        (run_folder(made, arm) / "run.json").unlink()
    for count in (0, 4, 2, 3, 5):  # it dies after rollout 4 and goes on from a checkpoint after 2
        for arm in ARMS:
            path = run_folder(made, arm) / "train.jsonl"
            path.write_text(
                "".join(line + "\n" for line in finish[path].splitlines()[:count]) + "{'torn"
            )
        make_view(made, alive=True, whole=False)
    for path, text in finish.items():
        path.write_text(text)
    tracking.log_everything(made)
    return made


def test_runs_are_there_once_with_parents_settings_and_tags(root: Path) -> None:
    found = shown(root.parent)
    assert sorted(found) == RUN_NAMES
    run = found["aer/seed-1"]
    assert run["status"] == "FINISHED"
    assert run["tags"]["parent"] == "aer"
    expected = {
        "kind": "seed",
        "arm": "aer",
        "method": "aer",
        "seed": "1",
        "host": "synthetic",
        "git_revision": "a" * 40,
    }
    assert run["tags"] | expected | {"version.trl": "1.16.0"} == run["tags"]
    assert run["params"]["method.eta"] == "0.1"
    assert run["params"]["training.rollouts"] == "3"
    assert "seed" not in found["aer"]["params"]


def test_metrics_hold_every_rollout_once(root: Path) -> None:
    metrics = shown(root.parent)["aer/seed-1"]["metrics"]
    rows = log("aer", 1, 6)
    assert metrics["entropy"] == [(i, row["entropy"]) for i, row in enumerate(rows)]
    assert metrics["state/alpha"] == [(i, row["state"]["alpha"]) for i, row in enumerate(rows)]
    assert [step for step, _ in metrics["gradient_share"]] == [0, 5]
    assert metrics["strata/0_to_0.25/entropy"][2][1] == rows[2]["strata"]["(0, 0.25]"]["entropy"]
    assert metrics["system/train_memory_mb"] == [(0, 1085.5)]
    assert "system/train_cpu_seconds" not in metrics


def test_scores_of_arms_have_intervals_and_differences(root: Path) -> None:
    metrics = shown(root.parent)["aer"]["metrics"]
    low, mid, high = (metrics[f"{BENCHMARK}/pass_at_1{end}"][0][1] for end in ("_low", "", "_high"))
    assert low < mid < high
    assert f"{BENCHMARK}/pass_at_8_low" in metrics
    assert f"{BENCHMARK}/pass_at_1_difference_low" in metrics
    assert "final_entropy" in metrics


def test_data_sets_and_artifacts(root: Path) -> None:
    found = shown(root.parent)
    names = [
        name for name, _, profile in found["aer/seed-1"]["data"] if profile == '{"num_rows": 2}'
    ]
    assert names == ["arithmetic_hard", "arithmetic_test", "train"]
    assert found["comparison"]["artifacts"] == ["spec.yaml", "tables"]
    assert found["aer/seed-1"]["artifacts"] == ["completions.json", "run.json"]


def test_a_rebuilt_database_equals_the_live_one(root: Path) -> None:
    live = shown(root.parent)
    tracking.log_everything(root)
    assert shown(root.parent) == live, "a second pass changes something"
    tracking.rebuild_store(root.parent)
    assert shown(root.parent) == live


def test_processes_that_start_at_once_make_no_run_twice(tmp_path: Path) -> None:
    made = make_results(tmp_path / "results" / "demo", rollouts=2)
    command = [sys.executable, "-m", "experiments.tracking", "sync", str(made)]
    started = [
        subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert [(p.communicate()[1], p.returncode) for p in started] == [("", 0)] * 2
    assert sorted(shown(made.parent)) == RUN_NAMES
    path = (
        run_folder(made) / "train.jsonl"
    )  # trained anew with other code: a run in the place of the old one
    path.write_text("".join(json.dumps(row) + "\n" for row in log("none", 9, 2)))
    tracking.log_everything(made)
    assert (
        shown(made.parent)["aer/seed-1"]["metrics"]["entropy"][0][1]
        == log("none", 9, 2)[0]["entropy"]
    )
    edited = yaml.safe_load((made / "spec.yaml").read_text())
    edited["arms"]["aer"]["method"]["eta"] = 0.2
    (made / "spec.yaml").write_text(yaml.safe_dump(edited))
    tracking.log_everything(made)
    assert sorted(shown(made.parent)) == [name for name in RUN_NAMES if not name.startswith("aer/")]


def test_a_store_whose_making_was_cut_short_is_made_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = own_uri(tmp_path)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            make_view(root, alive=False, whole=True, uri=uri)
    assert (
        tmp_path / "mlflow.db"
    ).stat().st_size == 0  # made by the look whether it can be written
    killed = tmp_path / f"{MAKING}1"
    killed.mkdir()
    (killed / "mlflow.db").write_bytes((root.parent / "mlflow.db").read_bytes()[:5000])
    make_view(root, alive=False, whole=True, uri=uri)
    assert sorted(shown(tmp_path)) == RUN_NAMES
    assert not list(tmp_path.glob(f"{MAKING}*"))


def test_a_locked_database_is_one_warning(
    root: Path, capsys: pytest.CaptureFixture[str], patience: None
) -> None:
    with closing(sqlite3.connect(root.parent / "mlflow.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        mark = root.parent / "mark"
        tracking.log_everything(root, mark=mark)
        assert "database is locked" in capsys.readouterr().err
        assert mark.read_text().startswith("not logged")


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.tracking.store_address.ANSWER_SECONDS", 0.05)


def test_a_server_that_is_away_is_one_warning_without_its_password(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, patience: None
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hidden@127.0.0.1:9/base?token=hidden")
    tracking.log_everything(root)
    said = capsys.readouterr().err
    assert said.startswith("warning: tracking: no answer from http://127.0.0.1:9/base")
    assert said.count("\n") == 1
    assert "hidden" not in said
    with pytest.raises(Unreachable):
        tracking.rebuild_store(root.parent)


def test_following_warns_once_and_ends_with_its_caller(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, patience: None
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    callers = iter([1, 1, 1, 2])
    monkeypatch.setattr(tracking.os, "getppid", lambda: next(callers))
    monkeypatch.setattr(tracking.os, "nice", lambda _: 0)
    monkeypatch.setattr(tracking, "PAUSE", 0)
    tracking.follow(root, caller=1)
    assert capsys.readouterr().err.count("warning") == 1


def test_switched_off_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "off")
    (tmp_path / "demo").mkdir()
    tracking.log_everything(tmp_path / "demo", mark=tmp_path / "demo" / "mark")
    tracking.start_following(tmp_path / "demo")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["mark"]


def test_training_knows_nothing_of_tracking() -> None:
    """So it is the same with tracking on, off, and with a store that does not answer."""
    code = "import sys, experiments.train\nfor m in sys.modules: assert not m.startswith('experiments.tracking')"
    uri = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=CHECKOUT, env=os.environ | uri)


def test_rows_of_other_settings_are_not_shown(tmp_path: Path) -> None:
    made = make_results(tmp_path / "demo", rollouts=2)
    run = run_folder(made)
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"spec_hash": "other"}))
    (run_folder(made, "none") / "run.json").unlink()
    os.utime(made / "spec.yaml", (2e9, 2e9))  # the settings were written after the rows
    names = sorted(view.name for view in run_views(made, alive=True)[1])
    assert names == [name for name in RUN_NAMES if not name.endswith("/seed-1")]


def test_names_and_numbers() -> None:
    assert metric_name("(0, 0.25]") == "0_to_0.25"
    assert metric_name("pass@1") == "pass_at_1"
    assert metric_name("length_mean") == "length_mean"
    row = {
        "rollout": 3,
        "entropy": 0.5,
        "clip": None,
        "bad": float("nan"),
        "levels": {"2": {"rows": 4, "length": 7}},
    }
    assert list(finite_numbers(row)) == [("entropy", 0.5), ("levels/2/length", 7.0)]


def test_times_count_back_from_the_last_row() -> None:
    rows = [
        {"rollout": i, "entropy": 1.0, "seconds_rollout": 2.0, "seconds_update": i + 1.0}
        for i in range(3)
    ]
    assert [row[0].time for row in row_points(Path("train.jsonl"), rows, 100.0)] == [
        91_000,
        95_000,
        100_000,
    ]
    for no_time in (math.nan, math.inf, -math.inf, 1e300, -1.0, "1"):
        rows[2]["seconds_update"] = no_time
        assert len(row_points(Path("train.jsonl"), rows, 100.0)) == 3


def test_measures_get_plain_names() -> None:
    measures = {
        "pass_at_k": {"1": 0.5, "8": 1.0},
        "avg_at_n": 0.5,
        "avg_at_n_interval": [0.4, 0.6],
        "levels": {},
    }
    expected = {"pass_at_1": 0.5, "pass_at_8": 1.0, "pass_at_1_low": 0.4, "pass_at_1_high": 0.6}
    assert measure_names(measures | {"length": {"mean": 3.0}}) == expected | {
        "avg_at_n": 0.5,
        "avg_at_n_interval": [0.4, 0.6],
        "avg_at_n_low": 0.4,
        "avg_at_n_high": 0.6,
        "length_mean": 3.0,
    }


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("postgresql://me:secret@host:5432/db", "postgresql://host:5432/db"),
        (
            "no answer from https://me:a@b@host/x?token=secret now",
            "no answer from https://host/x now",
        ),
        ("sqlite:////results/mlflow.db", "sqlite:////results/mlflow.db"),
    ],
)
def test_secrets_are_left_out(text: str, clean: str) -> None:
    assert without_secrets(text) == clean


def test_an_unwritable_place_is_no_answer(tmp_path: Path, patience: None) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unreachable):
        check_answers(f"sqlite:///{tmp_path}/file/mlflow.db")


def test_the_store_of_copied_results_writes_beside_itself(tmp_path: Path) -> None:
    """MLflow records absolute paths of artifacts: a copy would write into the original."""
    original = make_results(tmp_path / "first" / "results" / "demo")
    make_view(original, alive=False, whole=True)
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "first").rglob("*")}
    copied = tmp_path / "second" / "results" / "demo"
    shutil.rmtree(copied.parent / "mlartifacts")
    # a process of its own, as MLflow remembers where it wrote the files of a run
    command = [sys.executable, "-m", "experiments.tracking", "sync", str(copied)]
    subprocess.run(command, cwd=CHECKOUT, check=True)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "first").rglob("*")} == before
    assert any((copied.parent / "mlartifacts").rglob("spec.yaml"))
    assert shown(copied.parent)["comparison"]["artifacts"] == ["spec.yaml", "tables"]
