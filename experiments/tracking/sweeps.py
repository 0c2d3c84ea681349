"""The runs that MLflow shows of an experiment's sweeps, read from their files.

    sweep/<study>                       tables, figures and report of the sweep
    sweep/<study>/<search>              a parent run per search: what is varied, the best score
    sweep/<study>/<search>/trial-<n>    a child per trial: its settings, score, final entropy, and
                                        the curves of its first seed

The key of a trial is made of the sweep's settings, its search and its number. Settings that may
change while the sweep remains the same, such as the number of trials, are left out of the key. A
trial that repeats a failed one is a trial of its own, with the tag `retry_of`. Trials are read from
trials.csv and, until that is written, from the outcome file of each trial.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.files.errors import BadInput
from eval.files.json_text import object_or_none
from eval.files.jsonl import read_rows
from eval.files.results_layout import seed_name
from eval.files.yaml_file import read_yaml
from experiments.spec.schema import spec_hash
from experiments.tracking.metrics import (
    Point,
    cell_points,
    csv_number,
    csv_rows,
    file_time,
    row_points,
)
from experiments.tracking.runs import (
    RUN_FAILED,
    RUN_FINISHED,
    RUN_KILLED,
    RUN_RUNNING,
    RunView,
    dotted_params,
)

STATUS = {"complete": RUN_FINISHED, "pruned": RUN_KILLED, "failed": RUN_FAILED}
WATCHED_SWEEP_FILES = ("sweep/*/study.yaml", "sweep/*/trials.csv", "sweep/*/*/runs/*/outcome*.json")
# Settings that may change while a sweep remains the same.
CHANGEABLE = ("question", "trials", "workers", "retries", "keep_policies")
METRICS = ("initial_entropy", "final_entropy", "length", "truncated", "tokens_generated", "seconds")
TAGS = ("trial", "state", "origin", "chosen", "retry_of", "worker", "run")
# Few metrics, so that a trial is logged in one batch.
CURVES = {"entropy", "reward", "accuracy", "length_mean", "state"}


@dataclass(frozen=True)
class TrialRow:
    """A trial as it is in a file: its cells, and the file's time."""

    cells: dict[str, str]
    time: int  # milliseconds since 1970

    @property
    def number(self) -> int:
        return int(self.cells["trial"])


def sweep_views(root: Path, alive: bool) -> list[RunView]:
    """All runs of an experiment's sweeps, parents before children.

    `alive`: unfinished runs are still running, and were not given up.
    """
    return [
        view
        for path in sorted(root.glob("sweep/*/study.yaml"))
        for view in study_views(path, alive)
    ]


def study_views(path: Path, alive: bool) -> list[RunView]:
    """The runs of one sweep, of its searches and of their trials. `path`: its study.yaml.

    Raises:
        BadInput: study.yaml cannot be read.
    """
    study = check_study(path, read_yaml(path))
    key = spec_hash({name: value for name, value in study.items() if name not in CHANGEABLE})
    name, rows = f"sweep/{path.parent.name}", trial_rows(path.parent)
    found = [study_view(path.parent, key, name, study, alive)]
    for search, asked in study["searches"].items():
        own = [row for (of, _), row in sorted(rows.items()) if of == search]
        parent = search_view(
            path.parent, f"{key}/{search}", f"{name}/{search}", study, asked, own, alive
        )
        found += [parent, *(trial_view(path.parent, parent, asked, study, row) for row in own)]
    return found


def check_study(path: Path, study: dict[str, Any]) -> dict[str, Any]:
    """The content of a study.yaml. BadInput if what is read from it here is missing."""
    searches, seeds = study.get("searches"), study.get("seeds")
    found = (
        searches.values()
        if isinstance(searches, dict) and isinstance(seeds, list) and seeds
        else [None]
    )
    if not all(isinstance(each, dict) and {"arm", "settings"} <= each.keys() for each in found):
        raise BadInput(
            f"{path}: searches (each with arm and settings) or seeds are missing: run the sweep"
            " again"
        )
    return study


def trial_rows(folder: Path) -> dict[tuple[str, int], TrialRow]:
    """{(search, trial): row}. If two files have the same trial, the newer file counts."""
    table = folder / "trials.csv"
    rows = [TrialRow(cells, file_time(table)) for cells in csv_rows(table)]
    rows += [
        TrialRow(cells, file_time(path))
        for path in folder.glob("*/runs/*/outcome*.json")
        if (cells := read_outcome(path))
    ]
    return {
        (row.cells["search"], row.number): row for row in sorted(rows, key=lambda row: row.time)
    }


def read_outcome(path: Path) -> dict[str, str]:
    """The cells of a trial's outcome file, as in trials.csv; empty if it is being written."""
    cells = {
        key: "" if value is None else str(value)
        for key, value in (object_or_none(path) or {}).items()
    }
    return cells if {"search", "trial", "state"} <= cells.keys() else {}


def study_view(folder: Path, key: str, name: str, study: Mapping[str, Any], alive: bool) -> RunView:
    """The run of the whole sweep, with tables, figures and report."""
    shown = [(folder / "tables", "tables"), (folder / "figures", "figures")]
    shown += [(folder / file, "") for file in ("report.html", "study.yaml", "trials.csv")]
    return RunView(
        key=key,
        name=name,
        status=RUN_FINISHED
        if (folder / "trials.csv").exists()
        else RUN_RUNNING
        if alive
        else RUN_FAILED,
        tags={
            "kind": "study",
            "study": folder.name,
            "mlflow.note.content": str(study.get("question", "")),
        },
        params=dotted_params(
            {part: study[part] for part in study if part not in (*CHANGEABLE, "searches", "name")}
        ),
        artifacts=tuple((path, inside) for path, inside in shown if path.exists()),
    )


def search_view(
    folder: Path,
    key: str,
    name: str,
    study: Mapping[str, Any],
    asked: Mapping[str, Any],
    rows: list[TrialRow],
    alive: bool,
) -> RunView:
    """The parent run of a search's trials."""
    complete = [row for row in rows if row.cells["state"] == "complete" and row.cells.get("score")]
    best = max(
        complete, key=lambda row: (csv_number(row.cells["score"]), -row.number), default=None
    )
    ended = sum(row.cells["state"] != "failed" for row in rows) >= study.get("trials", 0)
    arm = folder / key.rpartition("/")[2] / "best.yaml"
    return RunView(
        key=key,
        name=name,
        status=RUN_FINISHED if ended else RUN_RUNNING if alive else RUN_FAILED,
        tags={"kind": "search", "study": folder.name, "arm": str(asked["arm"])},
        params={"study": folder.name, **dotted_params(asked)},
        parent=key.rpartition("/")[0],
        points=tuple(cell_points({"score": best.cells["score"]}, best.time))
        if best and ended
        else (),
        artifacts=((arm, ""),) if arm.exists() else (),
    )


def trial_view(
    folder: Path, parent: RunView, asked: Mapping[str, Any], study: Mapping[str, Any], row: TrialRow
) -> RunView:
    """The run of a trial that has ended."""
    cells, tags = row.cells, {tag: row.cells.get(tag, "") for tag in TAGS}
    tags["mlflow.note.content"] = row.cells.get("remarks", "")
    measured = {"score": cells.get("score", "")} | {key: cells.get(key, "") for key in METRICS}
    measured |= {
        key.replace("_seed_", "/seed_"): cells[key]
        for key in cells
        if key.startswith("score_seed_")
    }
    return RunView(
        key=f"{parent.key}/{row.number}",
        name=f"{parent.name}/trial-{row.number}",
        status=STATUS.get(cells["state"], RUN_FAILED),
        tags=parent.tags | {"kind": "trial"} | {tag: value for tag, value in tags.items() if value},
        params={"study": folder.name}
        | {path: cells[path] for path in asked["settings"] if cells.get(path)},
        parent=parent.key,
        rollouts=curves(folder / cells["run"], study) if cells.get("run") else (),
        points=tuple(cell_points(measured, row.time)),
    )


def curves(run: Path, study: Mapping[str, Any]) -> tuple[tuple[Point, ...], ...]:
    """The training metrics of a trial's first seed. `run`: folder of the trial's runs."""
    log = run / seed_name(study["seeds"][0]) / "train.jsonl"
    if not log.is_file():
        return ()
    whole = row_points(log, read_rows(log, torn_ok=True), log.stat().st_mtime)
    return tuple(
        tuple(point for point in row if point.name.split("/")[0] in CURVES) for row in whole
    )
