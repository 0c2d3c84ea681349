"""A table before it is written as CSV, Markdown, LaTeX or HTML: its frame, columns and cells.

Numbers are rounded by the functions of this module only, so all forms show the same digits.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pandas as pd

DASH = "–"
DAGGER = "†"
REPLACEMENT = "\ufffd"


@dataclass(frozen=True)
class Column:
    """How one shown column is made from the frame's columns."""

    title: str
    value: str
    format: Callable[[Any], str]
    low: str = ""  # frame columns of the ends of the interval; "" for none
    high: str = ""
    best: str = ""  # boolean frame columns: the best value; not distinguishable from the best
    tied: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """A frame and how to show it. A rule is drawn where the value of the column `group` changes."""

    name: str
    caption: str
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    notes: tuple[str, ...] = ()
    group: str = ""


@dataclass(frozen=True)
class Cell:
    """A shown cell, before it is escaped for a form."""

    text: str
    mark: str = ""  # "best", "tied" or ""
    sort: Any = ""  # the value by which the HTML page sorts


def points(value: Any) -> str:
    """A share of 1 as points with one decimal: 0.4567 -> 45.7."""
    return fixed_decimals(100 * value, 1) if is_finite_number(value) else DASH


def percent(value: Any) -> str:
    """A share of 1 in whole per cent: 0.4567 -> 46."""
    return fixed_decimals(100 * value, 0) if is_finite_number(value) else DASH


def per_mille(value: Any) -> str:
    """A small share of 1 in thousandths with two decimals: 0.00043 -> 0.43."""
    return fixed_decimals(1000 * value, 2) if is_finite_number(value) else DASH


def decimals(places: int) -> Callable[[Any], str]:
    """A format with that many decimals and separated thousands."""
    return lambda value: fixed_decimals(value, places)


def fixed_decimals(value: Any, places: int) -> str:
    if not is_finite_number(value):
        return DASH
    shown = f"{value:,.{places}f}"
    return (shown.lstrip("-") if float(shown.replace(",", "")) == 0 else shown).replace("-", "−")


def significant(value: Any) -> str:
    """Two significant digits, for numbers of any size."""
    return f"{value:.2g}".replace("-", "−") if is_finite_number(value) else DASH


def p_value(value: Any) -> str:
    return (
        DASH
        if not is_finite_number(value)
        else "< .001"
        if value < 0.001
        else f"{value:.3f}".lstrip("0")
    )


def text_or_dash(value: Any) -> str:
    """Text on one line; a dash if there is none."""
    return DASH if value is None or value == "" or value != value else one_line(str(value))


def one_line(value: str) -> str:
    """Text on one line. Characters that do not print (controls, lone surrogates, direction marks)
    become U+FFFD.
    """
    return "".join(c if c.isprintable() else REPLACEMENT for c in " ".join(value.split()))


def is_finite_number(value: Any) -> bool:
    return value is not None and isinstance(value, int | float) and math.isfinite(value)


def cells(table: Table) -> list[list[Cell]]:
    """The cells of every row."""
    return [
        [cell(column, row) for column in table.columns] for row in table.frame.to_dict("records")
    ]


def cell(column: Column, row: dict[str, Any]) -> Cell:
    value = row[column.value]
    shown = column.format(value)
    if column.low and is_finite_number(row[column.low]) and shown != DASH:
        shown += f" [{column.format(row[column.low])}, {column.format(row[column.high])}]"
    best, tied = (bool(name) and row[name] is True for name in (column.best, column.tied))
    order = value if not column.numeric else value if is_finite_number(value) else ""
    return Cell(shown, "best" if best else "tied" if tied else "", order)


def breaks(table: Table) -> list[bool]:
    """For each row, whether it begins a new group; False for the first row."""
    if not table.group or table.frame.empty:
        return [False] * len(table.frame)
    groups = table.frame[table.group].tolist()
    return [False] + [here != before for before, here in pairwise(groups)]
