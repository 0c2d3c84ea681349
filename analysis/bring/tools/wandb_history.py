"""wandb: the history of a run, as parquet (artifact `<run>-history`) or CSV.

    _step, _timestamp, _runtime, key, key, ...          history, one run
    Step, "NAME - key", "NAME - key__MIN", ...          the page's export, several runs, one key

CSV and `history()` are samples of the log: steps may be missing, which is named. All rows of a file
are placed by one key, the first of WANDB_STEPS that it has: `_step` counts calls of wandb.log, so
rows by `_step` and rows by the trainer's step cannot be mixed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.bring.files.parquet import parquet_rows
from analysis.bring.files.reading import (
    as_step,
    check_distinct,
    csv_columns,
    plain_number,
    read_bytes,
    safe_name,
)
from analysis.bring.files.records import Answers, CurveRow, Finding, Found, Place, Tool
from analysis.bring.tools.carried_keys import carried_keys
from eval.files.csv_text import read_csv

WANDB_STEPS = ("train/global_step", "training/global_step", "global_step", "_step", "Step")


def is_wandb_history(path: Path, head: bytes) -> bool:
    is_csv = path.suffix == ".csv" and bool(csv_columns(head) & set(WANDB_STEPS))
    return is_csv or (path.suffix == ".parquet" and "history" in path.name)


def read_wandb_history(path: Path, answers: Answers) -> Found:
    found = Found()
    rows = list(parquet_rows(path) if path.suffix == ".parquet" else _csv_rows(path))
    columns = rows[0] if rows else {}
    check_distinct(path, dict.fromkeys(column.rpartition(" - ")[0] for column in columns))
    key = next((key for key in WANDB_STEPS if any(_step(row, key) is not None for row in rows)), "")
    for row in rows:
        if (step := _step(row, key)) is not None:
            found.curves += [
                CurveRow(Place(arm=arm), step, values) for arm, values in _by_run(row).items()
            ]
    without = sum(bool(_by_run(row)) for row in rows if _step(row, key) is None)
    if without:
        said = f"{without:,} rows have numbers and no {key or 'step'}: left out"
        found.findings.append(Finding("rows without a step", path.name, said))
    if key == "_step":
        said = "the step is _step, which counts calls of wandb.log: check that each step logs once"
        found.findings.append(Finding("step of wandb", path.name, said))
    found.findings += _missing_steps({row.step for row in found.curves}, path.name)
    return found


def _missing_steps(steps: set[int], name: str) -> list[Finding]:
    if not steps or len(steps) == max(steps) - min(steps) + 1:
        return []
    said = (
        f"the file has {len(steps):,} of the {max(steps) - min(steps) + 1:,} steps from"
        f" {min(steps)} to {max(steps)}: logged at intervals, or sampled by wandb"
    )
    return [Finding("steps missing", name, said)]


def _step(row: Mapping[str, Any], key: str) -> int | None:
    return as_step(_cell(row.get(key)))


def _csv_rows(path: Path) -> list[dict[str, str]]:
    read_bytes(path)  # its size and kind
    return [row for _, row in read_csv(path, ())]


def _cell(value: Any) -> Any:
    """A CSV's cell as a number where it is one."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return None


def _by_run(row: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """{run's name, "" where the file names none: its numbers}."""
    runs: dict[str, dict[str, float]] = {}
    for column, value in row.items():
        number = plain_number(_cell(value))
        name, dash, key = column.rpartition(" - ")
        if number is None or column in WANDB_STEPS or column.endswith(("__MIN", "__MAX")):
            continue
        if column[0:1] not in ("_", "") and not column.startswith("Unnamed: "):  # pandas' index
            runs.setdefault(safe_name(name), {})[key if dash else column] = number
    return runs


WANDB = Tool("wandb", carried_keys, is_wandb_history, read_wandb_history)
