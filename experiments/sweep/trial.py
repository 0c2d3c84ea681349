"""Runs one trial of a sweep: trains, samples and scores each of its seeds.

It calls the same commands as the rules of an experiment. The folder of a trial's runs is named
after the hash of all that determines them. So a trial that is tried again resumes what the first
try left, and a search that asks for values which were tried before gets their score at once.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Protocol

from eval.files.durable import discard
from eval.files.jsonl import Row, read_rows
from eval.files.marks import CHECKSUMS
from eval.files.results_layout import seed_name
from eval.scoring.counts import read_counts
from eval.scoring.pass_at_k import pass_at_k
from experiments.spec.resolved import write_spec
from experiments.spec.schema import Experiment, spec_hash
from experiments.sweep.jobs import (
    TrialJob,
    attended,
    follow_rows,
    start_job,
    wait_for_success,
)
from experiments.sweep.settings import MedianPruning, WilcoxonPruning
from experiments.sweep.setup import TrialSetup
from experiments.sweep.sweep_file import TuningStudy, Values, trial_experiment
from experiments.workflow.launcher import ONE
from experiments.workflow.layout import StudyLayout

FINAL_ROLLOUTS = 0.1  # of the rollouts: final entropy is the mean over the last ones


class PrunedTrial(Protocol):
    """The part of Optuna's trial that prunes."""

    def report(self, value: float, step: int) -> None: ...
    def should_prune(self) -> bool: ...


@dataclass(frozen=True)
class TrialOutcome:
    """Results of a trial, over the seeds that it ran."""

    run: str  # folder below the sweep's
    seeds: dict[int, Row]  # seed → its results (seed_results)
    stopped: str = ""  # when the trial was pruned; empty = it was not

    def row(self) -> Row:
        """The trial's columns of trials.csv: means over seeds, sums of tokens and seconds."""
        found: Row = {"score": self.mean("score")}
        found |= {f"score_seed_{seed}": row["score"] for seed, row in self.seeds.items()}
        found |= {"final_entropy": self.mean("final_entropy")}
        found |= {
            f"final_entropy_seed_{seed}": row["final_entropy"] for seed, row in self.seeds.items()
        }
        found |= {key: self.mean(key) for key in ("initial_entropy", "length", "truncated")}
        found |= {
            key: sum(row[key] for row in self.seeds.values())
            for key in ("tokens_generated", "seconds")
        }
        return found | {"run": self.run, "remarks": self.stopped}

    def mean(self, key: str) -> float | None:
        """Mean over the seeds that have a value; None without any."""
        values = [row[key] for row in self.seeds.values() if row[key] is not None]
        return fmean(values) if values else None


def run_trial(setup: TrialSetup, search: str, values: Values, judge: PrunedTrial) -> TrialOutcome:
    """Runs what is missing of a trial, seed by seed.

    Raises:
        TrialFailed: a job ended with an error; its log says why.
        BadInput: the values make no valid arm.
    """
    trial = trial_experiment(setup.study, setup.experiment, search, values)
    folder = setup.folder / search / "runs" / run_key(trial, setup.ground)
    write_spec(trial, folder / "spec.yaml")
    seeds: dict[int, Row] = {}
    stopped = ""
    for number, seed in enumerate(setup.study.seeds):
        run = folder / seed_name(seed)
        if train_seed(setup, search, folder, seed, number, judge):
            stopped = f"stopped in training of seed {seed}"
            break
        evaluate_seed(setup, trial, run, seed)
        if not setup.study.keep_policies:
            discard(run / "policy")
        seeds[seed] = seed_results(setup.study, run / "train.jsonl", run / "eval")
        more = number + 1 < len(setup.study.seeds)
        if more and is_worse(setup.study, run / "eval", number, judge):
            stopped = f"stopped after seed {seed}"
            break
    return TrialOutcome(folder.relative_to(setup.folder).as_posix(), seeds, stopped)


def run_key(trial: Experiment, ground: str) -> str:
    """Name of the folder of a trial's runs: hash of its settings and of what all trials share."""
    parts = {"model", "task", "training", "arms", "seeds", "evaluation", "data_dir"}
    return spec_hash({**trial.model_dump(mode="json", include=parts), "ground": ground})


def train_seed(
    setup: TrialSetup, search: str, folder: Path, seed: int, number: int, judge: PrunedTrial
) -> bool:
    """Trains one seed, unless that is done; returns whether the pruner stopped it.

    `number`: position of the seed among the sweep's, from 0.
    """
    run = folder / seed_name(seed)
    if (run / CHECKSUMS).exists():
        return False
    command = [*shlex.split(setup.launcher), "experiments.train"]
    command += ["--spec", f"{folder}/spec.yaml", "--arm", search, "--seed", str(seed)]
    command += ["--inputs", str(setup.inputs), "--out", str(run)]
    log, pruner = folder / f"{seed_name(seed)}.log", setup.study.pruner
    with attended(start_job(command, log, setup.threads)) as job:
        if isinstance(pruner, MedianPruning) and is_hopeless(
            setup, pruner, run, number, judge, job
        ):
            return True
        wait_for_success(job, f"training of seed {seed}", log)
    return False


def is_hopeless(
    setup: TrialSetup,
    pruner: MedianPruning,
    run: Path,
    number: int,
    judge: PrunedTrial,
    job: TrialJob,
) -> bool:
    """Shows the accuracy of each rollout to the median pruner, until it stops the trial (True) or
    the training ends (False).
    """
    rollouts = setup.experiment.training.rollouts
    for row in follow_rows(run / "train.jsonl", job):
        if row["rollout"] >= round(pruner.warmup * rollouts) and row["accuracy"] is not None:
            judge.report(row["accuracy"], number * rollouts + row["rollout"])
            if judge.should_prune():
                return True
    return False


def evaluate_seed(setup: TrialSetup, trial: Experiment, run: Path, seed: int) -> None:
    """Samples answers to the validation questions and scores them, unless that is done."""
    names = list(setup.study.validation)
    if all((run / "eval" / f"{name}.scored").exists() for name in names):
        return
    layout, threads = StudyLayout(trial, setup.folder), str(setup.threads)
    files = [f"{setup.folder}/problems/{name}.jsonl" for name in names]
    shared = ["--problems", *files, "--out", f"{run}/eval"]
    samples = ["--samples", *map(str, layout.samples), *layout.sampling().split()]
    sample = ["eval.sample", "--policy", f"{run}/policy", *samples, "--seed", str(seed)]
    sample += ["--threads", threads, "--stale", "replace"]
    score = ["eval.score", "--k", *map(str, layout.ks), "--workers", "1"]
    _run_job(setup, f"sampling of seed {seed}", run, [*sample, *shared])
    _run_job(setup, f"scoring of seed {seed}", run, [*score, *shared])


def _run_job(setup: TrialSetup, what: str, run: Path, command: Sequence[str]) -> None:
    log = run.parent / f"{run.name}.log"
    with attended(start_job([*ONE.split(), *command], log, setup.threads)) as job:
        wait_for_success(job, what, log)


def seed_results(study: TuningStudy, log: Path, evaluation: Path) -> Row:
    """Results of one seed: score in [0, 1]; entropy at start and end, nats; mean length of an
    answer, tokens; share of truncated answers; tokens generated and seconds of the training.
    """
    rows = read_rows(log)
    file = evaluation / f"{study.objective.benchmark}.counts.csv"
    counts = read_counts(file, also=("tokens", "truncated"))
    entropy = [row["entropy"] for row in rows if row["entropy"] is not None]
    answers = sum(row.n for row in counts)
    return {
        "score": fmean(question_scores(study, evaluation)),
        "initial_entropy": entropy[0] if entropy else None,
        "final_entropy": fmean(entropy[-max(1, round(FINAL_ROLLOUTS * len(rows))) :])
        if entropy
        else None,
        "length": sum(row.others["tokens"] for row in counts) / answers,
        "truncated": sum(row.others["truncated"] for row in counts) / answers,
        "tokens_generated": rows[-1]["tokens_generated"],
        "seconds": sum(
            value for row in rows for key, value in row.items() if key.startswith("seconds_")
        ),
    }


def question_scores(study: TuningStudy, evaluation: Path) -> list[float]:
    """The objective on each question, in [0, 1], in the order of the file. avg@n is pass@1."""
    objective = study.objective
    rows = read_counts(evaluation / f"{objective.benchmark}.counts.csv")
    k = objective.k if objective.measure == "pass_at_k" else 1
    scores_Q = pass_at_k([row.n for row in rows], [row.correct for row in rows], k)
    return [float(score) for score in scores_Q]


def is_worse(study: TuningStudy, evaluation: Path, number: int, judge: PrunedTrial) -> bool:
    """Shows a seed's score per question to the Wilcoxon pruner; returns whether it stops the trial.

    `number`: position of the seed among the sweep's, from 0.
    """
    if not isinstance(study.pruner, WilcoxonPruning):
        return False
    scores = question_scores(study, evaluation)
    for question, score in enumerate(scores):
        judge.report(score, number * len(scores) + question)
    return judge.should_prune()
