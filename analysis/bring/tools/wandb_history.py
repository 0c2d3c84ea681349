"""wandb: the history of a run, as parquet (artifact `<run>-history`) or CSV.

    _step, _timestamp, _runtime, key, key, ...          history, one run
    Step, "NAME - key", "NAME - key__MIN", ...          the page's export, several runs, one key

CSV and `history()` are samples of the log: steps may be missing, which is named. `_step` counts
calls of wandb.log, which is the training step only where each step logs once.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.bring.reading import as_step, parquet_rows, plain_number, read_bytes, safe_name
from analysis.bring.records import Answers, CurveRow, Finding, Found, Place, Tool
from analysis.bring.tools.carried_keys import carried_keys
from eval.files.csv_text import read_csv

WANDB_STEPS = ("train/global_step", "training/global_step", "global_step", "_step", "Step")


def is_wandb_history(path: Path, head: bytes) -> bool:
    first = head.split(b"\n", 1)[0]
    is_csv = path.suffix == ".csv" and (b"_step" in first or first.startswith((b'"Step"', b"Step")))
    return is_csv or (path.suffix == ".parquet" and "history" in path.name)


def read_wandb_history(path: Path, answers: Answers) -> Found:
    found, steps = Found(), set[int]()
    rows = parquet_rows(path) if path.suffix == ".parquet" else _csv_rows(path)
    for row in rows:
        step = next(
            (at for key in WANDB_STEPS if (at := as_step(_cell(row.get(key)))) is not None), None
        )
        for arm, values in _by_run(row).items():
            if step is not None and values:
                steps.add(step)
                found.curves.append(CurveRow(Place(arm=arm), step, values))
    if steps and len(steps) < max(steps) - min(steps) + 1:
        said = (
            f"{len(steps):,} of the {max(steps) - min(steps) + 1:,} steps from {min(steps)} to"
            f" {max(steps)} are there: logged at intervals, or sampled by wandb"
        )
        found.findings.append(Finding("steps missing", path.name, said))
    return found


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
        if column[0:1] != "_":
            runs.setdefault(safe_name(name), {})[key if dash else column] = number
    return runs


WANDB = Tool("wandb", carried_keys, is_wandb_history, read_wandb_history)
