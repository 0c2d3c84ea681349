"""One table -> CSV (unrounded), Markdown, LaTeX (booktabs) and HTML.

The CSV holds the whole frame at full precision. The other three show the same rounded cells, so
they agree. Bold marks the best value of a group of rows, a dagger a value that is not
distinguishable from the best.

Text from outside (names of arms, problems, hosts) is escaped for each form; eval/files/csv_text.py
keeps spreadsheets from running it as a formula.
"""

import csv
import io
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import escape

from analysis.results.folder import path_to_write
from analysis.tables.cells import DAGGER, Cell, Column, Table, breaks, cells, one_line
from eval.files.csv_text import guarded, unguarded
from eval.files.durable import write_text


def to_csv(table: Table) -> str:
    return frame_csv(table.frame)


def frame_csv(frame: pd.DataFrame) -> str:
    shown = frame.map(lambda value: guarded(writable(value)) if isinstance(value, str) else value)
    shown.columns = [guarded(name) for name in frame.columns]
    return shown.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)


def writable(text: str) -> str:
    """The text without carriage returns, which Python 3.11 does not quote, and with escaped lone
    surrogates, which UTF-8 cannot hold.
    """
    return text.replace("\r", " ").encode("utf-8", "backslashreplace").decode()


def from_csv(text: str, words: Sequence[str] = ()) -> pd.DataFrame:
    """The frame that `to_csv` wrote, without guarding apostrophes. The columns `words` are text
    even if they look like numbers.
    """
    frame = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False, skip_blank_lines=False)
    typed = {
        name: column if name in words else column.map(parsed_cell) for name, column in frame.items()
    }
    return pd.DataFrame(typed).map(unguarded)


def parsed_cell(value: str) -> Any:
    """A cell of a CSV as a number or truth value, else as text; NaN if it is empty."""
    if value in ("True", "False"):
        return value == "True"
    for kind in (int, float):
        with suppress(ValueError):
            return kind(value)
    return value or float("nan")


def to_markdown(table: Table) -> str:
    head = [escape_markdown(column.title) for column in table.columns]
    rule = ["---:" if column.numeric else "---" for column in table.columns]
    body = [[markdown_cell(shown) for shown in row] for row in cells(table)]
    lines = ["| " + " | ".join(row) + " |" for row in (head, rule, *body)]
    notes = [f"- {escape_markdown(note)}" for note in table.notes]
    return "\n".join([f"**{escape_markdown(table.caption)}**", "", *lines, "", *notes]) + "\n"


def markdown_cell(shown: Cell) -> str:
    body = escape_markdown(shown.text)
    return (
        f"**{body}**" if shown.mark == "best" else body + DAGGER if shown.mark == "tied" else body
    )


def escape_markdown(value: str) -> str:
    """Text with every character escaped that Markdown, or HTML within it, interprets."""
    harmless = one_line(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"[\\`*_{}|~#!]|\](?=[(\[:])", r"\\\g<0>", harmless)


TEX_ESCAPES = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "−": "$-$",
    "–": "--",
    "†": r"$^{\dagger}$",
    "×": r"$\times$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "τ": r"$\tau$",
    "α": r"$\alpha$",
    "λ": r"$\lambda$",
}


def escape_tex(value: str) -> str:
    return "".join(TEX_ESCAPES.get(character, character) for character in one_line(value))


def to_tex(table: Table) -> str:
    """A table environment, scaled down to the width of the text where it is wider."""
    layout = "".join("r" if column.numeric else "l" for column in table.columns)
    head = " & ".join(escape_tex(column.title) for column in table.columns) + r" \\"
    body = []
    for opens, row in zip(breaks(table), cells(table), strict=True):
        body += [r"\midrule"] * opens + [" & ".join(tex_cell(shown) for shown in row) + r" \\"]
    notes = [rf"\par\footnotesize {escape_tex(note)}" for note in table.notes]
    lines = [
        r"% needs \usepackage{booktabs} and \usepackage{adjustbox}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape_tex(table.caption)}}}",
        r"\begin{adjustbox}{max width=\linewidth}",
        rf"\begin{{tabular}}{{{layout}}}",
    ]
    lines += [
        r"\toprule",
        head,
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{adjustbox}",
        *notes,
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def tex_cell(shown: Cell) -> str:
    body = "{}" * shown.text.startswith(("[", "*")) + escape_tex(shown.text)
    return (
        rf"\textbf{{{body}}}"
        if shown.mark == "best"
        else body + TEX_ESCAPES[DAGGER] * (shown.mark == "tied")
    )


def to_html(table: Table) -> str:
    """A <figure> element with the table and its notes, without style; all text is escaped."""
    head = "".join(
        f'<th scope="col"{number_class(column)}>{escape(one_line(column.title))}</th>'
        for column in table.columns
    )
    body = []
    for opens, row in zip(breaks(table), cells(table), strict=True):
        tds = "".join(
            html_cell(column, shown) for column, shown in zip(table.columns, row, strict=True)
        )
        body.append(('<tr class="opens">' if opens else "<tr>") + tds + "</tr>")
    notes = "".join(f"<li>{escape(one_line(note))}</li>" for note in table.notes)
    return (
        f'<figure class="table" id="table-{escape(table.name)}">\n'
        f"<figcaption>{escape(one_line(table.caption))}</figcaption>\n"
        '<div class="scroll"><table class="sortable">\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n"
        + "\n".join(body)
        + "\n</tbody></table></div>\n"
        f'<ul class="notes">{notes}</ul>\n</figure>\n'
    )


def number_class(column: Column) -> str:
    return ' class="number"' if column.numeric else ""


def html_cell(column: Column, shown: Cell) -> str:
    body = str(escape(one_line(shown.text)))
    body = f"<strong>{body}</strong>" if shown.mark == "best" else body
    body += f'<span class="dagger">{DAGGER}</span>' * (shown.mark == "tied")
    return f'<td{number_class(column)} data-sort="{escape(one_line(str(shown.sort)))}">{body}</td>'


TABLE_FORMS: dict[str, Callable[[Table], str]] = {
    "csv": to_csv,
    "md": to_markdown,
    "tex": to_tex,
    "html": to_html,
}


def write_table(
    table: Table, folder: Path, forms: Sequence[str] = tuple(TABLE_FORMS)
) -> list[Path]:
    """Writes <name>.<form> into `folder` for every form, and returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{table.name}.{form}" for form in forms]
    for path, form in zip(paths, forms, strict=True):
        write_text(path_to_write(path, folder), TABLE_FORMS[form](table))
    return paths
