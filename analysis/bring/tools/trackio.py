"""trackio: `$TRACKIO_DIR/{project}.db`, SQLite: metrics(run_name, step, metrics), metrics as JSON.

Opened read-only, with a limit on the work that a query may do. What trackio has not yet moved from
its write-ahead log (`-wal`) into the database is not read, and that is named.
"""

import sqlite3
from pathlib import Path
from urllib.parse import quote

from analysis.bring.reading import (
    MOST_ROWS,
    as_step,
    first_words,
    plain_number,
    read_bytes,
    safe_name,
)
from analysis.bring.records import Answers, CurveRow, Finding, Found, Place, Tool
from analysis.bring.tools.carried_keys import carried_keys
from eval.files.errors import BadInput
from eval.files.json_text import parse

SQLITE_MAGIC = b"SQLite format 3\0"
MOST_WORK = 20_000  # times 10,000 instructions of SQLite's machine: a few seconds


def is_trackio(path: Path, head: bytes) -> bool:
    return path.suffix == ".db" and head.startswith(SQLITE_MAGIC)


def read_trackio(path: Path, answers: Answers) -> Found:
    read_bytes(path)  # its size and kind
    found = Found()
    for name, step, metrics in _metrics(path):
        at = as_step(step)
        try:
            row = parse(metrics, nan_is_null=True) if isinstance(metrics, str | bytes) else None
        except ValueError as error:
            raise BadInput(f"{path}: step {step}: metrics are not JSON ({error})") from None
        if at is None or not isinstance(row, dict):
            raise BadInput(f"{path}: step {step!r}: no step, or no metrics: leave the file out")
        values = {
            key: number for key, value in row.items() if (number := plain_number(value)) is not None
        }
        if values:
            found.curves.append(CurveRow(Place(arm=safe_name(str(name))), at, values))
    log = path.with_name(f"{path.name}-wal")
    if log.is_file() and log.stat().st_size:
        said = (
            f"{log.name} holds rows that are not in the database yet: close trackio and bring again"
        )
        found.findings.append(Finding("rows not read", path.name, said))
    return found


def _metrics(path: Path) -> list[tuple[object, object, object]]:
    """(run, step, JSON) in the order of writing."""
    place = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
    work = iter(range(MOST_WORK))
    try:
        connection = sqlite3.connect(place, uri=True)
        try:
            connection.set_progress_handler(lambda: next(work, None) is None, 10_000)
            connection.execute("PRAGMA trusted_schema = OFF")
            asked = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'metrics'"
            if connection.execute(asked).fetchone() != (1,):
                raise BadInput(f"{path}: has no table metrics: it is not trackio's, leave it out")
            query = f"SELECT run_name, step, metrics FROM metrics ORDER BY rowid LIMIT {MOST_ROWS}"
            return connection.execute(query).fetchall()
        finally:
            connection.close()
    except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
        raise BadInput(f"{path}: cannot be read as SQLite ({first_words(error)})") from None


TRACKIO = Tool("trackio", carried_keys, is_trackio, read_trackio)
