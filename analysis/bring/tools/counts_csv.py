"""Counts per question as CSV: problem_id, n, correct, and arm, seed, benchmark, checkpoint where
the file holds more than one. Further columns are kept.
"""

from pathlib import Path

from analysis.bring.files.reading import csv_columns, read_bytes, safe_name
from analysis.bring.files.records import Answers, BroughtCount, Found, Place, Tool, no_keys
from eval.files.csv_text import read_csv
from eval.files.errors import BadInput
from eval.scoring.counts import COUNTS_COLUMNS, MOST_SAMPLES, count_cell

PLACES = ("arm", "seed", "benchmark", "checkpoint")


def is_counts_csv(path: Path, head: bytes) -> bool:
    return path.suffix == ".csv" and set(COUNTS_COLUMNS) <= csv_columns(head)


def read_counts_csv(path: Path, answers: Answers) -> Found:
    read_bytes(path)  # its size and kind
    found = Found()
    for where, row in read_csv(path, COUNTS_COLUMNS):
        n, correct = count_cell(row, "n", where), count_cell(row, "correct", where)
        name = row["problem_id"].strip()
        if not name or not 0 <= correct <= n <= MOST_SAMPLES:
            raise BadInput(
                f"{where}: problem {name!r} has n = {n}, correct = {correct}: needs a problem_id"
                f" and 0 <= correct <= n <= {MOST_SAMPLES:,}: correct the row"
            )
        rest = {key: row[key] for key in row if key not in (*PLACES, *COUNTS_COLUMNS)}
        found.counts.append(BroughtCount(row_place(row, where), name, n, correct, rest))
    return found


def row_place(row: dict[str, str], where: str) -> Place:
    """Where a row belongs, by the columns that are there and not empty."""
    said = {key: row.get(key, "").strip() for key in PLACES}
    numbers = {
        key: count_cell(row, key, where) if said[key] else None for key in ("seed", "checkpoint")
    }
    return Place(
        safe_name(said["arm"]), numbers["seed"], safe_name(said["benchmark"]), numbers["checkpoint"]
    )


COUNTS_CSV = Tool("counts_csv", no_keys, is_counts_csv, read_counts_csv)
