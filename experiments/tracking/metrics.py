"""Reads MLflow metrics from result files: name, value, step and time of each.

MLflow allows letters, digits and `_ - . space : /` in a name. So pass@1 on a benchmark becomes
`<benchmark>/pass_at_1`, its interval `_low` and `_high`, and the bin `(0, 0.25]` becomes
`0_to_0.25`. The step of a training metric is the rollout; values of a whole run have step 0. Times
are those of the files, so that reading them again gives the same metrics.
"""

import csv
import math
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from eval.files.errors import BadInput
from eval.files.json_text import read_object

YEAR = 366 * 86_400  # seconds
LONGEST = 60  # characters of a part of a name; a name has three parts, MLflow allows 250
NOT_METRICS = {"rollout", "rows"}  # the step, and the number of rows in a mean
SYSTEM = {
    "s": "seconds",
    "cpu_time": "cpu_seconds",
    "max_rss": "memory_mb",
    "mean_load": "load_percent",
}
ARM_SCORES = ("pass_at_1", "pass_at_k", "maj_at_k", "length", "truncated")
DIFFERENCE = {"difference": "", "low": "_low", "high": "_high", "p_holm": "_p_holm"}


@dataclass(frozen=True)
class Point:
    """One value of an MLflow metric."""

    name: str
    value: float
    step: int
    time: int  # milliseconds since 1970


def finite_numbers(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """(name, value) of all finite numbers in a nested mapping; the name is their path."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from finite_numbers(value, f"{prefix}{metric_name(key)}/")
        elif key not in NOT_METRICS and isinstance(value, int | float) and math.isfinite(value):
            yield prefix + metric_name(key), float(value)


@lru_cache(4096)  # each rollout of each run has the same names
def metric_name(key: str) -> str:
    """A name that MLflow allows: `(0, 0.25]` → `0_to_0.25`. Allowed names stay unchanged.

    A level can have any name. Where characters must be replaced, a checksum of the whole name is
    added, so that different levels keep different names.
    """
    kept = re.sub(r"[()\[\]]", "", key.replace(", ", "_to_").replace("@", "_at_"))
    name = re.sub(r"[^\w\-. :]", "_", kept, flags=re.ASCII)[:LONGEST]
    if name == kept and name.strip(". "):
        return name
    return f"{name.strip('. ')}_{zlib.crc32(key.encode('utf-8', 'surrogatepass')):08x}"


def plausible_seconds(value: Any) -> float:
    """A duration from a row, seconds; 0 if it cannot be one, as in a damaged log."""
    return value if isinstance(value, int | float) and 0 <= value <= YEAR else 0.0


def row_points(
    log: Path, rows: list[dict[str, Any]], written: float
) -> tuple[tuple[Point, ...], ...]:
    """The metrics of each rollout. `log`: file of the rows.

    `written`: time of the last row, seconds since 1970. Times of earlier rows are computed from the
    durations in the rows.

    Raises:
        BadInput: a row has no number of its rollout.
    """
    found, time = [], written
    for row in reversed(rows):
        at, step = int(1000 * time), row.get("rollout")
        if not isinstance(step, int):
            raise BadInput(
                f"{log}: rollout is {step!r} in a row, not a whole number: delete"
                f" {log.parent} to train this run again"
            )
        found.append(tuple(Point(name, value, step, at) for name, value in finite_numbers(row)))
        time -= sum(
            spent
            for key, value in row.items()
            if key.startswith("seconds_") and (spent := plausible_seconds(value))
        )
    return tuple(reversed(found))


def score_points(path: Path, benchmark: str) -> list[Point]:
    """The scores of one policy on one benchmark, from its measures.json, without those per level or
    subject.
    """
    if not path.exists():
        return []
    found = finite_numbers(measure_names(read_object(path)))
    return [Point(f"{benchmark}/{name}", value, 0, file_time(path)) for name, value in found]


def measure_names(measures: Mapping[str, Any]) -> dict[str, Any]:
    """The measures under flat names: {"pass_at_k": {"8": v}} becomes {"pass_at_8": v}, and the
    interval of avg@n becomes `_low` and `_high`.
    """
    found: dict[str, Any] = {}
    for key, value in measures.items():
        if key.endswith(("_at_k", "_at_tau")):
            found |= {f"{key.rpartition('_')[0]}_{k}": part for k, part in value.items()}
        elif key == "length":
            found |= {f"length_{name}": part for name, part in value.items()}
        elif not isinstance(value, Mapping):
            found[key] = value
    low, high = measures.get("avg_at_n_interval") or (None, None)
    found |= {"avg_at_n_low": low, "avg_at_n_high": high}
    if found.get("pass_at_1") is not None and found["pass_at_1"] == found.get("avg_at_n"):
        found |= {"pass_at_1_low": low, "pass_at_1_high": high}
    return found


def arm_points(tables: Path, arm: str) -> tuple[Point, ...]:
    """An arm's rows of the main table and of the comparisons, with their intervals."""
    main, comparisons = tables / "main.csv", tables / "comparisons.csv"
    found = [point for row in csv_rows(main, arm) for point in main_points(row, file_time(main))]
    for row in csv_rows(comparisons, arm):
        name = f"{row['benchmark']}/pass_at_{int(float(row['k']))}_difference"
        values = {name + ending: row[column] for column, ending in DIFFERENCE.items()}
        found += cell_points(values, file_time(comparisons))
    return tuple(found)


def diagnosed_rows(tables: Path, arm: str, seed: int) -> list[dict[str, str]]:
    """The run's row of the table of diagnostics, if there is one."""
    rows = csv_rows(tables / "diagnostics.csv", arm)
    return [row for row in rows if row.get("seed") == str(seed)]


def diagnosed_points(tables: Path, arm: str, seed: int) -> list[Point]:
    """A run's final entropy, under the name that it has for an arm."""
    return [
        point
        for row in diagnosed_rows(tables, arm, seed)
        for point in cell_points(
            {"final_entropy": row.get("final_entropy", "")}, file_time(tables / "diagnostics.csv")
        )
    ]


def flag_tags(tables: Path, arm: str, seed: int) -> dict[str, str]:
    """{"flags": "collapsed"}; "none" where the diagnostics raised none, nothing without them."""
    rows = diagnosed_rows(tables, arm, seed)
    return {"flags": rows[0].get("flags") or "none"} if rows else {}


def verdict_tags(tables: Path, arm: str) -> dict[str, str]:
    """{"verdict": "math: better"}: of pass@1, per benchmark."""
    rows = csv_rows(tables / "comparisons.csv", arm)
    first = [row for row in rows if csv_number(row["k"]) == 1 and row.get("verdict")]
    told = "; ".join(f"{row['benchmark']}: {row['verdict']}" for row in first)
    return {"verdict": told} if told else {}


def main_points(row: Mapping[str, str], time: int) -> list[Point]:
    values = {"final_entropy": row["final_entropy"]}
    for score in ARM_SCORES:
        name = f"{row['benchmark']}/" + (
            f"{score[:-1]}{row['k']}" if score.endswith("_k") else score
        )
        values |= {name + ending: row.get(score + ending, "") for ending in ("", "_low", "_high")}
    return cell_points(values, time)


def system_points(folder: Path, arm: str, seed: int) -> list[Point]:
    """What Snakemake measured of a run's jobs: seconds, CPU seconds, memory in MB, load in %.

    `folder`: benchmarks/ of the results folder.
    """
    found: list[Point] = []
    for job in ("train", "sample", "score"):
        path = folder / f"{arm}_{seed}_{job}.tsv"
        for row in csv_rows(path, delimiter="\t"):
            values = {
                f"system/{job}_{name}": row.get(column, "") for column, name in SYSTEM.items()
            }
            found += cell_points(values, file_time(path))
    return found


def csv_rows(path: Path, arm: str | None = None, delimiter: str = ",") -> list[dict[str, str]]:
    """The rows of a table, or those of one arm; none if the file is missing."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            row
            for row in csv.DictReader(file, delimiter=delimiter)
            if arm is None or row["arm"] == arm
        ]


def cell_points(values: Mapping[str, str], time: int) -> list[Point]:
    """A point for each cell that is a finite number. `time`: milliseconds since 1970."""
    found = {
        name: parsed for name, cell in values.items() if math.isfinite(parsed := csv_number(cell))
    }
    return [Point(name, value, 0, time) for name, value in found.items()]


def csv_number(cell: str) -> float:
    """The number in a cell; NaN if there is none."""
    try:
        return float(cell)
    except ValueError:
        return math.nan


def file_time(path: Path) -> int:
    """Time of change of a file, milliseconds since 1970."""
    return int(1000 * path.stat().st_mtime)
