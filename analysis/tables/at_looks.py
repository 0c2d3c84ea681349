"""Verdicts of a study that stops its arms at looks: as the looks wrote them, and not anew.

The last file of looks/ has a row per comparison, with the numbers of the look that decided it, or
of the last one that tested it (analysis/look/decide.py). So no table, sentence or figure can say
another verdict than the one that ended an arm.
"""

from typing import Any

import pandas as pd

from analysis.inference.looks import Spending, family_level
from analysis.inference.statistics import ALPHA, UNDECIDED
from analysis.results.folder import Results, as_number

VERDICTS_THAT_STAY = ("better", "worse")
NOT_JUDGED = "no verdict"
RECORDED_NUMBERS = (
    *("difference", "low", "high", "p", "probability_of_improvement", "minimal_difference"),
    *("seeds", "reference_seeds", "correlation", "p_holm", "low_holm", "high_holm", "look"),
)
RECORDED_COUNTS = ("seeds", "reference_seeds", "look")


def spending_of(results: Results) -> Spending:
    """How the looks share the 5 %."""
    return (results.spec.get("looks") or {}).get("spending", "pocock")


def recorded_frame(results: Results, pairs: list[tuple[str, int, str]]) -> pd.DataFrame:
    """The comparisons table. `pairs`: (benchmark, k, arm) in the table's order."""
    last = results.reached[-1] if results.reached else {}
    found = last.get("comparisons")
    rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    by_pair = {tuple(map(str, (row.get(key) for key in PAIR))): row for row in rows}
    return pd.DataFrame(
        [
            recorded_row(results, pair, by_pair.get(tuple(map(str, pair)), {}), last.get("open"))
            for pair in pairs
        ]
    )


PAIR = ("benchmark", "k", "arm")


def recorded_row(
    results: Results, pair: tuple[str, int, str], row: dict[str, Any], still_open: Any
) -> dict[str, Any]:
    """One comparison. `row`: as its look wrote it, empty before the first look."""
    known = (*VERDICTS_THAT_STAY, UNDECIDED)
    verdict = row["verdict"] if row.get("verdict") in known else NOT_JUDGED
    remarks = [str(row.get("remarks") or ""), at_its_look(results, pair, row, still_open or [])]
    return {
        **dict(zip(PAIR, pair, strict=True)),
        "reference": results.reference,
        **{name: as_number(row.get(name)) for name in RECORDED_NUMBERS},
        **{name: row[name] for name in RECORDED_COUNTS if isinstance(row.get(name), int)},
        "covers": str(row.get("covers") or ""),
        "verdict": verdict,
        "sentence": str(row.get("sentence") or ""),
        "remarks": "; ".join(filter(None, remarks)),
    }


def at_its_look(
    results: Results, pair: tuple[str, int, str], row: dict[str, Any], still_open: list[str]
) -> str:
    """After how many seeds the comparison stands, and whether it may change."""
    _, k, arm = pair
    at = row.get("look")
    if at is None:
        return f"pass@{k}: the first look, after {results.looks[0]} seeds, has not been made"
    if row.get("verdict") in VERDICTS_THAT_STAY:
        return f"pass@{k}: decided after {at} seeds"
    if arm in still_open:
        return f"pass@{k}: open after {at} seeds, looked at again after the next"
    return f"pass@{k}: no verdict after {at} seeds, the arm's last"


def levels_of(results: Results, arms: list[str]) -> float | list[float]:
    """Levels for comparisons that did not stop an arm, one per arm of a family: those of the looks
    at which the arms stopped. A test at the last of several looks has at most the false alarms that
    all of them share. ALPHA without looks.
    """
    if not results.looks:
        return ALPHA
    return [
        family_level(results.looks, len(results.seeds_of(arm)), len(arms), spending_of(results))
        for arm in arms
    ]
