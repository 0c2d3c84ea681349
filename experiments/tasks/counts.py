"""Reads the counts files of scoring: the number of answers, and of correct ones, per problem."""

from pathlib import Path
from typing import Any

from eval.files.csv_text import read_csv
from eval.files.errors import BadInput


def read_counts(counts: Path) -> list[dict[str, Any]]:
    """The rows of a counts file: problem_id, and n, correct, truncated, tokens as numbers.

    Raises:
        BadInput: a cell is not a count, a problem appears twice, or more answers are correct than
            were given.
    """
    numbers = ("n", "correct", "truncated", "tokens")
    rows: dict[str, dict[str, Any]] = {}
    for where, row in read_csv(counts, ("problem_id", *numbers)):
        if not all(row[key].isdecimal() and len(row[key]) < 20 for key in numbers):
            raise BadInput(f"{where}: counts must be whole numbers: delete the file and run again")
        found: dict[str, Any] = {"problem_id": row["problem_id"]} | {
            key: int(row[key]) for key in numbers
        }
        if found["correct"] > found["n"] or row["problem_id"] in rows:
            raise BadInput(
                f"{where}: more correct answers than answers, or a duplicate problem: delete the"
                " file and run again"
            )
        rows[row["problem_id"]] = found
    return [*rows.values()]


def read_pass_rates(counts: Path) -> dict[str, float]:
    """{problem id: pass rate in [0, 1]} of a counts file. Problems without answers are left out."""
    return {row["problem_id"]: row["correct"] / row["n"] for row in read_counts(counts) if row["n"]}
