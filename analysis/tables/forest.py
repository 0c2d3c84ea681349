"""The rows of the forest plot, for all forms that show it: figures/forest, the report's opening and
the text of analysis.compare.

A mark is one comparison with the reference: difference, interval and verdict, the interval and the
verdict adjusted alike (Holm). The base policy is a mark, too, with the difference of the reference
to it turned round.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.results.folder import BASE
from analysis.tables.cells import is_finite_number

FAR = 3.0  # an interval this many times farther from 0 than the median one may leave the plot
STEPS = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)  # ends of the axis, in points, times a power of 10
LEAST_REACH = 5.0  # points: a smaller axis would make nothing look like something


@dataclass(frozen=True)
class Mark:
    """One row of one panel; shares of 1."""

    benchmark: str
    k: int
    arm: str
    difference: float
    low: float
    high: float
    verdict: str


def forest_marks(
    comparisons: pd.DataFrame, training: pd.DataFrame | None, reference: str
) -> list[Mark]:
    """Rows of the stored or computed tables `comparisons` and `training`, in their order, the base
    policy last of each panel. Rows without numbers are left out.
    """
    found = [mark(row) for row in comparisons.to_dict("records")]
    if training is not None and len(training):
        rows = training.to_dict("records")
        found += [mark(turned(row)) for row in rows if row["arm"] == reference]
    shown = [each for each in found if is_finite_number(each.low) and is_finite_number(each.high)]
    order = list(dict.fromkeys((each.benchmark, each.k) for each in shown))
    return sorted(shown, key=lambda each: order.index((each.benchmark, each.k)))


def mark(row: dict[str, Any]) -> Mark:
    return Mark(
        str(row["benchmark"]),
        int(row["k"]),
        str(row["arm"]),
        float(row["difference"]),
        float(row["low_holm"]),
        float(row["high_holm"]),
        str(row["verdict"]),
    )


def turned(row: dict[str, Any]) -> dict[str, Any]:
    """The reference against the base policy, as the base policy against the reference."""
    opposite = {"better": "worse", "worse": "better"}
    return row | {
        "arm": BASE,
        "difference": -row["difference"],
        "low_holm": -row["high_holm"],
        "high_holm": -row["low_holm"],
        "verdict": opposite.get(row["verdict"], row["verdict"]),
    }


def panels_of(found: Iterable[Mark]) -> dict[str, dict[int, list[Mark]]]:
    """{benchmark: {k: marks}}."""
    grouped: dict[str, dict[int, list[Mark]]] = {}
    for each in found:
        grouped.setdefault(each.benchmark, {}).setdefault(each.k, []).append(each)
    return grouped


def axis_limit(found: Iterable[Mark]) -> float:
    """Half the width of the axis, as a round number of points / 100: all intervals fit but those
    that would squeeze the others.
    """
    farthest = sorted(max(abs(each.low), abs(each.high)) for each in found)
    if not farthest:
        return LEAST_REACH / 100
    middle = farthest[(len(farthest) - 1) // 2]
    wanted = max(LEAST_REACH, *(100 * each for each in farthest if each <= FAR * middle))
    power = 10.0 ** math.floor(math.log10(wanted))
    return min(1.0, next(step * power for step in STEPS if step * power >= wanted) / 100)


def axis_place(value: float, limit: float) -> float:
    """Position on an axis from -limit to limit as a share of its length, held to its ends."""
    return (min(limit, max(-limit, value)) / limit + 1) / 2
