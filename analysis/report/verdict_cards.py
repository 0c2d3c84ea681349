"""The verdict cards at the top of the report: an arm's method, verdicts and training facts."""

from dataclasses import dataclass

import pandas as pd

from analysis.figures import style
from analysis.report.facts import method_in_words
from analysis.results.folder import Results
from analysis.tables.cells import Table, is_finite_number
from analysis.tables.diagnostics import diagnose, measured_mean
from analysis.tables.scores import UNDECIDED

SIGNS = {"better": "▲", "worse": "▼", UNDECIDED: "≈"}


@dataclass(frozen=True)
class VerdictLine:
    """One comparison with the reference, in words."""

    kind: str  # better, worse, UNDECIDED, or no verdict
    sign: str  # that the page shows before the sentence
    sentence: str


@dataclass(frozen=True)
class ArmCard:
    """What the report says about one arm."""

    arm: str
    color: str  # of the arm in every figure
    method: str  # name and settings
    reference: bool
    verdicts: list[VerdictLine]
    facts: list[str]


def arm_cards(results: Results, comparisons: Table | None) -> list[ArmCard]:
    """A card per arm: the reference first, then the others in the order of the spec."""
    styles, diagnosed = style.arm_styles(results), diagnose(results)
    order = sorted(results.arms, key=lambda arm: arm != results.reference)
    return [
        ArmCard(
            arm,
            styles[arm].color,
            method_in_words(results, arm),
            arm == results.reference,
            verdict_lines(comparisons.frame, arm) if comparisons else [],
            training_facts(diagnosed.query("arm == @arm")),
        )
        for arm in order
    ]


def verdict_lines(frame: pd.DataFrame, arm: str) -> list[VerdictLine]:
    """A line for each row of the comparisons table that is about this arm."""
    if frame.empty:
        return []
    own = frame.query("arm == @arm").astype(object).fillna("")
    return [
        VerdictLine(
            row["verdict"],
            SIGNS.get(row["verdict"], "?"),
            row["sentence"]
            or f"{row['benchmark']}: no verdict on pass@{row['k']}:"
            f" {row['remarks'] or 'no counts'}.",
        )
        for row in own.to_dict("records")
    ]


def training_facts(rows: pd.DataFrame) -> list[str]:
    """Sentences on an arm from its rows of the diagnostics: its entropy at the start and the end,
    and in how many runs each flag was raised.
    """
    known = rows.dropna(subset=["final_entropy"])
    said = []
    if len(known):
        start, end, target = (
            measured_mean(known[key].to_numpy(float))
            for key in ("initial_entropy", "final_entropy", "target")
        )
        aim = f", target {target:.3f}" if is_finite_number(target) else ""
        said.append(f"Entropy {start:.3f} → {end:.3f} nats{aim}.")
    flags = rows["flags"].str.split("; ").explode()
    for flag, count in flags[flags != ""].value_counts(sort=False).items():
        said.append(f"{str(flag).capitalize()} in {count} of {len(rows)} runs.")
    return said
