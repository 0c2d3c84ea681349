"""python -m analysis.tables results/<experiment>: writes tables/<name>.{csv,md,tex,html}.

    main         benchmark × arm: pass@1, pass@k, maj@k, length, truncation, final entropy
    comparisons  every arm against the reference, with a verdict
    budget       what each arm spent: equal, or flagged
    diagnostics  what each run did, with flags

Each is one frame (scores, budget, diagnostics) and the literal description below of how it is shown.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import scores
from analysis.budget import budget_frame
from analysis.diagnostics import COLLAPSED, DIVERGED, EXPLODED, LATE, NEAR, OFF_TARGET, diagnose
from analysis.read import Results, json_object, load, number
from analysis.render import Column, Table, decimals, from_csv, p_value, points, significant, text, write
from eval.errors import BadInput, exit_with_message

SCORE = ("{0}_low", "{0}_high", "{0}_best", "{0}_tied")


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
    return Column(title, value, points, *(name.format(value) for name in SCORE))


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
    Column("initial entropy", "initial_entropy", decimals(3)),
    Column("target", "target", decimals(3)),
    Column("final entropy", "final_entropy", decimals(3)),
    Column("tracking error %", "tracking_error", points),
    Column("overshoot %", "overshoot", signed),
    Column("near target %", "near_target", points),
    Column("coefficient", "coefficient", significant),
    Column("alpha min", "alpha_low", significant),
    Column("alpha max", "alpha_high", significant),
    Column("clipped below %", "clip_low", points),
    Column("clipped above %", "clip_high", points),
    Column("gradient share %", "gradient_share", points),
    Column("groups all right %", "groups_all_right", points),
    Column("groups all wrong %", "groups_all_wrong", points),
    word("flags", "flags"),
)


def main_notes(results: Results) -> tuple[str, ...]:
    return (
        "Points, with 95 % intervals in brackets. Bold: the best arm of the benchmark; †: not distinguishable from it "
        "(paired comparison, Holm within the column of a benchmark). The base policy is not ranked.",
        "tokens: mean length of a completion; final entropy: nats per token on the training prompts, mean over the last "
        "tenth of the rollouts; for the base policy, before the first update.",
        *sampling_notes(results),
        *method_notes(results),
    )


def comparison_notes(results: Results) -> tuple[str, ...]:
    return (
        f"Difference to {results.reference} in points, paired by question and training seed, with 95 % intervals. "
        "p: sign-flip permutation; Holm over all rows. P(better): probability of improvement. Smallest visible: the "
        "difference that this design would detect four times in five.",
        *sampling_notes(results),
        *method_notes(results),
    )


def budget_notes(results: Results) -> tuple[str, ...]:
    return (
        "Per run, with the range over seeds in brackets. Equal: as many rollouts and optimizer updates as "
        f"{results.reference}. Tokens follow from the length of the answers, so they may differ under an equal budget.",
    )


def diagnostic_notes(results: Results) -> tuple[str, ...]:
    return (
        f"Entropy in nats per token. Tracking error: mean |H − H*| / H* over the last {LATE:.0%} of the rollouts; near "
        f"target: share of rollouts within {NEAR:.0%}; overshoot: largest excursion after the target was first reached.",
        f"Flags: collapsed, final entropy below {COLLAPSED:g} × initial (unless a lower target is held); exploded, above "
        f"{EXPLODED:g} ×; diverged, final accuracy below {DIVERGED:g} × initial; off target, tracking error above "
        f"{OFF_TARGET:.0%}; inert, the method never moved the policy; wound up, alpha at its maximum or growing "
        "without effect; unequal budget; missing.",
        *method_notes(results),
    )


def sampling_notes(results: Results) -> tuple[str, ...]:
    evaluation = results.spec.get("evaluation", {})
    samples = {
        name: (asked or {}).get("samples", "?") for name, asked in evaluation.get("benchmarks", {}).items()
    }
    listed = ", ".join(f"{name} n = {n}" for name, n in samples.items())
    settings = {"T": "temperature", "top-p": "top_p", "max tokens": "max_tokens", "template": "template"}
    sampling = ", ".join(f"{name} = {evaluation[key]}" for name, key in settings.items() if key in evaluation)
    verifiers = sorted({f"math-verify {v['math-verify']}" for v in versions(results) if "math-verify" in v})
    seeds = ", ".join(map(str, results.seeds))
    return (
        f"Samples per question: {listed}; {sampling}; training seeds {seeds}; "
        f"{', '.join(verifiers) or 'verifier version not recorded'}; {scores.draws(results):,} bootstrap draws.",
        overlap_note(results),
    )


def versions(results: Results) -> list[dict[str, Any]]:
    return [run.info["versions"] for run in results.runs if isinstance(run.info.get("versions"), dict)]


def overlap_note(results: Results) -> str:
    path = results.folder / "problems" / "contamination.json"
    report, _ = json_object(path)
    if not report:
        return "Overlap of the training set with the benchmarks: not examined."
    hits = [
        f"{name}: {number(counts.get('exact')):.0f} exact, {number(counts.get('near')):.0f} near or exact"
        for name, counts in (report.get("benchmarks") or {}).items()
        if name in results.benchmarks
    ]
    done = {"drop": "dropped from training", "flag": "kept in training"}.get(
        report.get("action"), "see the report"
    )
    return f"Problems that overlap with the training set, {done}: {'; '.join(hits) or 'none listed'}."


def method_notes(results: Results) -> tuple[str, ...]:
    rebuilt = [arm for arm in results.arms if results.method(arm).get("name") == "aer"]
    if not rebuilt:
        return ()
    return (
        f"{', '.join(rebuilt)}: AER is a reconstruction from the method's description, not its authors' code.",
    )


LAYOUTS = {
    "main": Layout(scores.main_frame, "Results per benchmark and arm", MAIN, main_notes, "benchmark"),
    "comparisons": Layout(
        scores.comparisons_frame,
        "Every arm against the reference",
        COMPARISONS,
        comparison_notes,
        "benchmark",
    ),
    "budget": Layout(budget_frame, "What each arm spent", BUDGET, budget_notes, ""),
    "diagnostics": Layout(diagnose, "What each run did", DIAGNOSTICS, diagnostic_notes, "arm"),
}


def build(name: str, results: Results) -> Table:
    """The table, computed."""
    return laid_out(name, LAYOUTS[name].frame(results), results)


def stored(name: str, results: Results) -> Table | None:
    """The table from the CSV that an earlier call wrote, None where there is none."""
    path = results.folder / "tables" / f"{name}.csv"
    if not path.is_file():
        return None
    words = [column.value for column in LAYOUTS[name].columns if not column.numeric]
    return laid_out(name, from_csv(path.read_text(encoding="utf-8"), words), results)


def laid_out(name: str, frame: pd.DataFrame, results: Results) -> Table:
    layout = LAYOUTS[name]
    absent = [column.value for column in layout.columns if column.value not in frame]
    if absent and len(frame):
        raise BadInput(
            f"tables/{name}.csv lacks the columns {', '.join(absent)}: delete it and make the tables again"
        )
    remarks = frame.get("remarks", pd.Series(dtype=str)).dropna()
    said = [f"{where(frame.loc[i])}: {remark}." for i, remark in remarks.items() if remark]
    gone = [f"Missing: {'; '.join(map(str, results.missing))}."] if results.missing else []
    notes = (*layout.notes(results), *said, *gone)
    return Table(name, layout.caption, frame, layout.columns, notes, layout.group)


def where(row: pd.Series) -> str:
    return ", ".join(str(row[key]) for key in ("benchmark", "arm") if key in row)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m analysis.tables", description=__doc__)
    parser.add_argument("results", type=Path, help="folder of one experiment, results/<experiment>")
    folder = parser.parse_args(argv).results
    with exit_with_message():
        results = load(folder)
        for name in LAYOUTS:
            write(build(name, results), folder / "tables")


if __name__ == "__main__":
    main()
