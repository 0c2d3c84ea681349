"""The commands of a sweep. The Snakefile calls them; the study's folder holds all that they share.

    python -m experiments.sweep prepare results/arithmetic/sweep/target_ratio --study target_ratio
    python -m experiments.sweep work    results/arithmetic/sweep/target_ratio --worker 0
    python -m experiments.sweep gather  results/arithmetic/sweep/target_ratio

prepare: the resolved study and its validation questions. work: takes trials until none is left; any
number of workers may do so side by side. gather: trials.csv, importance.csv, and each search's best
trial as an arm (best.yaml).
"""

import argparse
import json
import os
import signal
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.trial import FrozenTrial, TrialState

from eval.files.csv_text import csv_text
from eval.files.errors import BadInput, exit_with_message
from eval.files.jsonl import Row
from eval.files.marks import CHECKSUMS, write_mark
from eval.questions.contamination import examine
from eval.questions.problems import Problem, read_problems, write_problems, write_text
from experiments.spec.schema import Experiment
from experiments.sweep.hashes import ground_hash, search_hash
from experiments.sweep.journal import Journal, Taken, ended
from experiments.sweep.sweep_file import Study, load_study, stored_study, trial_experiment
from experiments.sweep.trial import Desk, Failed, Outcome, run_trial
from experiments.tasks.problem_files import benchmark_problems
from experiments.workflow.claim import holder
from experiments.workflow.launcher import ONE
from experiments.workflow.layout import Graph

OUTCOME = ("initial_entropy", "length", "truncated", "tokens_generated", "seconds")
IN_A_ROW = 3  # failed trials after which a worker gives up
STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


def prepare(folder: Path, source: str) -> None:
    """Writes study.yaml, and the validation questions that are neither trained on nor tested on."""
    study, experiment = load_study(source)
    problems = folder.parents[1] / "problems"
    others = {
        name: read_problems(problems / f"{name}.jsonl")
        for name in ("train", *experiment.evaluation.benchmarks)
    }
    for name, benchmark in study.validation.items():
        all_of_it = benchmark.model_copy(update={"limit": None})
        found = examine(name, benchmark_problems(name, all_of_it, experiment), others, "drop")
        write_problems(
            folder / "problems" / f"{name}.jsonl",
            [Problem(**row) for row in found.rows][: benchmark.limit],
        )
    text = yaml.safe_dump(
        study.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110
    )
    write_text(folder / "study.yaml", text)
    questions = [folder / "problems" / f"{name}.jsonl" for name in study.validation]
    write_mark(folder / f"study.{CHECKSUMS}", [folder / "study.yaml", *questions])


def work(folder: Path, worker: str, threads: int, launcher: str) -> None:
    """Takes and runs trials until none is left.

    Raises:
        BadInput: so many trials in a row failed that the fault is hardly theirs.
    """
    desk = desk_of(folder, threads, launcher)
    journal = journal_of(desk)
    failures: list[str] = []
    with journal.signed_on(worker):
        journal.renew(holder(desk.inputs))
        while taken := journal.take(worker):
            print(
                f"{taken.search} trial {taken.trial.number}: {json.dumps(taken.values)}", flush=True
            )
            try:
                print(f"  {tell(taken, run(desk, taken))}", flush=True)
                failures.clear()
            except (Failed, BadInput) as error:
                journal.fail(taken, str(error))
                failures.append(str(error))
                print(f"  failed: {error}", flush=True)
            show(desk, taken)
            if len(failures) == IN_A_ROW:
                raise BadInput(
                    f"{IN_A_ROW} trials in a row failed: {failures[-1]}: mend the cause and start"
                    " again"
                )


def run(desk: Desk, taken: Taken) -> Outcome:
    """Runs a trial, and writes in the journal what it showed."""
    outcome = run_trial(desk, taken.search, taken.values, taken.trial)
    for key, value in outcome.row().items():
        taken.trial.set_user_attr(key, value)
    return outcome


def tell(taken: Taken, outcome: Outcome) -> str:
    """Ends a trial; how it went in words."""
    score = outcome.mean("score")
    if outcome.stopped:
        taken.study.tell(taken.trial, state=TrialState.PRUNED)
        return outcome.stopped
    taken.study.tell(taken.trial, score)
    return f"score {score:.4f}"


def show(desk: Desk, taken: Taken) -> None:
    """Leaves the trial's row beside its runs, for those who watch before the table is there."""
    trial = taken.study.trials[taken.trial.number]
    if run := trial.user_attrs.get("run"):
        row = trial_row(desk.study, taken.search, trial, False)
        write_text(
            desk.folder / run / f"outcome-{trial.number}.json", json.dumps(row, indent=2) + "\n"
        )


def desk_of(folder: Path, threads: int = 1, launcher: str = ONE) -> Desk:
    study, experiment = stored_study(folder)
    ground = ground_hash(study, Graph(experiment, folder.parents[2]))
    return Desk(study, experiment, folder, ground, threads, launcher)


def journal_of(desk: Desk) -> Journal:
    names = {
        search: f"{search}-{search_hash(desk.study, desk.experiment, search, desk.ground)}"
        for search in desk.study.searches
    }
    return Journal(desk.folder, desk.study, names)


def gather(folder: Path) -> None:
    """Writes what the journal holds as tables, and the best arm of each search.

    Raises:
        BadInput: a search has too few trials, or none that is complete.
    """
    desk = desk_of(folder)
    study, journal = desk.study, journal_of(desk)
    rows, importance = [], []
    for search in study.searches:
        found = journal.open(search)
        best = best_of(found)
        rows += [trial_row(study, search, trial, trial.number == best) for trial in ended(found)]
        importance += [{"search": search, **row} for row in importances(found, study, search)]
        if best is None:
            (folder / search / "best.yaml").unlink(missing_ok=True)
        else:
            write_text(
                folder / search / "best.yaml",
                best_arm(study, desk.experiment, search, found.trials[best]),
            )
    write_text(folder / "trials.csv", table(rows))
    write_text(folder / "importance.csv", table(importance))
    refuse_unfinished(folder, study, rows)
    made = [folder / "trials.csv", folder / "importance.csv", *folder.glob("*/best.yaml")]
    write_mark(folder / f"trials.{CHECKSUMS}", made)


def refuse_unfinished(folder: Path, study: Study, rows: Sequence[Row]) -> None:
    """Says how each search ended. Where one has no result the workers' marks go, so that the next
    start makes trials.
    """
    lacking = []
    for search in study.searches:
        found = [row for row in rows if row["search"] == search]
        failed = [row for row in found if row["state"] == "failed"]
        told = f"{search}: {len(found)} trials of {study.trials}, {len(failed)} of them failed"
        told += f" ({failed[-1]['remarks']})" if failed else ""
        print(
            f"{told}. To try these again: snakemake sweep --forcerun sweep_work"
            if failed
            else told,
            flush=True,
        )
        if len(found) < study.trials or not any(row["chosen"] for row in found):
            lacking.append(told)
    if lacking:
        for done in folder.glob("workers/*.done"):
            done.unlink()
        raise BadInput(
            f"{folder}: {'; '.join(lacking)}: each search needs all its trials, and one that is"
            " complete. Mend the cause and"
            " start the sweep again; where workers died, delete its journal.log before: what was"
            " trained is kept"
        )


def table(rows: Sequence[Row]) -> str:
    """CSV of rows that have the same keys."""
    return csv_text([list(rows[0]), *(list(row.values()) for row in rows)]) if rows else ""


def best_of(found: optuna.Study) -> int | None:
    """Number of the complete trial with the highest score, the first of equals."""
    complete = found.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return (
        max(complete, key=lambda trial: (trial.value, -trial.number)).number if complete else None
    )


def trial_row(study: Study, search: str, trial: FrozenTrial, chosen: bool) -> Row:
    """A line of trials.csv; docs/sweeps.md says what the columns are."""
    about: dict[str, Any] = trial.user_attrs
    paths = dict.fromkeys(path for each in study.searches.values() for path in each.settings)
    per_seed = [f"{key}_seed_{seed}" for key in ("score", "final_entropy") for seed in study.seeds]
    row: Row = {
        "search": search,
        "trial": trial.number,
        "state": STATES[trial.state],
        "origin": about["origin"],
    }
    row |= {"chosen": chosen} | {path: trial.params.get(path, "") for path in paths}
    row |= {
        key: about.get(key)
        for key in ("score", "final_entropy", *per_seed, *OUTCOME, "worker", "retry_of", "run")
    }
    row["remarks"] = about.get(
        "remarks", "its worker died" if trial.state == TrialState.FAIL else ""
    )
    return {key: "" if value is None else value for key, value in row.items()}


def importances(found: optuna.Study, study: Study, search: str) -> list[Row]:
    """PED-ANOVA's importance of each setting; empty where there are too few trials to tell."""
    paths = list(study.searches[search].settings)
    shares: dict[str, float] = {}
    if len(found.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) > 1:
        with warnings.catch_warnings(action="ignore"):
            shares = optuna.importance.get_param_importances(found)
    return [{"setting": path, "importance": shares.get(path, "")} for path in paths]


def best_arm(study: Study, experiment: Experiment, search: str, trial: FrozenTrial) -> str:
    """An arm as an experiment can read it, under a line that says where it comes from."""
    arm = (
        trial_experiment(study, experiment, search, trial.params)
        .arms[search]
        .model_dump(mode="json")
    )
    shown = json.dumps(trial.params)
    head = (
        f"# {search} of the sweep {study.name}: trial {trial.number}, {shown}, the best of"
        f" {study.trials} by\n"
        f"# {study.objective.measure} on {study.objective.benchmark} ({trial.value:.4f}, seeds"
        f" {list(study.seeds)}). As an arm:"
        " tuned: {from: this file}\n"
    )
    return head + yaml.safe_dump(arm, sort_keys=False, allow_unicode=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("action", choices=("prepare", "work", "gather"))
    parser.add_argument("folder", type=Path, help="results/<experiment>/sweep/<study>")
    parser.add_argument("--study", help="prepare: name of a study or its YAML file")
    parser.add_argument("--worker", default="0", help="work: a name of its own for each worker")
    parser.add_argument("--threads", type=int, default=1, help="work: of each job")
    parser.add_argument(
        "--launcher", default=ONE, help="work: what starts a training run (launcher.py)"
    )
    arguments = parser.parse_args()
    with exit_with_message():
        match arguments.action:
            case "prepare":
                prepare(arguments.folder, arguments.study)
            case "work":
                signal.signal(signal.SIGTERM, leave)
                work(arguments.folder, arguments.worker, arguments.threads, arguments.launcher)
            case "gather":
                gather(arguments.folder)


def leave(*_: object) -> None:
    """At SIGTERM: ends this worker, and first what it waits for (sweep_trial.attended)."""
    raise SystemExit(os.EX_TEMPFAIL)
