"""Writes the results of a sweep from its journal: trials.csv, importance.csv, best.yaml files.

docs/sweeps.md describes the columns.
"""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.trial import FrozenTrial, TrialState

from eval.files.csv_text import csv_text
from eval.files.durable import write_text
from eval.files.errors import BadInput
from eval.files.jsonl import Row
from eval.files.marks import CHECKSUMS, write_mark
from experiments.spec.schema import Experiment
from experiments.sweep.journal import ended_trials
from experiments.sweep.setup import study_journal, trial_setup
from experiments.sweep.sweep_file import TuningStudy, trial_experiment

OUTCOME_COLUMNS = ("initial_entropy", "length", "truncated", "tokens_generated", "seconds")
STATE_NAMES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


def gather(folder: Path) -> None:
    """Writes the trials of a sweep as tables, and the best trial of each search as an arm.

    Raises:
        BadInput: a search has too few trials, or none that is complete. The tables are written
            before, with the trials that have ended.
    """
    setup = trial_setup(folder)
    study, journal = setup.study, study_journal(setup)
    rows, importance = [], []
    for search in study.searches:
        found = journal.open(search)
        best = best_trial_number(found)
        rows += [
            trial_csv_row(study, search, trial, chosen=trial.number == best)
            for trial in ended_trials(found)
        ]
        importance += [{"search": search, **row} for row in importances(found, study, search)]
        arm = folder / search / "best.yaml"
        if best is None:
            arm.unlink(missing_ok=True)  # of a sweep with other settings
        else:
            write_text(arm, best_arm(study, setup.experiment, search, found.trials[best]))
    write_text(folder / "trials.csv", csv_table(rows))
    write_text(folder / "importance.csv", csv_table(importance))
    refuse_unfinished(folder, study, rows)
    made = [folder / "trials.csv", folder / "importance.csv", *folder.glob("*/best.yaml")]
    write_mark(folder / f"trials.{CHECKSUMS}", made)


def refuse_unfinished(folder: Path, study: TuningStudy, rows: Sequence[Row]) -> None:
    """Prints how each search ended.

    Raises:
        BadInput: a search has no result. The workers' marks are deleted before, so that the next
            start runs more trials.
    """
    unfinished = []
    for search in study.searches:
        found = [row for row in rows if row["search"] == search]
        failed = [row for row in found if row["state"] == "failed"]
        counts = f"{search}: {len(found)} trials of {study.trials}, {len(failed)} of them failed"
        if failed:
            counts += f" ({failed[-1]['remarks']})"
        hint = ". To try these again: snakemake sweep --forcerun sweep_work" if failed else ""
        print(f"{counts}{hint}", flush=True)
        if len(found) < study.trials or not any(row["chosen"] for row in found):
            unfinished.append(counts)
    if unfinished:
        for done in folder.glob("workers/*.done"):
            done.unlink()
        raise BadInput(
            f"{folder}: {'; '.join(unfinished)}: each search needs all its trials, and at least"
            " one complete trial. Fix the cause and run the sweep again. If workers were killed,"
            " delete journal.log before: trained runs are kept"
        )


def csv_table(rows: Sequence[Row]) -> str:
    """CSV of rows that have the same keys; empty without rows."""
    return csv_text([list(rows[0]), *(list(row.values()) for row in rows)]) if rows else ""


def best_trial_number(found: optuna.Study) -> int | None:
    """Number of the complete trial with the highest score, the first of equals; None without."""
    complete = found.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not complete:
        return None
    return max(complete, key=lambda trial: (trial.value, -trial.number)).number


def trial_csv_row(study: TuningStudy, search: str, trial: FrozenTrial, chosen: bool) -> Row:
    """A line of trials.csv. `chosen`: whether the trial is the best of its search."""
    about: dict[str, Any] = trial.user_attrs
    paths = dict.fromkeys(path for each in study.searches.values() for path in each.settings)
    per_seed = [f"{key}_seed_{seed}" for key in ("score", "final_entropy") for seed in study.seeds]
    results = ("score", "final_entropy", *per_seed, *OUTCOME_COLUMNS, "worker", "retry_of", "run")
    # A worker that fails a trial says why; one that dies cannot.
    died = "its worker died" if trial.state == TrialState.FAIL else ""
    row: Row = {
        "search": search,
        "trial": trial.number,
        "state": STATE_NAMES[trial.state],
        "origin": about["origin"],
        "chosen": chosen,
        **{path: trial.params.get(path, "") for path in paths},
        **{key: about.get(key) for key in results},
        "remarks": about.get("remarks", died),
    }
    return {key: "" if value is None else value for key, value in row.items()}


def importances(found: optuna.Study, study: TuningStudy, search: str) -> list[Row]:
    """PED-ANOVA's importance of each setting, in [0, 1]; empty cells if too few trials ended."""
    shares: dict[str, float] = {}
    if len(found.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) > 1:
        with warnings.catch_warnings(action="ignore"):
            shares = optuna.importance.get_param_importances(found)
    paths = study.searches[search].settings
    return [{"setting": path, "importance": shares.get(path, "")} for path in paths]


def best_arm(study: TuningStudy, experiment: Experiment, search: str, trial: FrozenTrial) -> str:
    """The YAML of an arm with the trial's settings, under a comment that says where it is from."""
    arm = trial_experiment(study, experiment, search, trial.params).arms[search]
    head = (
        f"# {search} of the sweep {study.name}: trial {trial.number}, {json.dumps(trial.params)},"
        f" the best of {study.trials} by\n"
        f"# {study.objective.measure} on {study.objective.benchmark} ({trial.value:.4f}, seeds"
        f" {list(study.seeds)}). As an arm: tuned: {{from: this file}}\n"
    )
    return head + yaml.safe_dump(arm.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
