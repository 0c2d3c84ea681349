"""The forest plot as text, for a terminal: one line per arm, 0 in the middle.

a/aer        ────────●───┼──────            −3.9 [−11.0, +3.2]  not distinguishable
"""

from collections.abc import Iterable

from analysis.inference.sentences import signed_points
from analysis.tables.cells import decimals
from analysis.tables.forest import Mark, axis_limit, axis_place

TEXT_WIDTH = 41  # characters of the axis, odd so that 0 has one of its own
ZERO, LINE, DOT, OFF = "┊", "─", "●", ("◀", "▶")


def forest_lines(found: Iterable[Mark]) -> list[str]:
    """The lines of one benchmark: an axis, then the arms."""
    found = list(found)
    limit = axis_limit(found)
    name_width = max(len(each.arm) for each in found)
    end = decimals(0)(100 * limit)
    half = TEXT_WIDTH // 2
    axis = f"{'−' + end:<{half}}0{'+' + end:>{half}}"
    lines = [f"{'':{name_width}}  {axis}"]
    for each in found:
        value, low, high = map(signed_points, (each.difference, each.low, each.high))
        numbers, drawn = f"{value} [{low}, {high}]", axis_line(each, limit)
        lines.append(f"{each.arm:{name_width}}  {drawn}  {numbers}  {each.verdict}")
    return lines


def axis_line(each: Mark, limit: float) -> str:
    low, middle, high = (axis_cell(end, limit) for end in (each.low, each.difference, each.high))
    cells = [" "] * TEXT_WIDTH
    cells[low : high + 1] = LINE * (high - low + 1)
    cells[TEXT_WIDTH // 2] = "┼" if low <= TEXT_WIDTH // 2 <= high else ZERO
    outside = abs(each.difference) > limit
    cells[middle] = DOT if not outside else OFF[each.difference > 0]
    return "".join(cells)


def axis_cell(value: float, limit: float) -> int:
    return round(axis_place(value, limit) * (TEXT_WIDTH - 1))
