"""trackio: `$TRACKIO_DIR/{project}.db`, SQLite: metrics(run_name, step, metrics), metrics as JSON.

Newer versions have a run_id as well: two runs may then have one name, and get the id's beginning
behind it. Opened read-only, with limits on the work and the memory that a query may use. What
trackio has not yet moved from its write-ahead log (`-wal`) into the database is not read, and that
is named.
"""

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from analysis.bring.files.reading import (
    LARGEST_BYTES,
    MOST_ROWS,
    as_step,
    check_distinct,
    first_words,
    plain_number,
    read_bytes,
    safe_name,
)
from analysis.bring.files.records import Answers, CurveRow, Finding, Found, Place, Tool
from analysis.bring.tools.carried_keys import carried_keys
from eval.files.errors import BadInput
from eval.files.json_text import parse

SQLITE_MAGIC = b"SQLite format 3\0"
LONGEST_CELL = 1 << 24  # bytes
MOST_WORK = 20_000  # times 10,000 instructions of SQLite's machine: a few seconds


def is_trackio(path: Path, head: bytes) -> bool:
    return path.suffix == ".db" and head.startswith(SQLITE_MAGIC)


def read_trackio(path: Path, answers: Answers) -> Found:
    read_bytes(path)  # its size and kind
    found, rows = Found(), _metrics(path)
    ids: dict[Any, set[Any]] = {}
    for name, run_id, _, _ in rows:
        ids.setdefault(name, set()).add(run_id)
    check_distinct(path, map(str, ids))
    for name, run_id, step, metrics in rows:
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
            arm = str(name) if len(ids[name]) == 1 else f"{name}-{str(run_id)[:8]}"
            found.curves.append(CurveRow(Place(arm=safe_name(arm)), at, values))
    log = path.with_name(f"{path.name}-wal")
    if log.is_file() and log.stat().st_size:
        said = (
            f"{log.name} holds rows that are not in the database yet: close trackio and bring again"
        )
        found.findings.append(Finding("rows not read", path.name, said))
    return found


def _metrics(path: Path) -> list[tuple[Any, Any, Any, Any]]:
    """(run, its id, step, JSON) in the order of writing."""
    place = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
    work = iter(range(MOST_WORK))
    try:
        connection = sqlite3.connect(place, uri=True)
        try:
            connection.set_progress_handler(lambda: next(work, None) is None, 10_000)
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_CELL)
            connection.execute("PRAGMA trusted_schema = OFF")
            asked = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'metrics'"
            if connection.execute(asked).fetchone() != (1,):
                raise BadInput(f"{path}: has no table metrics: it is not trackio's, leave it out")
            columns = {row[1] for row in connection.execute("PRAGMA table_info(metrics)")}
            run_id = "run_id" if "run_id" in columns else "NULL"
            query = f"SELECT run_name, {run_id}, step, metrics FROM metrics ORDER BY rowid"
            return _within_limits(connection.execute(query), path)
        finally:
            connection.close()
    except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
        raise BadInput(
            f"{path}: cannot be read as SQLite ({first_words(error)}): leave it out"
        ) from None


def _within_limits(cursor: sqlite3.Cursor, path: Path) -> list[tuple[Any, Any, Any, Any]]:
    """All rows. A column may be made by an expression, so the file's size limits nothing."""
    rows, size = [], 0
    for row in cursor:
        rows.append(row)
        size += sum(len(cell) for cell in row if isinstance(cell, str | bytes))
        if len(rows) > MOST_ROWS or size > LARGEST_BYTES:
            raise BadInput(f"{path}: over {MOST_ROWS:,} rows or {LARGEST_BYTES:,} bytes: split it")
    return rows


TRACKIO = Tool("trackio", carried_keys, is_trackio, read_trackio)
