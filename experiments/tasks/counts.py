"""Reads a counts file that scoring wrote: how often each problem was answered, and how often
correctly.
"""

from pathlib import Path
from typing import Any

from eval.files.csv_text import read_csv
from eval.files.errors import BadInput


def read_counts(counts: Path) -> list[dict[str, Any]]:
    """The rows of a counts file: problem_id, and n, correct, truncated and tokens as numbers."""
    numbers = ("n", "correct", "truncated", "tokens")
    rows: dict[str, dict[str, Any]] = {}
    for where, row in read_csv(counts, ("problem_id", *numbers)):
        if not all(row[key].isdecimal() and len(row[key]) < 20 for key in numbers):
            raise BadInput(
                f"{where}: counts must be whole numbers: delete the file, and it is made again"
            )
        found: dict[str, Any] = {"problem_id": row["problem_id"]} | {
            key: int(row[key]) for key in numbers
        }
        if found["correct"] > found["n"] or row["problem_id"] in rows:
            raise BadInput(
                f"{where}: more right than answered, or twice: delete the file, and it is made"
                " again"
            )
        rows[row["problem_id"]] = found
    return [*rows.values()]


def read_pass_rates(counts: Path) -> dict[str, float]:
    """Problem id → pass rate, from a counts file of the base policy."""
    return {row["problem_id"]: row["correct"] / row["n"] for row in read_counts(counts) if row["n"]}
