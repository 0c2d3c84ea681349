"""The report's section on results that were brought from elsewhere: what the reader must know, and
the tables of `brought/`.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from analysis.figures.captions import Caption
from analysis.report.html_page import Picture, figure_picture
from analysis.results.folder import MissingPart, Results, is_within
from analysis.tables.cells import Column, Table, text_or_dash
from analysis.tables.render import to_html
from eval.files.csv_text import read_csv
from eval.files.errors import BadInput

BROUGHT_TABLES = {  # file: caption
    "claims": "Published figures beside their recount",
    "differences": "Samples that the tool and the suite's verifier grade differently",
    "checkpoints": "Every evaluated policy (reported = 1: stands for its run)",
    "change": "Answers changed against the base policy, and between an arm's own seeds",
    "unmapped": "Log keys without a name in the suite",
    "sources": "Files",
}
MOST_SHOWN = 500  # rows of a table on the page; the CSV has all
SELECTION = Caption("Brought", "Scores over checkpoints", "Every evaluated checkpoint; ring: the"
                    " one that is reported. Bars: 95 % interval over questions.")  # fmt: skip


@dataclass(frozen=True)
class BroughtTable:
    title: str
    rows: int
    html: Markup


@dataclass(frozen=True)
class Brought:
    """What the section shows."""

    findings: dict[str, list[MissingPart]]  # by kind
    tables: list[BroughtTable]
    picture: Picture | None


def brought_section(results: Results) -> Brought | None:
    """The section; None for results of the suite's own."""
    folder = results.folder / "brought"
    if not results.spec.get("brought") or not is_within(folder, results.folder):
        return None
    findings: dict[str, list[MissingPart]] = {}
    for row in brought_rows(folder / "findings.csv", ("kind", "where", "what")):
        findings.setdefault(row["kind"], []).append(MissingPart(row["where"], row["what"]))
    tables = [
        table_of_file(folder / f"{name}.csv", title) for name, title in BROUGHT_TABLES.items()
    ]
    shown = figure_picture(folder, "selection", SELECTION, "python -m analysis.bring")
    return Brought(findings, [table for table in tables if table], shown if shown.uri else None)


def brought_rows(path: Path, needed: tuple[str, ...] = ()) -> list[dict[str, str]]:
    """The rows of a CSV in brought/; none where it is missing or leads elsewhere."""
    if not path.is_file() or not is_within(path, path.parent):
        return []
    try:
        return [row for _, row in read_csv(path, needed)]
    except BadInput:
        return []


def table_of_file(path: Path, title: str) -> BroughtTable | None:
    """The table without the columns that are empty; None where it has no rows."""
    rows = brought_rows(path)
    if not rows:
        return None
    columns = tuple(
        Column(
            name,
            name,
            short_number,
            numeric=all(is_number_cell(row[name]) for row in rows),
        )
        for name in rows[0]
        if any(row[name] for row in rows)
    )
    notes = (
        (f"The first {MOST_SHOWN} of {len(rows):,} rows; all are in brought/{path.name}.",)
        if len(rows) > MOST_SHOWN
        else ()
    )
    frame = pd.DataFrame(rows[:MOST_SHOWN])
    table = Table(f"brought-{path.stem}", f"brought/{path.name}", frame, columns, notes)
    return BroughtTable(title, len(rows), Markup(to_html(table)))


def is_number_cell(cell: str) -> bool:
    """Whether a cell is a number, or empty."""
    try:
        float(cell or 0)
    except ValueError:
        return False
    return True


def short_number(cell: object) -> str:
    """A fraction with four digits; the CSV has all of them."""
    shown = text_or_dash(cell)
    if "." not in shown or not is_number_cell(shown):
        return shown
    return f"{float(shown):.4g}"
