"""Reads and writes CSV: no cell runs as a formula in a spreadsheet, and no bad row is skipped.

A text cell that begins like a formula gets a leading apostrophe, as OWASP recommends
(owasp.org/www-community/attacks/CSV_Injection). A cell that begins with an apostrophe gets a second
one, so that reading gives back what was written. Numbers stay as they are. This does not protect a
spreadsheet that is set to another separator than the comma.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from eval.files.errors import BadInput

GUARDED = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "＝",
    "＋",
    "－",
    "＠",
    "'",
)
"""First characters of a cell that is guarded. Spreadsheets with East Asian settings read the wide
forms as formulas too."""


def guarded(value: Any) -> Any:
    """The cell, with an apostrophe in front if it is text that starts with one of GUARDED."""
    return f"'{value}" if isinstance(value, str) and value.startswith(GUARDED) else value


def unguarded(value: Any) -> Any:
    """The cell that `guarded` was given."""
    return value.removeprefix("'") if isinstance(value, str) else value


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """The text of a CSV file. The first of the rows is the header."""
    text = io.StringIO()
    plain, quoted = (
        csv.writer(text, lineterminator="\n", quoting=q) for q in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)
    )
    for row in rows:
        cells = [guarded(cell) for cell in row]
        # Python 3.11 leaves a carriage return unquoted, which a reader takes for the end of the
        # line
        (quoted if any("\r" in str(cell) for cell in cells) else plain).writerow(cells)
    return text.getvalue()


def read_csv(path: Path, needed: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row after the header, with its place for messages: "FILE, line N".

    Raises:
        BadInput: the file cannot be read, a quote is not closed, one of the `needed` columns is
            missing, a column is duplicate, or a row has more or fewer cells than the header.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            _check_header(header, needed, path)
            for row in filter(None, reader):  # a blank line is no row
                place = f"{path}, line {reader.line_num}"
                if len(row) != len(header):
                    raise BadInput(
                        f"{place}: {len(row)} cells under {len(header)} headings: fix or remove the"
                        " row"
                    )
                yield place, dict(zip(header, map(unguarded, row), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: cannot be read ({error}): check the file") from None


def _check_header(header: Sequence[str], needed: Sequence[str], path: Path) -> None:
    lacking = [name for name in needed if name not in header]
    if lacking:
        raise BadInput(
            f"{path}, line 1: missing column {', '.join(lacking)}: add it; the file needs"
            f" {', '.join(needed)}"
        )
    times = Counter(header)
    if len(times) < len(header):
        twice = next(name for name in times if times[name] > 1)
        raise BadInput(f"{path}, line 1: duplicate column {twice!r}: remove one")
