"""Reads a results folder: its spec, its runs with their training logs, and a list of missing parts.

A run that failed, a seed that never started or a file that cannot be read does not stop the
analysis. It becomes an entry of `Results.missing`, which the tables and the report show. Only a
folder without a readable spec.yaml is an error.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis.results.spec import read_spec, seeds_of_arm
from eval.files.errors import BadInput
from eval.files.json_text import object_or_none, object_or_problem, parse
from eval.files.results_layout import on_the_way_folder, run_folder
from eval.looks.record import looks_reached, seeds_asked

BASE = "base"
"""Folder and display name of the policy that every arm starts from."""


@dataclass(frozen=True)
class MissingPart:
    """A part of the results that should exist and does not."""

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
    info: dict[str, Any]  # run.json; empty if it is missing
    log: tuple[dict[str, Any], ...]  # train.jsonl, one row per rollout

    def series(self, *keys: str) -> np.ndarray:
        """(R,) the value of a key, or of nested keys, in each rollout; NaN if not measured."""
        return np.array([as_number(nested(row, keys)) for row in self.log], dtype=float)


@dataclass(frozen=True)
class Results:
    """Everything under results/<experiment>."""

    folder: Path
    spec: dict[str, Any]
    runs: tuple[Run, ...]
    missing: tuple[MissingPart, ...]
    reached: tuple[dict[str, Any], ...] = ()  # what each look found that has been reached

    @property
    def name(self) -> str:
        return str(self.spec.get("name") or self.folder.name)

    @property
    def arms(self) -> tuple[str, ...]:
        return tuple(map(str, self.spec["arms"]))

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(self.spec["seeds"])

    @property
    def looks(self) -> tuple[int, ...]:
        """Training seeds per arm at each look; none where arms are compared once, at the end."""
        return tuple((self.spec.get("looks") or {}).get("after", ()))

    def seeds_of(self, arm: str) -> tuple[int, ...]:
        """The arm's training seeds: those of the study, unless a brought arm has its own; with
        looks, as many as these have asked for.
        """
        seeds = seeds_of_arm(self.spec, arm)
        if not self.looks or arm not in self.arms:
            return seeds
        return seeds[: seeds_asked(self.arms, self.looks, self.reached)[arm]]

    @property
    def reference(self) -> str:
        return str(self.spec.get("reference") or self.arms[0])

    @property
    def benchmarks(self) -> tuple[str, ...]:
        return tuple(map(str, self.spec.get("evaluation", {}).get("benchmarks", {})))

    @property
    def checkpoints(self) -> tuple[int, ...]:
        """Rollouts after which policies on the way are evaluated."""
        return tuple(self.spec.get("evaluation", {}).get("checkpoints") or ())

    def method(self, arm: str) -> dict[str, Any]:
        """The arm's method and settings, as a run recorded them; without a run, as in the spec."""
        recorded = [
            run.info["method"] for run in self.of(arm) if isinstance(run.info.get("method"), dict)
        ]
        spec = self.spec["arms"].get(arm) or {}
        return recorded[0] if recorded else spec.get("method") or {}

    def is_reconstruction(self, arm: str) -> bool:
        """Whether a run recorded that its method follows a description, not its authors' code."""
        return any(run.info.get("reconstruction") is True for run in self.runs if run.arm == arm)

    def of(self, arm: str) -> tuple[Run, ...]:
        """The arm's runs that have at least one row of training log."""
        return tuple(run for run in self.runs if run.arm == arm and run.log)

    def evaluation(self, arm: str, benchmark: str, suffix: str) -> dict[int, Path]:
        """{training seed: file} of the evaluation files <benchmark>.<suffix> that exist. The base
        policy has one file, under seed 0.
        """
        if arm == BASE:
            files = {0: self.folder / BASE / "eval" / f"{benchmark}.{suffix}"}
        else:
            runs = {seed: run_folder(self.folder, arm, seed) for seed in self.seeds_of(arm)}
            files = {seed: run / "eval" / f"{benchmark}.{suffix}" for seed, run in runs.items()}
        return {
            seed: path
            for seed, path in files.items()
            if path.is_file() and is_within(path, self.folder)
        }

    def measures(self, arm: str, benchmark: str) -> list[dict[str, Any]]:
        """The measures.json of every seed that has a readable one."""
        files = self.evaluation(arm, benchmark, "measures.json").values()
        found = (object_or_none(path) for path in files)
        return [measures for measures in found if measures]


def load_results(folder: Path) -> Results:
    """Reads a results folder. Raises BadInput if spec.yaml is missing or unreadable."""
    spec = read_spec(folder / "spec.yaml")
    asked = Results(folder, spec, (), ())
    asked = replace(asked, reached=tuple(looks_reached(folder, asked.looks)))
    runs, missing = [], []
    for arm in asked.arms:
        for seed in asked.seeds_of(arm):
            run, absent = read_run(folder, arm, seed)
            runs.append(run)
            missing += absent
    partial = replace(asked, runs=tuple(runs))
    return replace(partial, missing=(*missing, *missing_evaluations(partial)))


def read_run(root: Path, arm: str, seed: int) -> tuple[Run, list[MissingPart]]:
    """One run and its missing parts. Of a truncated training log the complete rows are read."""
    folder = run_folder(root, arm, seed)
    if not is_within(folder, root):
        return Run(arm, seed, folder, {}, ()), [
            MissingPart(f"{arm}, seed {seed}", "is a link out of the results folder")
        ]
    if not folder.is_dir():
        return Run(arm, seed, folder, {}, ()), [
            MissingPart(f"{arm}, seed {seed}", "the run has not been made")
        ]
    found, problem = object_or_problem(folder / "run.json")
    log, why_log = json_rows(folder / "train.jsonl")
    info = found or {}
    reasons = [f"run.json {problem.splitlines()[0]}"] if problem else []
    reasons += [*filter(None, [why_log]), *shortfalls(folder, info, len(log))]
    missing = [MissingPart(f"{arm}, seed {seed}", why) for why in reasons]
    return Run(arm, seed, folder, info, log), missing


def shortfalls(folder: Path, info: dict[str, Any], rollouts: int) -> list[str]:
    """Why a run ended too early; empty for a run that was trained to its end, exploded or not."""
    fault = object_or_none(folder / "fault" / "fault.json")
    said = (
        [f"ended by a fault at rollout {fault.get('rollout')}: {fault.get('what')}"]
        if fault and not info
        else []
    )
    status = info.get("status", "finished")
    if nested(info, ("exploded", "stopped_early")) is True:
        said.append(
            f"stopped after {rollouts} rollouts: exploded, {nested(info, ('exploded', 'why'))}"
        )
    elif status not in ("finished", "exploded"):
        said.append(f"ended as {status!r} after {rollouts} rollouts")
    return said


def missing_evaluations(results: Results) -> list[MissingPart]:
    """Missing counts files. Runs that do not exist are not listed, `read_run` has listed them."""
    made = [run for run in results.runs if run.folder.is_dir()]
    wanted = [(BASE, 0)] + [(run.arm, run.seed) for run in made]
    on_the_way = [
        MissingPart(
            f"{run.arm}, seed {run.seed}", f"no evaluation on {benchmark} after {after} rollouts"
        )
        for run in made
        for benchmark in results.benchmarks
        for after in results.checkpoints
        if not counts_on_the_way(run.folder, after, benchmark).is_file()
    ]
    return on_the_way + [
        MissingPart(
            f"{arm}, seed {seed}" if arm != BASE else "base policy", f"no evaluation on {benchmark}"
        )
        for arm, seed in wanted
        for benchmark in results.benchmarks
        if seed not in results.evaluation(arm, benchmark, "counts.csv")
    ]


def counts_on_the_way(run: Path, rollouts: int, benchmark: str) -> Path:
    """Counts of a run's policy after so many rollouts."""
    return on_the_way_folder(run, rollouts) / "eval" / f"{benchmark}.counts.csv"


def is_within(path: Path, folder: Path) -> bool:
    """Whether a path, with links followed, is inside the folder. A results folder from elsewhere
    may hold links to any file.
    """
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # for example a link to itself
        return False


def path_to_write(path: Path, folder: Path) -> Path:
    """The path, unless writing to it would leave the folder through a link: then BadInput."""
    if not is_within(path, folder):
        raise BadInput(f"{path} is a link that leads out of {folder}: remove it")
    return path


def json_rows(path: Path) -> tuple[tuple[dict[str, Any], ...], str]:
    """The rows of a JSON lines file up to the first unreadable one, and why others are missing: ""
    if none are.
    """
    try:
        lines = path.read_bytes().rstrip().splitlines()  # blank lines at the end are no rows
    except FileNotFoundError:
        return (), f"{path.name} is missing"
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


def nested(row: Any, keys: Iterable[str]) -> Any:
    """The value at a path of keys; None if it does not exist."""
    for key in keys:
        row = row.get(key) if isinstance(row, dict) else None
    return row


def as_number(value: Any) -> float:
    """The value as a float; NaN if it is not a number."""
    return float(value) if isinstance(value, int | float) else float("nan")


def first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
