"""The tables of a battery.

scorecard   a row per arm, a column per probe: difference, interval, verdict
cells       a row per probe and arm, with p, seeds and remarks
"""

from typing import Any

import pandas as pd

from analysis.battery.folder import BatteryResults
from analysis.battery.scores import SCORE_UNITS, ScoreCell
from analysis.tables.cells import (
    DASH,
    Column,
    Table,
    decimals,
    fixed_decimals,
    is_finite_number,
    p_value,
    text_or_dash,
)
from analysis.tables.layouts import text_column

VERDICT_SIGNS = {"better": "▲", "worse": "▼"}
SCALE = {"accuracy": 100, "holding": 1}  # a share of 1 is shown in points
SCORE_FIELDS = ("value", "difference", "low", "high", "p")


def scorecard_table(battery: BatteryResults) -> Table:
    by_arm: dict[str, dict[str, Any]] = {arm: {"arm": arm} for arm in battery.arms}
    for cell in battery.cells:
        by_arm[cell.arm] |= {
            cell.probe: cell_in_words(cell, battery.reference),
            **{f"{cell.probe}_{name}": getattr(cell, name) for name in SCORE_FIELDS},
            f"{cell.probe}_verdict": cell.verdict,
            f"{cell.probe}_better": cell.verdict == "better",
        }
    columns = [
        Column(probe.name, probe.name, text_or_dash, best=f"{probe.name}_better", numeric=False)
        for probe in battery.probes
    ]
    return Table(
        "scorecard",
        "Every arm on every probe",
        pd.DataFrame([*by_arm.values()]),
        (text_column("arm", "arm"), *columns),
        scorecard_notes(battery),
    )


def cell_in_words(cell: ScoreCell, reference: str) -> str:
    """A cell in words: the reference shows its own value, other arms the difference from it."""
    if cell.arm == reference:
        return in_units(cell, cell.value)
    if not is_finite_number(cell.difference):
        return DASH
    ends = f"[{in_units(cell, cell.low, '+')}, {in_units(cell, cell.high, '+')}]"
    mark = VERDICT_SIGNS.get(cell.verdict, "")
    return f"{in_units(cell, cell.difference, '+')} {ends} {mark}".strip()


def in_units(cell: ScoreCell, value: float, sign: str = "") -> str:
    shown = fixed_decimals(SCALE[cell.score] * value, 1)
    return f"{sign}{shown}" if shown[0].isdigit() and value > 0 else shown


def scorecard_notes(battery: BatteryResults) -> tuple[str, ...]:
    kinds = {score: [p.name for p in battery.probes if p.score == score] for score in SCORE_UNITS}
    meaning = {
        "accuracy": f"difference in pass@1 from {battery.reference}, in points",
        "holding": "how much nearer to its initial value the entropy ends than that of"
        f" {battery.reference}, in doublings; {battery.reference} shows its own distance",
    }
    said = [f"{', '.join(names)}: {meaning[score]}." for score, names in kinds.items() if names]
    said += [
        "Intervals and verdicts are at 95 %, Holm's over the arms of a column; ▲ better, ▼ worse.",
        *(
            f"{probe.name} is a negative control: an arm that is better there is a false alarm."
            for probe in battery.probes
            if probe.control
        ),
        *(f"{probe.name}: {probe.missing}." for probe in battery.probes if probe.missing),
    ]
    return tuple(said)


CELL_COLUMNS = (
    text_column("probe", "probe"),
    text_column("arm", "arm"),
    text_column("score", "unit"),
    Column("seeds", "seeds", decimals(0)),
    Column("own", "shown_value", decimals(1)),
    Column("against the reference", "shown_difference", decimals(1), "shown_low", "shown_high"),
    Column("p", "p", p_value),
    text_column("verdict", "verdict"),
    text_column("remarks", "remarks"),
)


def cells_table(battery: BatteryResults) -> Table:
    rows = [cell_row(cell, battery.reference) for cell in battery.cells]
    return Table("cells", "Every score", pd.DataFrame(rows), CELL_COLUMNS, (), "probe")


def cell_row(cell: ScoreCell, reference: str) -> dict[str, Any]:
    shown = {
        f"shown_{name}": SCALE[cell.score] * getattr(cell, name)
        for name in ("value", "difference", "low", "high")
    }
    verdict = "reference" if cell.arm == reference else cell.verdict
    return {**vars(cell), **shown, "unit": SCORE_UNITS[cell.score], "verdict": verdict}
