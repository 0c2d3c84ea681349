"""Published scores as CSV: arm, benchmark, and pass_at_1, maj_at_4, ... in [0, 1].

A column `language` is part of the benchmark's name: mgsm, en -> mgsm_en. The scores are claims,
laid beside the recount; nothing is counted from them. `n_samples` is not read: some authors mean
questions by it.
"""

import re
from pathlib import Path

from analysis.bring.files.reading import csv_columns, read_bytes, safe_name
from analysis.bring.files.records import Answers, Claim, Found, Tool, no_keys
from analysis.bring.tools.counts_csv import row_place
from eval.files.csv_text import read_csv
from eval.files.errors import BadInput

SCORES = re.compile(r"(pass|maj|avg|mean|best)_at_(\d{1,6}|k|n)")


def is_scores_csv(path: Path, head: bytes) -> bool:
    return path.suffix == ".csv" and {"arm", "benchmark", "pass_at_1"} <= csv_columns(head)


def read_scores_csv(path: Path, answers: Answers) -> Found:
    read_bytes(path)  # its size and kind
    found = Found()
    for where, row in read_csv(path, ("arm", "benchmark")):
        place = row_place(row, where)
        if language := row.get("language", "").strip():
            place = place._replace(benchmark=safe_name(f"{place.benchmark}_{language}"))
        for column, cell in row.items():
            match = SCORES.fullmatch(column)
            if match and cell.strip():
                metric = f"{match[1]}@{match[2]}"
                found.claims.append(Claim(place, metric, _share(cell, column, where)))
    return found


def _share(cell: str, column: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise BadInput(f"{where}: {column} is {cell!r}: needs a number in [0, 1]: correct the row")
    return value


SCORES_CSV = Tool("scores_csv", no_keys, is_scores_csv, read_scores_csv)
