"""python -m tests.speed.tracking: what following a training run for MLflow costs that run, both on
one core.

Pairs of the same run, without and with `experiments.tracking.command follow` beside it, in the
order ABBA. One follower serves all runs of an experiment, so its start (importing MLflow, making
the database) comes before the run and is printed by itself. Printed: the ratio of wall times of
each pair, and the follower's processor time after its start as a share of the training's.
"""

import argparse
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).parents[2]
ARM, SEED = "aer", 1
ARMS = 3  # of the smoke experiment


@dataclass(frozen=True)
class Cost:
    """Seconds."""

    wall: float  # of the training process
    training: float  # processor time
    starting: (
        float  # processor time of the follower until the database is there; 0 where nothing follows
    )
    following: float  # processor time of the follower from then on


def call(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def prepare(root: Path, rollouts: int) -> None:
    """Spec, problems and base policy of the smoke experiment with longer runs."""
    spec = yaml.safe_load((CHECKOUT / "experiments" / "smoke.yaml").read_text())
    spec["training"] |= {
        "rollouts": rollouts,
        "checkpoint_every": 0,
        "prompts_per_rollout": 8,
        "num_generations": 8,
    }
    spec["task"]["strata_samples"] = 0
    source = root / "source.yaml"
    source.write_text(yaml.safe_dump(spec | {"name": root.name}))
    out = ("--spec", str(root / "spec.yaml"), "--out")
    for command in (
        call("experiments.spec.resolved", str(source), "--out", str(root / "spec.yaml")),
        call("experiments.tasks", *out, str(root / "problems")),
        call("experiments.policies.tiny", *out, str(root / "base" / "policy")),
    ):
        subprocess.run(command, check=True, cwd=CHECKOUT, capture_output=True)


def trial(root: Path, followed: bool) -> Cost:
    """One run from its beginning."""
    shutil.rmtree(root / ARM, ignore_errors=True)
    (root.parent / "mlflow.db").unlink(missing_ok=True)
    follow = call("experiments.tracking", "follow", str(root), "--caller", str(os.getpid()))
    follower = subprocess.Popen(follow, cwd=CHECKOUT) if followed else None
    starting = ready(follower.pid, root.parent / "mlflow.db") if follower else 0.0
    train = call(
        "experiments.train", "--spec", str(root / "spec.yaml"), "--arm", ARM, "--seed", str(SEED)
    )
    start = time.perf_counter()
    training = processor(subprocess.Popen(train, cwd=CHECKOUT, stderr=subprocess.DEVNULL))
    wall = time.perf_counter() - start
    if follower is None:
        return Cost(wall, training, 0.0, 0.0)
    follower.terminate()
    return Cost(wall, training, starting, processor(follower) - starting)


def ready(process: int, database: Path) -> float:
    """Waits until the follower has made the arms' runs; its processor time so far."""
    while not (database.exists() and has_runs(database)):
        time.sleep(0.1)
    user, system = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def has_runs(database: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
            return opened.execute("SELECT COUNT(*) FROM runs").fetchone()[0] == ARMS
    except sqlite3.Error:  # its tables are being made
        return False


def processor(process: "subprocess.Popen[bytes]") -> float:
    """Processor seconds of a process, once it has ended."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in (0, -15), f"{process.args} ended with {process.returncode}"
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--rollouts", type=int, default=60)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    ratios, shares = [], []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "results" / "speed"
        root.mkdir(parents=True)
        prepare(root, arguments.rollouts)
        for pair in range(arguments.pairs):
            first = trial(root, followed=pair % 2 == 1)
            second = trial(root, followed=pair % 2 == 0)
            without, with_it = (first, second) if pair % 2 == 0 else (second, first)
            ratios.append(with_it.wall / without.wall)
            shares.append(with_it.following / with_it.training)
            print(
                f"wall {without.wall:.1f} s without, {with_it.wall:.1f} s with: ratio"
                f" {ratios[-1]:.3f}; ",
                end="",
            )
            print(f"start {with_it.starting:.1f} s; ", end="")
            print(
                f"processor {with_it.following:.2f} s beside {with_it.training:.1f} s:"
                f" {shares[-1]:.3f}",
                flush=True,
            )
    print(
        f"median of {arguments.pairs} pairs: wall ratio {statistics.median(ratios):.3f}, ", end=""
    )
    print(f"processor share {statistics.median(shares):.3f}")


if __name__ == "__main__":
    main()
