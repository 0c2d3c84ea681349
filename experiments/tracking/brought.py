"""What MLflow is to show of results that analysis.bring made of other tools' files.

The same runs as of a study of the suite: comparison, base policy, a run per arm and one per seed.
Their settings are what the mapping says of the arm. A score is the mean share of right answers of
counts.csv, as there is no measures.json.
"""

import hashlib
from pathlib import Path
from typing import Any

from eval.files.errors import BadInput
from eval.files.jsonl import read_rows
from eval.files.yaml_file import read_yaml
from experiments.tracking.metrics import (
    Point,
    arm_points,
    cell_points,
    csv_number,
    csv_rows,
    file_time,
    row_points,
)
from experiments.tracking.runs import RUN_FINISHED, RunView, dotted_params

SHOWN_FILES = (("tables", "tables"), ("figures", "figures"), ("brought", "brought"))


def is_brought(root: Path) -> bool:
    """Whether the folder was made by analysis.bring."""
    return (root / "brought" / "sources.csv").is_file()


def brought_views(root: Path) -> tuple[str, list[RunView]]:
    """The study's name and all its runs, parents before children. BadInput: spec.yaml is wrong."""
    spec = read_yaml(root / "spec.yaml")
    arms, name = spec.get("arms"), str(spec.get("name") or root.name)
    if not isinstance(arms, dict) or not all(is_plain(arm) for arm in arms):
        raise BadInput(
            f"{root / 'spec.yaml'}: arms: is not a mapping, or an arm's name is not a plain folder"
            " name: bring the results again"
        )
    content = (root / "spec.yaml").read_bytes() + (root / "brought" / "sources.csv").read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:16]
    found = [whole_view(root, digest, str(spec.get("reference")))]
    for arm, words in {"base": {}, **arms}.items():
        settings = dotted_params(words) if isinstance(words, dict) else {}
        found.append(arm_run(root, digest, arm, settings))
        found += [
            seed_run(root, digest, arm, folder, settings)
            for folder in sorted((root / arm).glob("seed-*"))
            if folder.name.removeprefix("seed-").isdecimal() and not folder.is_symlink()
        ]
    return name, found


def is_plain(name: Any) -> bool:
    """One part of a path, not hidden and not a way up."""
    return isinstance(name, str) and name[:1] not in ("", ".") and not set(name) & set("/\\\0")


def whole_view(root: Path, digest: str, reference: str) -> RunView:
    shown = [(root / name, folder) for name, folder in SHOWN_FILES] + [(root / "report.html", "")]
    files = tuple((path, folder) for path, folder in shown if path.exists())
    tags = {"kind": "comparison", "reference": reference, "brought": "true"}
    return RunView(f"{digest}/comparison", "comparison", RUN_FINISHED, tags, {}, artifacts=files)


def arm_run(root: Path, digest: str, arm: str, settings: dict[str, str]) -> RunView:
    """The run of an arm over its seeds; of the base policy, its own scores."""
    kind = "base" if arm == "base" else "arm"
    tags = {"kind": kind, "arm": arm, "brought": "true"}
    own = [*arm_points(root / "tables", arm), *count_points(root / arm / "eval")]
    return RunView(f"{digest}/{arm}", arm, RUN_FINISHED, tags, settings, points=tuple(own))


def seed_run(root: Path, digest: str, arm: str, folder: Path, settings: dict[str, str]) -> RunView:
    seed = folder.name.removeprefix("seed-")
    log = folder / "train.jsonl"
    rows = read_rows(log, torn_ok=True) if log.is_file() else []
    return RunView(
        key=f"{digest}/{arm}/{seed}",
        name=f"{arm}/{folder.name}",
        status=RUN_FINISHED,
        tags={"kind": "seed", "arm": arm, "seed": seed, "brought": "true"},
        params=settings,
        parent=f"{digest}/{arm}",
        rollouts=row_points(log, rows, log.stat().st_mtime) if rows else (),
        points=tuple(count_points(folder / "eval")),
        artifacts=((folder / "run.json", ""),) if (folder / "run.json").is_file() else (),
    )


def count_points(folder: Path) -> list[Point]:
    """pass@1 of every counts.csv in an eval folder."""
    found = []
    for path in sorted(folder.glob("*.counts.csv")):
        rates = [
            csv_number(row.get("correct", "")) / n
            for row in csv_rows(path)
            if (n := csv_number(row.get("n", ""))) > 0
        ]
        if rates:
            name = f"{path.name.removesuffix('.counts.csv')}/pass_at_1"
            found += cell_points({name: str(sum(rates) / len(rates))}, file_time(path))
    return found
