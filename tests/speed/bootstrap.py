"""Bootstrap intervals here and by rliable, on the same scores in the same run: `python
tests/speed/bootstrap.py`.

4 arms x 3 seeds x 500 questions x 10,000 draws on one core. rliable (google-research, 1.2) needs
arch 7.2.0 and pandas 2, so it lives in a virtual environment of its own, which the first run makes
(a network is needed once). Best of several rounds, ours and theirs in turn. Prints a Markdown
table.

Where both resample questions only, they define the same thing: the ends must agree to Monte-Carlo
error. With seeds too they do not: rliable draws the seeds anew for every question, which hides what
moves all questions of a run together.
"""

import os

os.environ.update(
    {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
)

import argparse
import json
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from analysis.calibrate.simulated_studies import MATH, Study, simulate
from analysis.inference.bootstrap import PERCENTILES, plain_means
from analysis.inference.statistics import Counts, estimate_score

NEEDS = ["rliable==1.2.0", "arch==7.2.0", "pandas==2.*", "numpy<2.4"]
ARMS, SEEDS, QUESTIONS, SAMPLES = 4, 3, 500, 8
Intervals = np.ndarray  # (arms, 2) low and high

# Runs in the other environment: scores as JSON on stdin, seconds and intervals as JSON on stdout.
THEIRS = """
import json, sys, time
import numpy as np
from rliable import library
job = json.load(sys.stdin)
np.random.seed(job["seed"])
scores = {str(arm): np.array(table) for arm, table in enumerate(job["scores"])}
start = time.perf_counter()
_, intervals = library.get_interval_estimates(
    scores, lambda table: np.array([table.mean()]), task_bootstrap=job["tasks"], reps=job["draws"])
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "ends": [intervals[arm][:, 0].tolist() for arm in scores]}))
"""


def ours(arms: list[Counts], draws: int) -> Intervals:
    """The intervals that the tables show."""
    found = [estimate_score(arm, 1, draws=draws, rng=np.random.default_rng(0)) for arm in arms]
    return np.array([(each.low, each.high) for each in found])


def textbook(tables: list[np.ndarray], draws: int) -> Intervals:
    """Percentiles of plain resampling, all arms on the same draws."""
    return np.quantile(plain_means(tables, draws, np.random.default_rng(0)), PERCENTILES, axis=1).T


def theirs(
    python: Path, tables: list[np.ndarray], tasks: bool, draws: int
) -> tuple[float, Intervals]:
    """Seconds (without start and imports) and intervals of rliable."""
    job = json.dumps(
        {"scores": [table.tolist() for table in tables], "tasks": tasks, "draws": draws, "seed": 0}
    )
    done = subprocess.run([python, "-c", THEIRS], input=job, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"rliable failed in {python}:\n{done.stderr}")
    answer = json.loads(done.stdout)
    return answer["seconds"], np.array(answer["ends"])


def timed(call: Callable[[], Intervals]) -> tuple[float, Intervals]:
    start = time.perf_counter()
    found = call()
    return time.perf_counter() - start, found


def environment(folder: Path) -> Path:
    """The Python of rliable's environment, made where it is not there yet."""
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *NEEDS],
            check=True,
        )
        (folder / "ready").touch()
    return python


def rounds(mine: Callable[[], Intervals], other: Callable[[], tuple[float, Intervals]], times: int):
    """(seconds, intervals) of each: the best of several turns."""
    turns = [(timed(mine), other()) for _ in range(times)]
    return tuple(min((turn[who] for turn in turns), key=lambda each: each[0]) for who in (0, 1))


def apart(a: Intervals, b: Intervals, table: list[np.ndarray], draws: int) -> float:
    """Largest distance of two ends in standard errors of their difference by Monte Carlo (a
    normal's 2.5 % point).
    """
    density = np.exp(-(1.96**2) / 2) / np.sqrt(2 * np.pi)
    error = np.sqrt(2 * PERCENTILES[0] * PERCENTILES[1] / draws) / density
    sd = np.array([each.mean(axis=0).std() / np.sqrt(each.shape[1]) for each in table])
    return float((np.abs(a - b) / (error * sd[:, None])).max())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--venv", type=Path, default=Path.home() / ".cache" / "entropy-control" / "rliable"
    )
    args = parser.parse_args()
    python, draws = environment(args.venv), args.draws
    study = Study(MATH, QUESTIONS, SEEDS, SAMPLES)
    arms = [simulate(study, np.random.default_rng(arm))[0] for arm in range(ARMS)]
    tables = [arm.correct_SQ / arm.n_SQ for arm in arms]
    averaged = [table.mean(axis=0, keepdims=True) for table in tables]
    questions = [
        table.T for table in averaged
    ]  # rliable's "runs" are then the questions, of one "task"
    both = partial(theirs, python, tables, True, draws)
    rows = [
        (
            "questions, plain percentiles",
            partial(textbook, averaged, draws),
            partial(theirs, python, questions, False, draws),
        ),
        ("seeds and questions, plain percentiles", partial(textbook, tables, draws), both),
        ("seeds and questions, calibrated (`estimate_score`)", partial(ours, arms, draws), both),
    ]
    print(
        f"{ARMS} arms x {SEEDS} seeds x {QUESTIONS} questions x {draws:,} draws, one core, best of"
        f" {args.rounds}\n"
    )
    print(
        "| resampled | here, s | rliable, s | times faster | width here, points | rliable | ends"
        " apart, MC errors |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for index, (name, mine, other) in enumerate(rows):
        (fast, a), (slow, b) = rounds(mine, other, args.rounds)
        widths = " | ".join(f"{100 * np.diff(each).mean():.2f}" for each in (a, b))
        distance = f"{apart(a, b, averaged, draws):.1f}" if index == 0 else "not the same thing"
        print(
            f"| {name} | {fast:.3f} | {slow:.2f} | {slow / fast:.1f} | {widths} | {distance} |",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
