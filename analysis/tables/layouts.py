"""The tables of an experiment: which there are, and how the columns of each are shown.

    main         benchmark × arm: pass@1, pass@k, maj@k, length, truncation, final entropy
    comparisons  every arm against the reference, with a verdict
    training     every arm against the base policy that it started from, with a verdict
    reach        how rare a behaviour of the base policy every arm finds
    curves       score over training: its mean, completions to reach a score, the ceiling
    precision    what each interval comes from: seeds, questions, samples, and what more would buy
    budget       what each arm spent: equal, or flagged
    diagnostics  what each run did, with flags

Each is one frame (scores.py, training.py, reach.py, curves.py, precision.py, budget.py,
diagnostics.py) and the literal description below of how it is shown.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.results.folder import Results, first_line, is_within
from analysis.tables import footnotes, scores
from analysis.tables.budget import budget_frame
from analysis.tables.cells import (
    DASH,
    Column,
    Table,
    decimals,
    p_value,
    per_mille,
    percent,
    points,
    significant,
    text_or_dash,
)
from analysis.tables.curves import curve_notes, curves_frame
from analysis.tables.diagnostics import diagnose
from analysis.tables.precision import precision_frame
from analysis.tables.reach import reach_frame, reach_notes
from analysis.tables.render import from_csv
from analysis.tables.training import training_frame
from eval.files.errors import BadInput


@dataclass(frozen=True)
class Layout:
    """How a frame becomes a table."""

    frame: Callable[[Results], pd.DataFrame]
    caption: str
    columns: tuple[Column, ...]
    notes: Callable[[Results], tuple[str, ...]]
    group: str


def text_column(title: str, value: str) -> Column:
    return Column(title, value, text_or_dash, numeric=False)


def score_column(title: str, value: str) -> Column:
    low, high, best, tied = (f"{value}_{end}" for end in ("low", "high", "best", "tied"))
    return Column(title, value, points, low, high, best, tied)


def signed(value: Any) -> str:
    shown = points(value)
    return f"+{shown}" if shown[0].isdigit() and float(shown.replace(",", "")) > 0 else shown


MAIN_COLUMNS = (
    text_column("benchmark", "benchmark"),
    text_column("arm", "arm"),
    score_column("pass@1", "pass_at_1"),
    score_column("pass@k", "pass_at_k"),
    Column("k", "k", decimals(0)),
    Column("maj@k", "maj_at_k", points),
    Column("tokens", "length", decimals(1)),
    Column("truncated %", "truncated", points),
    Column("final entropy", "final_entropy", decimals(3)),
    Column("seeds", "seeds", decimals(0)),
)
COMPARISON_COLUMNS = (
    text_column("benchmark", "benchmark"),
    Column("k", "k", decimals(0)),
    text_column("arm", "arm"),
    Column("difference", "difference", signed, "low_holm", "high_holm"),
    Column("p", "p_holm", p_value),
    Column("P(better)", "probability_of_improvement", decimals(2)),
    Column("smallest visible", "minimal_difference", points),
    text_column("verdict", "verdict"),
)
PRECISION_COLUMNS = (
    text_column("benchmark", "benchmark"),
    text_column("arm", "arm"),
    Column("±", "half_width", points),
    Column("seeds %", "of_seeds", percent),
    Column("questions %", "of_questions", percent),
    Column("interaction %", "of_interaction", percent),
    Column("sampling %", "of_sampling", percent),
    Column("± with one more seed", "one_more_seed", points),
    Column("± with 100 more questions", "more_questions", points),
    Column("± with twice the samples", "twice_the_samples", points),
    Column("seeds to see 5 points", "seeds_needed", decimals(0)),
    Column("enough samples", "enough_samples", decimals(0)),
)
TRAINING_COLUMNS = (
    text_column("benchmark", "benchmark"),
    Column("k", "k", decimals(0)),
    text_column("arm", "arm"),
    Column("since the base policy", "difference", signed, "low_holm", "high_holm"),
    Column("p", "p_holm", p_value),
    text_column("verdict", "verdict"),
    Column("flips between seeds %", "flips_between_seeds", percent),
    Column("flips since base %", "flips_from_base", percent),
)
REACH_COLUMNS = (
    text_column("benchmark", "benchmark"),
    text_column("arm", "arm"),
    text_column("reach", "reach"),
    Column("seeds", "seeds", decimals(0)),
)
CURVE_COLUMNS = (
    text_column("benchmark", "benchmark"),
    Column("k", "k", decimals(0)),
    text_column("arm", "arm"),
    Column("mean of the curve", "mean", points, "mean_low", "mean_high"),
    Column("difference", "difference", signed, "low_holm", "high_holm"),
    Column("p", "p_holm", p_value),
    text_column("verdict", "verdict"),
    Column("target", "target", points),
    text_column("completions to reach it", "to_reach"),
    Column("ceiling", "ceiling", points, "ceiling_low", "ceiling_high"),
    Column("seeds", "seeds", decimals(0)),
)
BUDGET_COLUMNS = (
    text_column("arm", "arm"),
    Column("seeds", "seeds", decimals(0)),
    Column("rollouts", "rollouts", decimals(0)),
    Column("updates", "updates", decimals(0)),
    Column("updates per rollout", "updates_per_rollout", decimals(0)),
    Column("tokens", "tokens", decimals(0), "tokens_low", "tokens_high"),
    Column("against reference", "tokens_ratio", decimals(2)),
    Column("seconds", "seconds", decimals(0), "seconds_low", "seconds_high"),
    text_column("budget", "budget"),
)
DIAGNOSTICS_COLUMNS = (
    text_column("arm", "arm"),
    Column("seed", "seed", decimals(0)),
    text_column("flags", "flags"),
    Column("exploded at", "exploded_at", decimals(0)),
    Column("initial entropy", "initial_entropy", decimals(3)),
    Column("target", "target", decimals(3)),
    Column("final entropy", "final_entropy", decimals(3)),
    Column("tracking error %", "tracking_error", points),
    Column("overshoot %", "overshoot", signed),
    Column("near target %", "near_target", points),
    Column("coefficient", "coefficient", significant),
    Column("alpha min", "alpha_low", significant),
    Column("alpha max", "alpha_high", significant),
    Column("clipped below ‰", "clip_low", per_mille),
    Column("clipped above ‰", "clip_high", per_mille),
    Column("gradient share %", "gradient_share", points),
    Column("groups all right %", "groups_all_right", points),
    Column("groups all wrong %", "groups_all_wrong", points),
)


LAYOUTS = {
    "main": Layout(
        scores.main_frame,
        "Results per benchmark and arm",
        MAIN_COLUMNS,
        footnotes.main_notes,
        "benchmark",
    ),
    "comparisons": Layout(
        scores.comparisons_frame,
        "Every arm against the reference",
        COMPARISON_COLUMNS,
        footnotes.comparison_notes,
        "benchmark",
    ),
    "training": Layout(
        training_frame,
        "Did training change anything?",
        TRAINING_COLUMNS,
        footnotes.training_notes,
        "benchmark",
    ),
    "reach": Layout(
        reach_frame,
        "How rare a skill every arm finds",
        REACH_COLUMNS,
        reach_notes,
        "benchmark",
    ),
    "curves": Layout(curves_frame, "Score over training", CURVE_COLUMNS, curve_notes, "benchmark"),
    "precision": Layout(
        precision_frame,
        "Where the intervals come from, and what would narrow them",
        PRECISION_COLUMNS,
        footnotes.precision_notes,
        "benchmark",
    ),
    "budget": Layout(
        budget_frame, "What each arm spent", BUDGET_COLUMNS, footnotes.budget_notes, ""
    ),
    "diagnostics": Layout(
        diagnose, "What each run did", DIAGNOSTICS_COLUMNS, footnotes.diagnostics_notes, "arm"
    ),
}


def build_table(name: str, results: Results) -> Table:
    """Computes a table."""
    return lay_out(name, LAYOUTS[name].frame(results), results)


def stored_table(name: str, results: Results) -> Table | None:
    """Reads a table from the CSV that `python -m analysis.tables` wrote; None if there is none."""
    path = results.folder / "tables" / f"{name}.csv"
    if not path.is_file() or not is_within(path, results.folder):
        return None
    words = [column.value for column in LAYOUTS[name].columns if not column.numeric]
    try:
        frame = from_csv(path.read_text(encoding="utf-8"), words)
    except (OSError, ValueError) as error:  # pandas' ParserError is one
        raise BadInput(
            f"tables/{name}.csv cannot be read ({first_line(error)}): make the tables again"
        ) from None
    return lay_out(name, frame, results)


def lay_out(name: str, frame: pd.DataFrame, results: Results) -> Table:
    layout = LAYOUTS[name]
    absent = [column.value for column in layout.columns if column.value not in frame]
    if absent and len(frame):
        raise BadInput(
            f"tables/{name}.csv lacks the columns {', '.join(absent)}: delete it and make the"
            " tables again"
        )
    if absent:  # no rows, as of runs without an evaluation: the CSV gets its header all the same
        frame = frame.reindex(columns=[*frame.columns, *absent])
    said = [
        f"{where(row)}: {row['remarks']}."
        for row in frame.to_dict("records")
        if text_or_dash(row.get("remarks")) != DASH
    ]
    notes = (*layout.notes(results), *said, *footnotes.missing_notes(results))
    return Table(name, layout.caption, frame, layout.columns, notes, layout.group)


def where(row: dict[str, Any]) -> str:
    return ", ".join(str(row[key]) for key in ("benchmark", "arm") if key in row)
