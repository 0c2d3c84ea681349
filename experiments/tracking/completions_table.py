"""The kept completions of a run as a table that MLflow shows (format of `mlflow.log_table`).

`mlflow.log_table` appends to a table that is there, so a second sync would double it: the file is
written here, and its name is put into the tag that MLflow looks for tables in.
"""

import gzip
import json
import sys
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from eval.files.json_text import parse
from eval.files.jsonl import Row
from eval.files.results_layout import COMPLETIONS_FOLDER, completions_files

TABLE_NAME = "completions.json"
TABLE_TAG = "mlflow.loggedArtifacts"
TABLE_TAG_VALUE = json.dumps([{"path": TABLE_NAME, "type": "table"}])
MOST_OF_A_ROLLOUT = 32  # completions in the table; the run's files have all
COPIED = (
    *("rollout", "group", "prompt", "answer", "text"),
    *("verdict", "reward", "advantage", "length", "truncated"),
)


def completions_table(run: Path) -> str:
    """JSON of the table; "" where the run kept none. `run`: its folder.

    Entropy and log-probability are means over the tokens, nats. A file that cannot be read is left
    out with a warning.
    """
    rows = [
        row
        for path in completions_files(run / COMPLETIONS_FOLDER).values()
        for row in rollout_rows(path)
    ]
    columns = [*COPIED, "entropy", "logp"]
    return json.dumps({"columns": columns, "data": rows}) if rows else ""


def rollout_rows(path: Path) -> list[list[Any]]:
    try:
        return list(islice(table_rows(path), MOST_OF_A_ROLLOUT))
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        print(f"tracking: {path}: not shown ({error})", file=sys.stderr)
        return []


def table_rows(path: Path) -> Iterator[list[Any]]:
    with gzip.open(path, "rb") as file:
        for line in file:
            row: Row = parse(line, lone_surrogates=True)
            means = [mean_or_none(row[key]) for key in ("entropy", "logp")]
            yield [*(row[key] for key in COPIED), *means]


def mean_or_none(values: Sequence[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return sum(found) / len(found) if found else None
