"""Results folder -> what tables, figures and the report are made from, and a list of what is
missing.

A run that failed, a seed that never started or a file that cannot be read never stops the analysis:
it becomes a line in `Results.missing`, which the tables and the report show. Only a folder without
a readable spec.yaml is refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.results.spec import read_spec
from eval.files.errors import BadInput
from eval.files.json_text import parse

BASE = "base"
"""Folder and display name of the policy that every arm starts from."""


@dataclass(frozen=True)
class Missing:
    """One thing that the analysis asked for and did not get."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Run:
    """One arm with one training seed."""

    arm: str
    seed: int
    folder: Path
    info: dict[str, Any]  # run.json, {} where there is none
    log: tuple[dict[str, Any], ...]  # train.jsonl, one row per rollout

    def series(self, *keys: str) -> np.ndarray:
        """(R,) one value per rollout of a key, or of a key within a key; NaN where it was not
        measured.
        """
        return np.array([number(within(row, keys)) for row in self.log], dtype=float)


@dataclass(frozen=True)
class Results:
    """Everything under results/<experiment>."""

    folder: Path
    spec: dict[str, Any]
    runs: tuple[Run, ...]
    missing: tuple[Missing, ...]

    @property
    def name(self) -> str:
        return str(self.spec.get("name") or self.folder.name)

    @property
    def arms(self) -> tuple[str, ...]:
        return tuple(map(str, self.spec["arms"]))

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(self.spec["seeds"])

    def seeds_of(self, arm: str) -> tuple[int, ...]:
        """The arm's training seeds: those of the study, unless a brought arm has its own."""
        return seeds_of_arm(self.spec, arm)

    @property
    def reference(self) -> str:
        return str(self.spec.get("reference") or self.arms[0])

    @property
    def benchmarks(self) -> tuple[str, ...]:
        return tuple(map(str, self.spec.get("evaluation", {}).get("benchmarks", {})))

    def method(self, arm: str) -> dict[str, Any]:
        """The arm's method with its settings: as the run recorded it, else as the spec has it."""
        recorded = [
            run.info["method"] for run in self.of(arm) if isinstance(run.info.get("method"), dict)
        ]
        spec = self.spec["arms"].get(arm) or {}
        return recorded[0] if recorded else spec.get("method") or {}

    def of(self, arm: str) -> tuple[Run, ...]:
        """The arm's runs that left at least one row of training log."""
        return tuple(run for run in self.runs if run.arm == arm and run.log)

    def evaluation(self, arm: str, benchmark: str, suffix: str) -> dict[int, Path]:
        """{training seed: file} of the evaluation files that exist. The base policy has one, under
        seed 0.
        """
        if arm == BASE:
            files = {0: self.folder / BASE / "eval" / f"{benchmark}.{suffix}"}
        else:
            runs = {seed: run_folder(self.folder, arm, seed) for seed in self.seeds}
            files = {seed: run / "eval" / f"{benchmark}.{suffix}" for seed, run in runs.items()}
        return {
            seed: path
            for seed, path in files.items()
            if path.is_file() and is_within(path, self.folder)
        }

    def measures(self, arm: str, benchmark: str) -> list[dict[str, Any]]:
        """measures.json of every seed that has a readable one."""
        found = (
            json_object(path)[0]
            for path in self.evaluation(arm, benchmark, "measures.json").values()
        )
        return [measures for measures in found if measures]


def load(folder: Path) -> Results:
    """Reads a results folder. Raises BadInput only where spec.yaml is missing or unreadable."""
    spec = read_spec(folder / "spec.yaml")
    runs, missing = [], []
    for arm in map(str, spec["arms"]):
        for seed in seeds_of_arm(spec, arm):
            run, absent = read_run(folder, arm, seed)
            runs.append(run)
            missing += absent
    partial = Results(folder, spec, tuple(runs), ())
    return Results(folder, spec, tuple(runs), (*missing, *missing_evaluations(partial)))


def seeds_of_arm(spec: dict[str, Any], arm: str) -> tuple[int, ...]:
    """`arms.<arm>.seeds`, which results brought from elsewhere have, else `seeds`."""
    return tuple((spec["arms"].get(arm) or {}).get("seeds") or spec["seeds"])


def read_run(root: Path, arm: str, seed: int) -> tuple[Run, list[Missing]]:
    """One run, and what it lacks. A training log whose last line is torn keeps the rows before it."""
    folder = run_folder(root, arm, seed)
    if not is_within(folder, root):
        return Run(arm, seed, folder, {}, ()), [
            Missing(f"{arm}, seed {seed}", "is a link out of the results folder")
        ]
    if not folder.is_dir():
        return Run(arm, seed, folder, {}, ()), [
            Missing(f"{arm}, seed {seed}", "the run has not been made")
        ]
    info, why_info = json_object(folder / "run.json")
    log, why_log = json_rows(folder / "train.jsonl")
    missing = [Missing(f"{arm}, seed {seed}", why) for why in (why_info, why_log) if why]
    missing += [Missing(f"{arm}, seed {seed}", why) for why in shortfalls(folder, info, len(log))]
    return Run(arm, seed, folder, info, log), missing


def shortfalls(folder: Path, info: dict[str, Any], rollouts: int) -> list[str]:
    """Why a run ended before it should have. One that exploded and was trained to its end lacks
    nothing.
    """
    fault, _ = json_object(folder / "fault" / "fault.json")
    said = (
        [f"ended by a fault at rollout {fault.get('rollout')}: {fault.get('what')}"]
        if fault and not info
        else []
    )
    status = info.get("status", "finished")
    if within(info, ("exploded", "stopped_early")) is True:
        said.append(
            f"stopped after {rollouts} rollouts: exploded, {within(info, ('exploded', 'why'))}"
        )
    elif status not in ("finished", "exploded"):
        said.append(f"ended as {status!r} after {rollouts} rollouts")
    return said


def missing_evaluations(results: Results) -> list[Missing]:
    """Counts that no file holds; a run that does not exist at all is not listed a second time."""
    wanted = [(BASE, 0)] + [(run.arm, run.seed) for run in results.runs if run.folder.is_dir()]
    return [
        Missing(
            f"{arm}, seed {seed}" if arm != BASE else "base policy", f"no evaluation on {benchmark}"
        )
        for arm, seed in wanted
        for benchmark in results.benchmarks
        if seed not in results.evaluation(arm, benchmark, "counts.csv")
    ]


def run_folder(root: Path, arm: str, seed: int) -> Path:
    return root / arm / f"seed-{seed}"


def is_within(path: Path, folder: Path) -> bool:
    """Whether a path leads into the folder, links followed. A folder from elsewhere may hold links
    to anything.
    """
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a link to itself
        return False


def own(path: Path, folder: Path) -> Path:
    """The path, to be written to. BadInput where a link would lead the writing out of the folder."""
    if not is_within(path, folder):
        raise BadInput(f"{path} is a link that leads out of {folder}: remove it")
    return path


def json_object(path: Path) -> tuple[dict[str, Any], str]:
    """The file's object and "", or {} and why there is none."""
    try:
        value = parse(path.read_bytes())
    except FileNotFoundError:
        return {}, f"no {path.name}"
    except (OSError, ValueError) as error:
        return {}, f"{path.name} cannot be read ({first_line(error)})"
    return (value, "") if isinstance(value, dict) else ({}, f"{path.name} holds no object")


def json_rows(path: Path) -> tuple[tuple[dict[str, Any], ...], str]:
    """The file's rows up to the first unreadable one and "", or why rows are missing."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return (), f"no {path.name}"
    except OSError as error:
        return (), f"{path.name} cannot be read ({first_line(error)})"
    rows = []
    for count, line in enumerate(lines, start=1):
        try:
            row = parse(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            left_out = len(lines) - count + 1
            return tuple(
                rows
            ), f"{path.name} line {count} cannot be read; {left_out} rows are left out"
        rows.append(row)
    return tuple(rows), "" if rows else f"{path.name} is empty"


def within(row: Any, keys: Iterable[str]) -> Any:
    for key in keys:
        row = row.get(key) if isinstance(row, dict) else None
    return row


def number(value: Any) -> float:
    """A float, NaN for anything that is not a number."""
    return float(value) if isinstance(value, int | float) else float("nan")


def first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
