"""python -m analysis.tables results/<experiment>: writes tables/<name>.{csv,md,tex,html}.

    main         benchmark × arm: pass@1, pass@k, maj@k, length, truncation, final entropy
    comparisons  every arm against the reference, with a verdict
    budget       what each arm spent: equal, or flagged
    diagnostics  what each run did, with flags

Each is one frame (scores, budget, diagnostics) and the literal description below of how it is
shown.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.results.folder import Results, first_line, is_within, load, own
from analysis.tables import footnotes, scores
from analysis.tables.budget import budget_frame
from analysis.tables.cells import (
    DASH,
    Column,
    Table,
    decimals,
    p_value,
    per_mille,
    points,
    significant,
    text,
)
from analysis.tables.diagnostics import diagnose
from analysis.tables.render import from_csv, write
from eval.files.errors import BadInput, exit_with_message
from eval.files.evidence import analysis_made_from
from eval.files.marks import mark_folder


@dataclass(frozen=True)
class Layout:
    """How a frame becomes a table."""

    frame: Callable[[Results], pd.DataFrame]
    caption: str
    columns: tuple[Column, ...]
    notes: Callable[[Results], tuple[str, ...]]
    group: str


def word(title: str, value: str) -> Column:
    return Column(title, value, text, numeric=False)


def score(title: str, value: str) -> Column:
    low, high, best, tied = (f"{value}_{end}" for end in ("low", "high", "best", "tied"))
    return Column(title, value, points, low, high, best, tied)


def signed(value: Any) -> str:
    shown = points(value)
    return f"+{shown}" if shown[0].isdigit() and float(shown.replace(",", "")) > 0 else shown


MAIN = (
    word("benchmark", "benchmark"),
    word("arm", "arm"),
    score("pass@1", "pass_at_1"),
    score("pass@k", "pass_at_k"),
    Column("k", "k", decimals(0)),
    Column("maj@k", "maj_at_k", points),
    Column("tokens", "length", decimals(1)),
    Column("truncated %", "truncated", points),
    Column("final entropy", "final_entropy", decimals(3)),
    Column("seeds", "seeds", decimals(0)),
)
COMPARISONS = (
    word("benchmark", "benchmark"),
    Column("k", "k", decimals(0)),
    word("arm", "arm"),
    Column("difference", "difference", signed, "low", "high"),
    Column("p", "p", p_value),
    Column("p (Holm)", "p_holm", p_value),
    Column("P(better)", "probability_of_improvement", decimals(2)),
    Column("smallest visible", "minimal_difference", points),
    word("verdict", "verdict"),
)
BUDGET = (
    word("arm", "arm"),
    Column("seeds", "seeds", decimals(0)),
    Column("rollouts", "rollouts", decimals(0)),
    Column("updates", "updates", decimals(0)),
    Column("updates per rollout", "updates_per_rollout", decimals(0)),
    Column("tokens", "tokens", decimals(0), "tokens_low", "tokens_high"),
    Column("against reference", "tokens_ratio", decimals(2)),
    Column("seconds", "seconds", decimals(0), "seconds_low", "seconds_high"),
    word("budget", "budget"),
)
DIAGNOSTICS = (
    word("arm", "arm"),
    Column("seed", "seed", decimals(0)),
    word("flags", "flags"),
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
        scores.main_frame, "Results per benchmark and arm", MAIN, footnotes.main, "benchmark"
    ),
    "comparisons": Layout(
        scores.comparisons_frame,
        "Every arm against the reference",
        COMPARISONS,
        footnotes.comparison,
        "benchmark",
    ),
    "budget": Layout(budget_frame, "What each arm spent", BUDGET, footnotes.budget, ""),
    "diagnostics": Layout(diagnose, "What each run did", DIAGNOSTICS, footnotes.diagnostic, "arm"),
}


def build(name: str, results: Results) -> Table:
    """The table, computed."""
    return laid_out(name, LAYOUTS[name].frame(results), results)


def stored(name: str, results: Results) -> Table | None:
    """The table from the CSV that an earlier call wrote, None where there is none."""
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
    return laid_out(name, frame, results)


def laid_out(name: str, frame: pd.DataFrame, results: Results) -> Table:
    layout = LAYOUTS[name]
    absent = [column.value for column in layout.columns if column.value not in frame]
    if absent and len(frame):
        raise BadInput(
            f"tables/{name}.csv lacks the columns {', '.join(absent)}: delete it and make the"
            " tables again"
        )
    said = [
        f"{where(row)}: {row['remarks']}."
        for row in frame.to_dict("records")
        if text(row.get("remarks")) != DASH
    ]
    notes = (*layout.notes(results), *said, *footnotes.missing(results))
    return Table(name, layout.caption, frame, layout.columns, notes, layout.group)


def where(row: dict[str, Any]) -> str:
    return ", ".join(str(row[key]) for key in ("benchmark", "arm") if key in row)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m analysis.tables", description=__doc__)
    parser.add_argument("results", type=Path, help="folder of one experiment, results/<experiment>")
    folder = parser.parse_args(argv).results
    with exit_with_message():
        results = load(folder)
        for name in LAYOUTS:
            write(build(name, results), own(folder / "tables", folder))
        mark_folder(folder / "tables", analysis_made_from(folder, "analysis.tables"))
