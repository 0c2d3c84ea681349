"""Writes the runs of a results folder into an MLflow store. A second time changes nothing.

This is the only module that imports MLflow, inside functions, because the import takes seconds and
hundreds of megabytes.
"""

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from experiments.tracking.brought import brought_views, is_brought
from experiments.tracking.metrics import Point
from experiments.tracking.opening_view import (
    NOTE_TAG,
    VIEW_TAG,
    opening_note,
    opening_view,
)
from experiments.tracking.runs import RUN_RUNNING, RunView, run_views
from experiments.tracking.store_address import (
    ANSWER_SECONDS,
    Unreachable,
    check_answers,
    own_uri,
    sqlite_file,
    store_uri,
    without_secrets,
    write_lock,
)
from experiments.tracking.sweeps import sweep_views

MAKING = ".mlflow-making-"  # prefix of the folder in which a database is created
BATCH, PARAMS = 1000, 100  # MLflow's limits per call: of metrics; of params or tags
ARTIFACTS_OF = "file://{}/mlartifacts"  # of the folder that holds the store
# columns of MLflow's database with absolute paths of artifacts
ARTIFACT_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
)
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}


@contextmanager
def errors_without_secrets() -> Iterator[None]:
    """Turns errors of MLflow, its database and the network into Unreachable, without secrets."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    # ImportError: the driver of the database is not installed
    except (MlflowException, SQLAlchemyError, OSError, ImportError) as error:
        first = (without_secrets(str(error)).strip().splitlines() or [""])[0]
        raise Unreachable(f"the store ({type(error).__name__}: {first})") from None


def make_view(root: Path, alive: bool, whole: bool, uri: str | None = None) -> None:
    """Brings the store up to date with the results folder `root`.

    `alive`: unfinished runs are still running, and were not given up.
    `whole`: log artifacts and data sets, too. `uri`: of the store, if not the default one.

    Raises:
        BadInput: a result file cannot be read.
        Unreachable: the store does not answer.
    """
    for key, value in QUIET.items():
        os.environ.setdefault(key, value)
    if is_brought(root):
        name, runs = brought_views(root)
        benchmarks, question = [], ""
    else:
        experiment, runs = run_views(root, alive)
        name, runs = experiment.name, runs + sweep_views(root, alive)
        benchmarks, question = [*experiment.evaluation.benchmarks], experiment.question
    uri = uri or store_uri(root.parent)
    with write_lock(root.parent):
        check_answers(uri)
        with errors_without_secrets():
            make_database(uri)
            follow_folder(uri)
            store = Store(uri, name, root.parent)
            for run in runs:
                store.write(run, whole)
            store.forget({run.key for run in runs})
            if benchmarks:
                store.open_with(benchmarks, question, runs)


def make_database(uri: str) -> None:
    """Creates an SQLite store if it is missing.

    MLflow creates one in dozens of migrations; if it is killed in between, it cannot open the
    result again. So the store is created in a folder of its own and then moved.
    """
    path = sqlite_file(uri)
    if path is None or (path.exists() and path.stat().st_size):
        return
    from mlflow.tracking import MlflowClient

    for left in path.parent.glob(f"{MAKING}*"):
        shutil.rmtree(left)
    # A new name each time: MLflow caches its connections by name.
    with TemporaryDirectory(prefix=MAKING, dir=path.parent) as folder:
        made = Path(folder, path.name)
        MlflowClient(f"sqlite:///{made}").search_experiments(max_results=1)
        made.replace(path)


def follow_folder(uri: str) -> None:
    """Points an SQLite store at the artifacts beside it.

    MLflow records absolute paths, so a store that was copied or moved with its results would go on
    writing into the folder that it came from.
    """
    path = sqlite_file(uri)
    if path is None:
        return
    here = f"{ARTIFACTS_OF.format(path.parent.resolve())}/"
    with closing(sqlite3.connect(path, timeout=ANSWER_SECONDS)) as database, database:
        for table, column in ARTIFACT_COLUMNS:
            found = database.execute(
                f"SELECT DISTINCT {column} FROM {table} WHERE {column} LIKE 'file://%/mlartifacts/%'"
            ).fetchall()
            for (place,) in found:
                moved = here + place.rpartition("/mlartifacts/")[2]
                if moved != place:
                    database.execute(
                        f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (moved, place)
                    )


class Store:
    """One MLflow experiment, opened for writing."""

    def __init__(self, uri: str, name: str, results: Path) -> None:
        from mlflow.tracking import MlflowClient

        self.client = MlflowClient(uri)
        self.own = uri.startswith(own_uri(results))
        artifacts = ARTIFACTS_OF.format(results.resolve())
        place = f"{artifacts}/{name}" if uri.startswith("sqlite:") else None
        found = self.client.get_experiment_by_name(name)
        self.experiment = (
            found.experiment_id if found else self.client.create_experiment(name, place)
        )
        self.runs = {run.data.tags["run_key"]: run for run in self.all_runs()}

    def all_runs(self) -> list[Any]:
        found, token = [], None
        while True:
            page = self.client.search_runs(
                [self.experiment], "tags.run_key LIKE '%'", page_token=token
            )
            found += page
            token = page.token
            if not token:
                return found

    def write(self, view: RunView, whole: bool) -> None:
        """Creates a run or adds what it lacks. A run that was trained anew replaces the old one."""
        run = self.runs.get(view.key)
        if run and self.made_again(run, view):
            if not self.own:
                return  # a store that others share: nothing is deleted there
            self.client.delete_run(run.info.run_id)
            run = None
        run = run or self.create(view)
        self.runs[view.key] = run
        self.add(run, view)
        if whole:
            self.add_files(run.info.run_id, view)
        self.set_status(run, view.status)

    def create(self, view: RunView) -> Any:
        start = view.rollouts[0][0].time if view.rollouts else int(1000 * time.time())
        return self.client.create_run(self.experiment, start, {"run_key": view.key}, view.name)

    def logged(self, run: str) -> dict[int, float]:
        """{rollout: entropy, nats} of the rollouts that are in the store."""
        return {
            metric.step: metric.value for metric in self.client.get_metric_history(run, "entropy")
        }

    def made_again(self, run: Any, view: RunView) -> bool:
        """Whether the store has another run under this key: one that was since trained anew."""
        if run.data.tags.get("run", "") != view.tags.get("run", ""):
            return True
        logged = self.logged(run.info.run_id) if view.rollouts else {}
        return any(
            step in logged and logged[step] != value
            for step, value in map(entropy_of, view.rollouts)
        )

    def add(self, run: Any, view: RunView) -> None:
        """Logs the tags, params and metrics that the run lacks."""
        from mlflow.entities import Metric, Param, RunTag

        tags = view.tags | {"run_key": view.key}
        if view.parent:
            tags["mlflow.parentRunId"] = self.runs[view.parent].info.run_id
        logged = self.logged(run.info.run_id) if view.rollouts else {}
        rows = [point for row in view.rollouts if entropy_of(row)[0] not in logged for point in row]
        news = rows + [
            point for point in view.points if run.data.metrics.get(point.name) != point.value
        ]
        metrics = [
            Metric(point.name, point.value, point.time, point.step) for point in entropy_last(news)
        ]
        params = [
            Param(key, value) for key, value in view.params.items() if key not in run.data.params
        ]
        changed = [
            RunTag(key, value) for key, value in tags.items() if run.data.tags.get(key) != value
        ]
        self.send(run.info.run_id, "tags", changed, PARAMS)
        self.send(run.info.run_id, "params", params, PARAMS)
        self.send(run.info.run_id, "metrics", metrics, BATCH)

    def send(self, run: str, kind: str, values: list[Any], size: int) -> None:
        log: Callable[..., Any] = self.client.log_batch
        for start in range(0, len(values), size):
            log(run, **{kind: values[start : start + size]})

    def add_files(self, run: str, view: RunView) -> None:
        for path, folder in view.artifacts:
            log: Callable[..., None] = (
                self.client.log_artifacts if path.is_dir() else self.client.log_artifact
            )
            log(run, str(path), folder or None)
        if view.data:
            self.client.log_inputs(run, datasets=dataset_inputs(view))
        for name, text in view.texts:
            self.client.log_text(run, text, name)

    def open_with(self, benchmarks: list[str], question: str, runs: list[RunView]) -> None:
        """Sets what the experiment's link shows. A description that somebody wrote is kept."""
        view = opening_view(metric_names(runs), benchmarks)
        now = self.client.get_experiment(self.experiment).tags
        wanted = {VIEW_TAG: json.dumps(view)}
        wanted |= {NOTE_TAG: opening_note(question, self.experiment)} if NOTE_TAG not in now else {}
        for key, value in wanted.items():
            if now.get(key) != value:
                self.client.set_experiment_tag(self.experiment, key, value)

    def set_status(self, run: Any, status: str) -> None:
        if run.info.status == status:
            return
        if status == RUN_RUNNING:
            self.client.update_run(run.info.run_id, status=status)
        else:
            self.client.set_terminated(run.info.run_id, status)

    def forget(self, keys: set[str]) -> None:
        """Moves runs whose files are gone to MLflow's bin; does nothing on a shared store."""
        for key, run in self.runs.items():
            if self.own and key not in keys:
                self.client.delete_run(run.info.run_id)


def entropy_of(row: tuple[Point, ...]) -> tuple[int, float]:
    """(rollout, entropy in nats) of a rollout's points; NaN if entropy was not measured."""
    return next(
        ((p.step, p.value) for p in row if p.name == "entropy"),
        (row[0].step if row else -1, float("nan")),
    )


def metric_names(runs: list[RunView]) -> set[str]:
    return {
        point.name for run in runs for points in (run.points, *run.rollouts) for point in points
    }


def entropy_last(points: list[Point]) -> list[Point]:
    """Sorts points so that `entropy` is the last of its rollout.

    A rollout with an entropy in the store counts as logged, so it must be written after the rest.
    """
    return sorted(points, key=lambda point: (point.step, point.name == "entropy"))


def dataset_inputs(view: RunView) -> list[Any]:
    """The data sets of a run as MLflow's objects."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    return [
        DatasetInput(
            Dataset(
                data.name,
                data.digest,
                "local",
                f'{{"uri": "problems/{data.name}.jsonl"}}',
                None,
                f'{{"num_rows": {data.rows}}}',
            ),
            [InputTag("mlflow.data.context", data.context)],
        )
        for data in view.data
    ]
