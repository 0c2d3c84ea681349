"""The report's first screen: the forest plot, drawn by the page itself so that it follows the
reader's light or dark setting and the width of a phone.
"""

from dataclasses import dataclass

from analysis.inference.sentences import signed_points
from analysis.results.folder import BASE
from analysis.tables.cells import decimals
from analysis.tables.forest import Mark, axis_limit, axis_place, panels_of

KINDS = {"better": "better", "worse": "worse"}


@dataclass(frozen=True)
class Track:
    """One interval on its axis, in per cent of the axis; `beyond` is -1 or 1 off an end, else 0."""

    kind: str
    left: float
    width: float
    dot: float
    beyond: int
    text: str


@dataclass(frozen=True)
class Line:
    """One arm of a benchmark: a track per k, None if there is no comparison."""

    arm: str
    base: bool
    tracks: list[Track | None]


@dataclass(frozen=True)
class Panel:
    """One benchmark: k and axis limit of each column, and its lines."""

    benchmark: str
    columns: list[tuple[int, str]]
    lines: list[Line]


def opening_panels(found: list[Mark]) -> list[Panel]:
    return [panel(benchmark, by_k) for benchmark, by_k in panels_of(found).items()]


def panel(benchmark: str, by_k: dict[int, list[Mark]]) -> Panel:
    limits = {k: axis_limit(here) for k, here in by_k.items()}
    arms = dict.fromkeys(each.arm for here in by_k.values() for each in here)
    order = sorted(arms, key=lambda arm: arm == BASE)
    lines = []
    for arm in order:
        own = {
            k: next((each for each in here if each.arm == arm), None) for k, here in by_k.items()
        }
        tracks = [track(each, limits[k]) if each else None for k, each in own.items()]
        lines.append(Line("base policy" if arm == BASE else arm, arm == BASE, tracks))
    columns = [(k, decimals(0)(100 * limit)) for k, limit in limits.items()]
    return Panel(benchmark, columns, lines)


def track(each: Mark, limit: float) -> Track:
    value, low, high = map(signed_points, (each.difference, each.low, each.high))
    left, right = (100 * axis_place(end, limit) for end in (each.low, each.high))
    outside = abs(each.difference) > limit
    return Track(
        KINDS.get(each.verdict, "even"),
        round(left, 2),
        round(max(0.5, right - left), 2),
        round(100 * axis_place(each.difference, limit), 2),
        0 if not outside else 1 if each.difference > 0 else -1,
        f"{value} [{low}, {high}]: {each.verdict}",
    )
