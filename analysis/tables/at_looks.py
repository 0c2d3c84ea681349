"""Verdicts of a study that stops its arms at looks: as the looks wrote them, and not anew.

The last file of looks/ has a row per comparison, with the numbers of the look that decided it, or
of the last one that tested it (analysis/look/decide.py). So no table, sentence or figure can say
another verdict than the one that ended an arm.
"""

from typing import Any

import pandas as pd

from analysis.inference.looks import family_level
from analysis.inference.statistics import ALPHA
from analysis.results.folder import Results, as_number
from eval.looks.record import LOOK_NUMBERS, VERDICTS_THAT_STAY
from eval.looks.settings import DEFAULT_SPENDING, Spending

NOT_JUDGED = "no verdict"
RECORDED_COUNTS = ("seeds", "reference_seeds", "look")
PAIR = ("benchmark", "k", "arm")


def spending_of(results: Results) -> Spending:
    """How the looks share the 5 %."""
    return (results.spec.get("looks") or {}).get("spending", DEFAULT_SPENDING)


def recorded_rows(results: Results) -> dict[tuple[str, int, str], dict[str, Any]]:
    """(benchmark, k, arm) → the row that the last look has of this comparison."""
    found = results.reached[-1]["comparisons"] if results.reached else []
    return {(row["benchmark"], row["k"], row["arm"]): row for row in found}


def recorded_frame(results: Results, pairs: list[tuple[str, int, str]]) -> pd.DataFrame:
    """The comparisons table. `pairs`: (benchmark, k, arm) in the table's order."""
    rows = recorded_rows(results)
    still_open = results.reached[-1]["open"] if results.reached else []
    return pd.DataFrame(
        [recorded_row(results, pair, rows.get(pair, {}), still_open) for pair in pairs]
    )


def recorded_row(
    results: Results, pair: tuple[str, int, str], row: dict[str, Any], still_open: list[str]
) -> dict[str, Any]:
    """One comparison. `row`: as its look wrote it, empty before the first look."""
    remarks = [str(row.get("remarks") or ""), at_its_look(results, pair, row, still_open)]
    return {
        **dict(zip(PAIR, pair, strict=True)),
        "reference": results.reference,
        **{name: as_number(row.get(name)) for name in (*LOOK_NUMBERS, "correlation")},
        **{name: row.get(name, float("nan")) for name in RECORDED_COUNTS},
        "covers": row.get("covers", ""),
        "verdict": row.get("verdict", NOT_JUDGED),
        "sentence": row.get("sentence", ""),
        "remarks": "; ".join(filter(None, remarks)),
    }


def at_its_look(
    results: Results, pair: tuple[str, int, str], row: dict[str, Any], still_open: list[str]
) -> str:
    """After how many seeds the comparison stands, and whether it may change."""
    _, k, arm = pair
    at = row.get("look")
    if at is None and results.reached:
        return f"pass@{k}: not compared at any look"
    if at is None:
        return f"pass@{k}: the first look, after {results.looks[0]} seeds, has not been made"
    if row.get("verdict") in VERDICTS_THAT_STAY:
        return f"pass@{k}: decided after {at} seeds"
    if arm in still_open:
        return f"pass@{k}: undecided after {at} seeds, tested again at the next look"
    return f"pass@{k}: no verdict after {at} seeds, the arm's last"


def levels_of(results: Results, arms: list[str]) -> float | list[float]:
    """Levels for comparisons that did not stop an arm, one per arm of a family: those of the looks
    at which the arms stopped. With the seeds of that look on both sides, or one given policy on
    the other, such a test has at most the false alarms that all looks share. ALPHA without looks.
    """
    if not results.looks:
        return ALPHA
    return [
        family_level(results.looks, len(results.seeds_of(arm)), len(arms), spending_of(results))
        for arm in arms
    ]
