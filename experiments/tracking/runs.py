"""The runs that MLflow shows of an experiment, read from its result files.

    comparison          tables, figures and report of the experiment
    base                the base policy: its scores
    <arm>               a parent run per arm: scores over seeds, differences to the reference
    <arm>/seed-<s>      a child run per seed: settings, a step per rollout, scores

The key of a run is made of what determines it: the hash of its settings, the arm and the seed. So
a retried or resumed run remains the same run in MLflow, and a run with other settings is another.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.files.json_text import object_or_none
from eval.files.jsonl import read_rows
from eval.files.results_layout import run_name
from eval.looks.record import looks_reached, seeds_asked, stopped_arms
from experiments.spec.experiment_file import load_experiment
from experiments.spec.schema import Experiment, base_spec, run_spec, spec_hash
from experiments.tracking.completions_table import (
    TABLE_NAME,
    TABLE_TAG,
    TABLE_TAG_VALUE,
    completions_table,
)
from experiments.tracking.metrics import (
    Point,
    arm_points,
    diagnosed_points,
    flag_tags,
    row_points,
    score_points,
    system_points,
    verdict_tags,
)
from experiments.tracking.opening_view import TRAINING_CURVES
from experiments.workflow.layout import run_folder

RUN_RUNNING, RUN_FINISHED, RUN_FAILED, RUN_KILLED = "RUNNING", "FINISHED", "FAILED", "KILLED"


@dataclass(frozen=True)
class DataSet:
    """A problem file that a run used."""

    name: str
    digest: str  # first 16 hex digits of its SHA-256
    rows: int
    context: str  # "training" or "evaluation"


@dataclass(frozen=True)
class RunView:
    """One run as MLflow shows it."""

    key: str
    name: str
    status: str
    tags: dict[str, str]
    params: dict[str, str]
    parent: str | None = None  # key of the parent run
    rollouts: tuple[tuple[Point, ...], ...] = ()  # one inner tuple per rollout
    points: tuple[Point, ...] = ()  # values of the whole run
    data: tuple[DataSet, ...] = ()
    artifacts: tuple[tuple[Path, str], ...] = ()  # (file or folder, its folder in MLflow)
    texts: tuple[tuple[str, str], ...] = ()  # (name in MLflow, content)


def run_views(root: Path, alive: bool) -> tuple[Experiment, list[RunView]]:
    """(experiment, its runs), parents before children.

    `alive`: unfinished runs are still running, and were not given up.

    Raises:
        BadInput: the folder has no readable spec.yaml, or a file of a finished run cannot be read.
    """
    experiment = load_experiment(root / "spec.yaml")
    children = {
        arm: [
            view
            for seed in experiment.seeds
            if (view := seed_view(experiment, root, arm, seed, alive))
        ]
        for arm in experiment.arms
    }
    ended = arms_at_their_end(experiment, root)
    arms = [
        arm_view(experiment, root, arm, children[arm], alive, ended.get(arm))
        for arm in experiment.arms
    ]
    once = [
        view for view in (comparison_view(experiment, root), base_view(experiment, root)) if view
    ]
    return experiment, [*once, *arms, *(child for group in children.values() for child in group)]


def seed_view(
    experiment: Experiment, root: Path, arm: str, seed: int, alive: bool
) -> RunView | None:
    """One training run; None before its first rollout, or if its files have other settings."""
    folder, settings = run_folder(root, arm, seed), run_spec(experiment, arm, seed)
    record = object_or_none(folder / "run.json") or {}  # empty before the run ends
    log = folder / "train.jsonl"
    if not log.is_file() or record.get("spec_hash", spec_hash(settings)) != spec_hash(settings):
        return None
    if not record and log.stat().st_mtime < (root / "spec.yaml").stat().st_mtime:
        # These rows are older than the spec, so they may belong to a run with other settings.
        return None
    rows = read_rows(log, torn_ok=True)
    if not rows:
        return None
    data = data_sets(root, ["train"], "training") + data_sets(
        root, experiment.evaluation.benchmarks, "evaluation"
    )
    table = completions_table(folder)
    return RunView(
        key=f"{spec_hash(settings)}/{arm}/{seed}",
        name=run_name(arm, seed),
        status=run_status(record, alive),
        tags=arm_tags(experiment, arm)
        | seed_tags(seed, settings, record)
        | flag_tags(root / "tables", arm, seed)
        | ({TABLE_TAG: TABLE_TAG_VALUE} if table else {}),
        params=dotted_params(settings),
        parent=arm_key(experiment, arm),
        rollouts=row_points(log, rows, log.stat().st_mtime),
        points=(
            *evaluation_points(experiment, folder / "eval"),
            *diagnosed_points(root / "tables", arm, seed),
            *system_points(root / "benchmarks", arm, seed),
        ),
        data=tuple(data),
        artifacts=tuple(
            (path, "")
            for path in (folder / "run.json", folder / "method_state.json")
            if path.exists()
        ),
        texts=((TABLE_NAME, table),) if table else (),
    )


def arms_at_their_end(experiment: Experiment, root: Path) -> dict[str, tuple[int, ...]]:
    """Arm → its training seeds, of the arms that get no further ones. Where arms stop at looks,
    those that have stopped.
    """
    if experiment.looks is None:
        return dict.fromkeys(experiment.arms, experiment.seeds)
    after = experiment.looks.after
    reached = [*looks_reached(root, after)]
    asked = seeds_asked([*experiment.arms], after, reached)
    return {arm: experiment.seeds[: asked[arm]] for arm in stopped_arms(asked, after, reached)}


def arm_view(
    experiment: Experiment,
    root: Path,
    arm: str,
    children: list[RunView],
    alive: bool,
    seeds: tuple[int, ...] | None,
) -> RunView:
    """The parent run of an arm. It exists even without children.

    seeds: the training seeds of its runs where it gets no further ones; None = it may get more.
        Others of its runs were left over by other decisions.
    """
    own = children if seeds is None else [each for each in children if has_seed(each, seeds)]
    finished = (
        seeds is not None
        and len(own) == len(seeds)
        and all(child.status == RUN_FINISHED for child in own)
    )
    return RunView(
        key=arm_key(experiment, arm),
        name=arm,
        status=RUN_FINISHED if finished else run_status({}, alive),
        tags=arm_tags(experiment, arm) | {"kind": "arm"} | verdict_tags(root / "tables", arm),
        params=dotted_params(arm_spec(experiment, arm)),
        rollouts=mean_curves(own) if finished else (),
        points=arm_points(root / "tables", arm),
    )


def has_seed(child: RunView, seeds: tuple[int, ...]) -> bool:
    return int(child.tags["seed"]) in seeds


def mean_curves(children: list[RunView]) -> tuple[tuple[Point, ...], ...]:
    """Of the metrics that the opening view draws: the mean over the seeds at each rollout that all
    have, at the latest of their times.
    """
    found = []
    for rows in zip(*(child.rollouts for child in children), strict=False):
        points = []
        for name in TRAINING_CURVES:
            values = [point for row in rows for point in row if point.name == name]
            if len(values) == len(children):
                mean = sum(point.value for point in values) / len(values)
                latest = max(point.time for point in values)
                points.append(Point(name, mean, values[0].step, latest))
        if points:
            found.append(tuple(points))
    return tuple(found)


def base_view(experiment: Experiment, root: Path) -> RunView | None:
    """The run of the base policy; None before it is evaluated."""
    points = (
        *evaluation_points(experiment, root / "base" / "eval"),
        *arm_points(root / "tables", "base"),
    )
    if not points:
        return None
    settings = base_spec(experiment)
    tags = {"kind": "base", "arm": "base", "spec_hash": spec_hash(settings)}
    return RunView(
        f"{spec_hash(settings)}/base",
        "base",
        RUN_FINISHED,
        tags,
        dotted_params(settings),
        points=points,
    )


def comparison_view(experiment: Experiment, root: Path) -> RunView | None:
    """The run with tables, figures and report; None before there are any."""
    shown = [(root / "tables", "tables"), (root / "figures", "figures"), (root / "report.html", "")]
    found = tuple((path, folder) for path, folder in shown if path.exists())
    if not found:
        return None
    tags = {
        "kind": "comparison",
        "reference": experiment.reference,
        "mlflow.note.content": experiment.question,
    }
    artifacts = (*found, (root / "spec.yaml", ""))
    return RunView(
        f"{experiment.name}/comparison", "comparison", RUN_FINISHED, tags, {}, artifacts=artifacts
    )


def run_status(record: Mapping[str, Any], alive: bool) -> str:
    if not record:
        return RUN_RUNNING if alive else RUN_FAILED
    return RUN_FINISHED if record["status"] in ("finished", "exploded") else RUN_FAILED


def evaluation_points(experiment: Experiment, folder: Path) -> list[Point]:
    names = experiment.evaluation.benchmarks
    return [
        point for name in names for point in score_points(folder / f"{name}.measures.json", name)
    ]


def arm_spec(experiment: Experiment, arm: str) -> dict[str, Any]:
    """The settings that are the same for all seeds of an arm."""
    return {key: value for key, value in run_spec(experiment, arm, 0).items() if key != "seed"}


def arm_key(experiment: Experiment, arm: str) -> str:
    return f"{spec_hash(arm_spec(experiment, arm))}/{arm}"


def arm_tags(experiment: Experiment, arm: str) -> dict[str, str]:
    settings = spec_hash(arm_spec(experiment, arm))
    return {"arm": arm, "method": experiment.arms[arm].method.name, "spec_hash": settings}


def seed_tags(seed: int, settings: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, str]:
    """Tags of a training run. `record`: content of its run.json; empty before it ends."""
    known = {"kind": "seed", "seed": str(seed), "spec_hash": spec_hash(settings)}
    known |= {key: record[key] for key in ("git_revision", "host") if key in record}
    return known | {
        f"version.{package}": version for package, version in record.get("versions", {}).items()
    }


def dotted_params(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """{"method": {"tau": 0.5}} → {"method.tau": "0.5"}."""
    found: dict[str, str] = {}
    for key, value in settings.items():
        inner = (
            dotted_params(value, f"{prefix}{key}.")
            if isinstance(value, Mapping)
            else {f"{prefix}{key}": param_text(value)}
        )
        found |= inner
    return found


def param_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def data_sets(root: Path, names: Any, context: str) -> list[DataSet]:
    """The data sets of the problem files that exist. `context`: "training" or "evaluation"."""
    found = [(name, root / "problems" / f"{name}.jsonl") for name in names]
    return [data_set(name, path.read_bytes(), context) for name, path in found if path.exists()]


def data_set(name: str, content: bytes, context: str) -> DataSet:
    return DataSet(name, hashlib.sha256(content).hexdigest()[:16], content.count(b"\n"), context)
