"""Makes an MLflow store show what the files say. Doing it twice changes nothing.

The only module that imports MLflow, inside the functions that need it: it takes seconds and
hundreds of megabytes.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from experiments.tracking.address import (
    Unreachable,
    check_answers,
    lock,
    own_uri,
    sqlite_file,
    store_uri,
    without_secrets,
)
from experiments.tracking.brought import brought_views, is_brought
from experiments.tracking.metrics import Point
from experiments.tracking.runs import RUNNING, RunView, views
from experiments.tracking.sweeps import sweep_views

MAKING = ".mlflow-making-"  # folder for a database that is not whole yet
BATCH, PARAMS = 1000, 100  # metrics, params and tags that MLflow takes in one call
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}


@contextmanager
def told_without_secrets() -> Iterator[None]:
    """MLflow's, its database's and the network's errors become Unreachable."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (
        MlflowException,
        SQLAlchemyError,
        OSError,
        ImportError,
    ) as error:  # ImportError: a database's driver
        first = (without_secrets(str(error)).strip().splitlines() or [""])[0]
        raise Unreachable(f"the store ({type(error).__name__}: {first})") from None


def make_view(root: Path, alive: bool, whole: bool, uri: str | None = None) -> None:
    """Brings the store up to date with a results folder. `whole`: artifacts and data sets too.

    Raises:
        BadInput: a file is wrong.
        Unreachable: the store does not answer.
    """
    for key, value in QUIET.items():
        os.environ.setdefault(key, value)
    if is_brought(root):
        name, runs = brought_views(root)
    else:
        experiment, runs = views(root, alive)
        name, runs = experiment.name, runs + sweep_views(root, alive)
    uri = uri or store_uri(root.parent)
    with lock(root.parent):
        check_answers(uri)
        with told_without_secrets():
            make_database(uri)
            store = Store(uri, name, root.parent)
            for run in runs:
                store.write(run, whole)
            store.forget({run.key for run in runs})


def make_database(uri: str) -> None:
    """An SQLite store that is not there yet, whole or not at all.

    MLflow makes one in dozens of migrations. Killed in the middle, it leaves one that it can never
    open again.
    """
    path = sqlite_file(uri)
    if path is None or (path.exists() and path.stat().st_size):
        return
    from mlflow.tracking import MlflowClient

    for left in path.parent.glob(f"{MAKING}*"):
        shutil.rmtree(left)
    with TemporaryDirectory(
        prefix=MAKING, dir=path.parent
    ) as folder:  # MLflow never forgets what it has opened by a name
        made = Path(folder, path.name)
        MlflowClient(f"sqlite:///{made}").search_experiments(max_results=1)
        made.replace(path)


class Store:
    """One MLflow experiment, opened for writing."""

    def __init__(self, uri: str, name: str, results: Path) -> None:
        from mlflow.tracking import MlflowClient

        self.client = MlflowClient(uri)
        self.own = uri.startswith(own_uri(results))
        place = (
            f"file://{results.resolve()}/mlartifacts/{name}" if uri.startswith("sqlite:") else None
        )
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
        """Creates a run, or adds to it what it lacks."""
        run = self.runs.get(view.key)
        if run and self.made_again(run, view):
            if not self.own:
                return  # others may rely on what is there
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
        """Rollout → entropy, of the rollouts that are in the store."""
        return {
            metric.step: metric.value for metric in self.client.get_metric_history(run, "entropy")
        }

    def made_again(self, run: Any, view: RunView) -> bool:
        """Whether the files are of another run than the store: trained anew, with other code."""
        if run.data.tags.get("run", "") != view.tags.get("run", ""):
            return True
        logged = self.logged(run.info.run_id) if view.rollouts else {}
        return any(
            step in logged and logged[step] != value
            for step, value in map(entropy_of, view.rollouts)
        )

    def add(self, run: Any, view: RunView) -> None:
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
            self.client.log_inputs(run, datasets=inputs(view))

    def set_status(self, run: Any, status: str) -> None:
        if run.info.status == status:
            return
        if status == RUNNING:
            self.client.update_run(run.info.run_id, status=status)
        else:
            self.client.set_terminated(run.info.run_id, status)

    def forget(self, keys: set[str]) -> None:
        """Runs whose files are gone go to MLflow's bin; on a store that others share they stay."""
        for key, run in self.runs.items():
            if self.own and key not in keys:
                self.client.delete_run(run.info.run_id)


def entropy_of(row: tuple[Point, ...]) -> tuple[int, float]:
    """(rollout, entropy), NaN where it was not measured."""
    return next(
        ((p.step, p.value) for p in row if p.name == "entropy"),
        (row[0].step if row else -1, float("nan")),
    )


def entropy_last(points: list[Point]) -> list[Point]:
    """`entropy` marks a rollout as logged, so it follows all that belongs to its rollout."""
    return sorted(points, key=lambda point: (point.step, point.name == "entropy"))


def inputs(view: RunView) -> list[Any]:
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
