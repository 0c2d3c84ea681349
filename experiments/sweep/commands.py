"""The commands of a sweep. The Snakefile calls them; they share the files in the sweep's folder.

    python -m experiments.sweep prepare results/arithmetic/sweep/target_ratio --study target_ratio
    python -m experiments.sweep work    results/arithmetic/sweep/target_ratio --worker 0
    python -m experiments.sweep gather  results/arithmetic/sweep/target_ratio

prepare writes the resolved sweep file and the validation questions. work runs trials until none is
left; several workers can run side by side. gather writes trials.csv, importance.csv, and the best
trial of each search as an arm (best.yaml).
"""

import json
import os
import signal
from pathlib import Path

import yaml
from optuna.trial import TrialState

from eval.files.command_line import command_parser
from eval.files.durable import write_text
from eval.files.errors import BadInput, exit_with_message
from eval.files.marks import CHECKSUMS, write_mark
from eval.questions.contamination import examine
from eval.questions.problems import Problem, read_problems, write_problems
from experiments.sweep.gather import gather, trial_csv_row
from experiments.sweep.jobs import TrialFailed
from experiments.sweep.journal import TakenTrial
from experiments.sweep.setup import TrialSetup, study_journal, trial_setup
from experiments.sweep.sweep_file import load_study
from experiments.sweep.trial import TrialOutcome, run_trial
from experiments.tasks.problem_files import benchmark_problems
from experiments.workflow.claim import holder
from experiments.workflow.launcher import ONE

FAILURES_IN_A_ROW = 3  # failed trials after which a worker gives up


def prepare(folder: Path, source: str) -> None:
    """Writes study.yaml, and the validation questions without any that are trained or tested on.

    `folder`: results/<experiment>/sweep/<study>. `source`: name or path of the sweep file.
    """
    study, experiment = load_study(source)
    problems = folder.parents[1] / "problems"
    others = {
        name: read_problems(problems / f"{name}.jsonl")
        for name in ("train", *experiment.evaluation.benchmarks)
    }
    for name, benchmark in study.validation.items():
        # The limit counts questions after cleaning, so the whole set is examined first.
        whole_set = benchmark.model_copy(update={"limit": None})
        found = examine(name, benchmark_problems(name, whole_set, experiment), others, "drop")
        questions = [Problem(**row) for row in found.rows][: benchmark.limit]
        write_problems(folder / "problems" / f"{name}.jsonl", questions)
    content = study.model_dump(mode="json")
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
    write_text(folder / "study.yaml", text)
    written = [folder / "problems" / f"{name}.jsonl" for name in study.validation]
    write_mark(folder / f"study.{CHECKSUMS}", [folder / "study.yaml", *written])


def work(folder: Path, worker: str, threads: int, launcher: str) -> None:
    """Runs trials until none is left.

    Raises:
        BadInput: FAILURES_IN_A_ROW trials failed one after the other, so the cause is probably the
            machine or the code and not their settings.
    """
    setup = trial_setup(folder, threads, launcher)
    journal = study_journal(setup)
    failures: list[str] = []
    with journal.signed_on(worker):
        journal.renew(holder(setup.inputs))
        while taken := journal.take(worker):
            values = json.dumps(taken.values)
            print(f"{taken.search} trial {taken.trial.number}: {values}", flush=True)
            try:
                print(f"  {record_outcome(taken, run_taken_trial(setup, taken))}", flush=True)
                failures.clear()
            except (TrialFailed, BadInput) as error:
                journal.fail(taken, str(error))
                failures.append(str(error))
                print(f"  failed: {error}", flush=True)
            write_outcome_file(setup, taken)
            if len(failures) == FAILURES_IN_A_ROW:
                raise BadInput(
                    f"{FAILURES_IN_A_ROW} trials in a row failed: {failures[-1]}: fix the cause"
                    " and run the sweep again"
                )


def run_taken_trial(setup: TrialSetup, taken: TakenTrial) -> TrialOutcome:
    """Runs a trial and writes its results into the journal."""
    outcome = run_trial(setup, taken.search, taken.values, taken.trial)
    for key, value in outcome.row().items():
        taken.trial.set_user_attr(key, value)
    return outcome


def record_outcome(taken: TakenTrial, outcome: TrialOutcome) -> str:
    """Ends a trial in the journal, as complete or pruned; returns a line for the log."""
    score = outcome.mean("score")
    if outcome.stopped:
        taken.study.tell(taken.trial, state=TrialState.PRUNED)
        return outcome.stopped
    taken.study.tell(taken.trial, score)
    return f"score {score:.4f}"


def write_outcome_file(setup: TrialSetup, taken: TakenTrial) -> None:
    """Writes the trial's row beside its runs, for MLflow until trials.csv is written."""
    trial = taken.study.trials[taken.trial.number]
    if run := trial.user_attrs.get("run"):
        row = trial_csv_row(setup.study, taken.search, trial, chosen=False)
        path = setup.folder / run / f"outcome-{trial.number}.json"
        write_text(path, json.dumps(row, indent=2) + "\n")


def end_worker(*_: object) -> None:
    """Ends this worker at SIGTERM. Its training run saves first (jobs.attended)."""
    raise SystemExit(os.EX_TEMPFAIL)


def main() -> None:
    parser = command_parser("experiments.sweep", __doc__)
    parser.add_argument("action", choices=("prepare", "work", "gather"))
    parser.add_argument("folder", type=Path, help="results/<experiment>/sweep/<study>")
    parser.add_argument("--study", help="prepare: name of a sweep, or its YAML file")
    parser.add_argument("--worker", default="0", help="work: name of the worker, unique")
    parser.add_argument("--threads", type=int, default=1, help="work: threads of each job")
    parser.add_argument(
        "--launcher", default=ONE, help="work: command that starts a training run (launcher.py)"
    )
    arguments = parser.parse_args()
    with exit_with_message():
        match arguments.action:
            case "prepare":
                prepare(arguments.folder, arguments.study)
            case "work":
                signal.signal(signal.SIGTERM, end_worker)
                work(arguments.folder, arguments.worker, arguments.threads, arguments.launcher)
            case "gather":
                gather(arguments.folder)
