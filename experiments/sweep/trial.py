"""One trial of a sweep: trains, samples and scores its seeds with the commands that an experiment's
runs use.

A trial's runs are kept under a name made of all that determines them, so a trial that is tried
again goes on where the first try died, and a study that asks for settings that were tried before is
told their score at once.
"""

import ctypes
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Protocol

from eval.files.durable import discard
from eval.files.jsonl import Row, read_rows
from eval.files.marks import CHECKSUMS
from eval.scoring.counts import read_counts
from eval.scoring.pass_at_k import pass_at_k
from experiments.spec.resolved import write_spec
from experiments.spec.schema import Experiment, spec_hash
from experiments.sweep.settings import MedianPruning, WilcoxonPruning
from experiments.sweep.sweep_file import Study, Values, trial_experiment
from experiments.workflow.launcher import ONE, THREADS
from experiments.workflow.layout import Graph

FINAL = 0.1  # share of the rollouts over which final entropy is a mean
LOOK = 0.5  # seconds between two looks at a training log


class Judge(Protocol):
    """Optuna's trial, as far as pruning goes."""

    def report(self, value: float, step: int) -> None: ...
    def should_prune(self) -> bool: ...


class Failed(Exception):
    """A job of the trial ended badly."""


@dataclass(frozen=True)
class Desk:
    """Where a study's trials are run. `ground`: hash of what all of them rest on
    (sweep_identity.py).
    """

    study: Study
    experiment: Experiment
    folder: Path  # of the study
    ground: str
    threads: int = 1
    launcher: str = ONE  # of training runs (launcher.py)

    @property
    def inputs(self) -> Path:
        """The experiment's results: its prompts and base policy."""
        return self.folder.parents[1]


@dataclass(frozen=True)
class Outcome:
    """What a trial showed, over the seeds that it ran."""

    run: str  # folder below the study's
    seeds: dict[int, Row]
    stopped: str = ""  # why it was pruned

    def row(self) -> Row:
        """The trial's columns of trials.csv. Means are over seeds."""
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
        values = [row[key] for row in self.seeds.values() if row[key] is not None]
        return fmean(values) if values else None


def run_trial(desk: Desk, search: str, values: Values, judge: Judge) -> Outcome:
    """Runs what is missing of a trial, seed by seed.

    Raises:
        Failed: a job failed; its log says why.
        BadInput: the values make no valid arm.
    """
    trial = trial_experiment(desk.study, desk.experiment, search, values)
    folder = desk.folder / search / "runs" / run_key(trial, desk.ground)
    write_spec(trial, folder / "spec.yaml")
    seeds: dict[int, Row] = {}
    stopped = ""
    for number, seed in enumerate(desk.study.seeds):
        run = folder / f"seed-{seed}"
        if train(desk, search, folder, seed, number, judge):
            stopped = f"stopped in training of seed {seed}"
            break
        evaluate(desk, trial, run, seed)
        if not desk.study.keep_policies:
            discard(run / "policy")
        seeds[seed] = seen(desk.study, run / "train.jsonl", run / "eval")
        if number + 1 < len(desk.study.seeds) and is_worse(desk.study, run / "eval", number, judge):
            stopped = f"stopped after seed {seed}"
            break
    return Outcome(folder.relative_to(desk.folder).as_posix(), seeds, stopped)


def run_key(trial: Experiment, ground: str) -> str:
    """Name of the folder of a trial's runs: they differ where the settings differ, or what all
    trials rest on.
    """
    spec = trial.model_dump(
        mode="json",
        include={"model", "task", "training", "arms", "seeds", "evaluation", "data_dir"},
    )
    return spec_hash({**spec, "ground": ground})


def train(desk: Desk, search: str, folder: Path, seed: int, number: int, judge: Judge) -> bool:
    """Trains one seed, unless that is done; whether the pruner stopped it."""
    run = folder / f"seed-{seed}"
    if (run / CHECKSUMS).exists():
        return False
    command = [
        "experiments.train",
        "--spec",
        f"{folder}/spec.yaml",
        "--arm",
        search,
        "--seed",
        str(seed),
    ]
    command += ["--inputs", str(desk.inputs), "--out", str(run)]
    log = folder / f"seed-{seed}.log"
    with attended(start([*shlex.split(desk.launcher), *command], log, desk.threads)) as job:
        if isinstance(desk.study.pruner, MedianPruning) and is_hopeless(
            desk, desk.study.pruner, run, number, judge, job
        ):
            return True
        finish(job, f"training of seed {seed}", log)
    return False


def is_hopeless(
    desk: Desk,
    pruner: MedianPruning,
    run: Path,
    number: int,
    judge: Judge,
    job: subprocess.Popen[bytes],
) -> bool:
    """Whether the pruner stops the training before it ends by itself."""
    rollouts = desk.experiment.training.rollouts
    for row in growing(run / "train.jsonl", job):
        if row["rollout"] >= round(pruner.warmup * rollouts) and row["accuracy"] is not None:
            judge.report(row["accuracy"], number * rollouts + row["rollout"])
            if judge.should_prune():
                return True
    return False


def growing(path: Path, job: subprocess.Popen[bytes]) -> Iterator[Row]:
    """The rows of a training log as they are written, until its job ends."""
    shown = 0
    while True:
        over = job.poll() is not None
        rows = read_rows(path, torn_ok=True) if path.exists() else []
        yield from rows[shown:]
        shown = len(rows)
        if over:
            return
        time.sleep(LOOK)


def evaluate(desk: Desk, trial: Experiment, run: Path, seed: int) -> None:
    """Answers the validation questions and counts, unless that is done."""
    graph, names, log = (
        Graph(trial, desk.folder),
        list(desk.study.validation),
        run.parent / f"{run.name}.log",
    )
    if all((run / "eval" / f"{name}.scored").exists() for name in names):
        return
    shared = [
        "--problems",
        *(f"{desk.folder}/problems/{name}.jsonl" for name in names),
        "--out",
        f"{run}/eval",
    ]
    sample = [
        "--policy",
        f"{run}/policy",
        "--samples",
        *map(str, graph.samples),
        *graph.sampling().split(),
    ]
    sample += ["--seed", str(seed), "--threads", str(desk.threads), "--stale", "replace"]
    score = ["--k", *map(str, graph.ks), "--workers", "1"]
    for what, command in (
        ("sampling", ["eval.sample", *sample]),
        ("scoring", ["eval.score", *score]),
    ):
        with attended(start([*ONE.split(), *command, *shared], log, desk.threads)) as job:
            finish(job, f"{what} of seed {seed}", log)


def start(command: Sequence[str], log: Path, threads: int) -> subprocess.Popen[bytes]:
    """Starts a command of this project, which does not outlive this process."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable if command[0] == "python" else command[0], *command[1:]],
            env=os.environ | dict.fromkeys(THREADS, str(threads)),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            preexec_fn=die_with_parent if sys.platform == "linux" else None,
        )


@contextmanager
def attended(job: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A job that is asked to end, and waited for, where the block is left before it has: a training
    run then saves, and a launcher passes it on to the processes that it has started.
    """
    try:
        yield job
    finally:
        if job.poll() is None:
            job.terminate()
            job.wait()


def die_with_parent() -> None:
    """Asks Linux to kill this process when its parent ends, however that ends (PR_SET_PDEATHSIG =
    1).
    """
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def finish(job: subprocess.Popen[bytes], what: str, log: Path) -> None:
    if job.wait():
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or [""]
        raise Failed(f"{what} ended with code {job.returncode}, see {log}: {lines[-1][:200]}")


def seen(study: Study, log: Path, evaluation: Path) -> Row:
    """What one seed showed: its score, entropy (nats), answers on the validation questions, and
    cost.
    """
    rows, counts = (
        read_rows(log),
        read_counts(
            evaluation / f"{study.objective.benchmark}.counts.csv", ("tokens", "truncated")
        ),
    )
    entropy = [row["entropy"] for row in rows if row["entropy"] is not None]
    answers = sum(row.n for row in counts)
    return {
        "score": fmean(question_scores(study, evaluation)),
        "initial_entropy": entropy[0] if entropy else None,
        "final_entropy": fmean(entropy[-max(1, round(FINAL * len(rows))) :]) if entropy else None,
        "length": sum(row.others["tokens"] for row in counts) / answers,
        "truncated": sum(row.others["truncated"] for row in counts) / answers,
        "tokens_generated": rows[-1]["tokens_generated"],
        "seconds": sum(
            value for row in rows for key, value in row.items() if key.startswith("seconds_")
        ),
    }


def question_scores(study: Study, evaluation: Path) -> list[float]:
    """The objective on each question, in the order of the file. avg@n is pass@1."""
    objective = study.objective
    rows = read_counts(evaluation / f"{objective.benchmark}.counts.csv")
    k = objective.k if objective.measure == "pass_at_k" else 1
    return [
        float(score)
        for score in pass_at_k([row.n for row in rows], [row.correct for row in rows], k)
    ]


def is_worse(study: Study, evaluation: Path, number: int, judge: Judge) -> bool:
    """Shows a seed's score per question to the Wilcoxon pruner, which answers."""
    if not isinstance(study.pruner, WilcoxonPruning):
        return False
    scores = question_scores(study, evaluation)
    for question, score in enumerate(scores):
        judge.report(score, number * len(scores) + question)
    return judge.should_prune()
