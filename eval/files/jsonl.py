"""Append-only JSON lines: one object per line, which a process may write until it is killed.

As in a write-ahead log, a line counts once its newline is written, and a truncated last line does
not count. Bytes are only appended, so a crash leaves a prefix of the file that would have been
written.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from eval.files.errors import BadInput
from eval.files.json_text import parse
from eval.files.locks import lock_file

Row = dict[str, Any]


def read_rows(path: Path, torn_ok: bool = False) -> list[Row]:
    """All rows of a file. Blank lines at its end, which editors leave, are no rows.

    `torn_ok`: leave out a last line without newline; without it such a line is an error.

    Raises:
        BadInput: the file cannot be read, or a line is not a JSON object; with file and line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}): check the path") from None
    *lines, torn = data.split(b"\n")
    if torn.strip() and not torn_ok:
        raise BadInput(
            f"{path}, line {len(lines) + 1}: the last line is truncated: run the command that"
            " writes this file again"
        )
    while lines and not lines[-1].strip():
        lines.pop()
    return [
        _parse_row(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1)
    ]


def _parse_row(line: bytes, place: str) -> Row:
    try:
        row = parse(line, lone_surrogates=True)
    except ValueError as error:
        raise BadInput(f"{place}: not JSON ({error}): fix or delete the line") from None
    if not isinstance(row, dict):
        raise BadInput(
            f"{place}: not a JSON object but {type(row).__name__}: fix or delete the line"
        )
    return row


def dump(row: Row) -> str:
    """The row as one line, without the newline. ASCII only: lone surrogates are escaped."""
    return json.dumps(row, ensure_ascii=True, allow_nan=False)


class Appender:
    """Appends rows to a file that only one process may write. Opening it removes a truncated last
    line.

    Raises:
        BadInput: another process is writing the file.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab+")
        if not lock_file(self._file):
            self._file.close()
            raise BadInput(
                f"{path}: another process is writing this file: let it finish, or stop it first"
            )
        drop_torn_line(self._file.fileno())

    def write(self, rows: Iterable[Row]) -> None:
        """Writes the rows to the operating system's buffer: they survive if this process dies."""
        self._file.write(b"".join(dump(row).encode() + b"\n" for row in rows))
        self._file.flush()

    def sync(self) -> None:
        """Waits until the rows are on the disk: they are kept if the machine dies."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        if not self._file.closed:
            self.sync()
            self._file.close()

    def __enter__(self) -> "Appender":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def drop_torn_line(descriptor: int, block: int = 1 << 16) -> None:
    """Truncates the file after its last whole line; blank lines after it go, too. It reads
    backwards in blocks of `block` bytes, so that a long file is not read whole.
    """
    end = size = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - block)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    while end > 0 and os.pread(descriptor, 2, max(0, end - 2)) in (b"\n", b"\n\n"):
        end -= 1
    if end < size:
        os.ftruncate(descriptor, end)
