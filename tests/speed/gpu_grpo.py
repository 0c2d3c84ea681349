"""An experiment's training runs beside each other on one GPU: what the Snakefile's rules call,
without their scheduling.

    python -m tests.speed.gpu_grpo experiments/arithmetic_gpu.yaml --results FOLDER

Problems, base policy; then train, sample and score for every arm and seed, up to `--jobs` of them
at a time; then the figures. Small policies leave most of a card idle, so their runs share it. Runs
that fail are named at the end, and the figures show the others. The base policy is not scored, and
no strata are made.
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from eval.files.errors import BadInput, exit_with_message
from experiments.spec.experiment_file import load_experiment
from experiments.spec.resolved import write_spec
from experiments.workflow.layout import StudyLayout, prepare_environment


def call(module: str, *arguments: object) -> None:
    done = subprocess.run([sys.executable, "-m", module, *map(str, arguments)])
    if done.returncode:
        raise BadInput(
            f"{module} ended with exit code {done.returncode}: its last words stand above"
        )


def prepare(layout: StudyLayout) -> None:
    """Spec, problems and base policy."""
    layout.root.mkdir(parents=True, exist_ok=True)
    write_spec(layout.experiment, layout.spec)
    call("experiments.tasks", "--spec", layout.spec, "--out", layout.root / "problems")
    call(
        f"experiments.policies.{layout.base_module()}",
        "--spec",
        layout.spec,
        "--out",
        layout.base_policy(),
    )


def one_run(layout: StudyLayout, arm: str, seed: int) -> str | None:
    """Trains, samples and scores; what failed, in words."""
    run = layout.root / arm / f"seed-{seed}"
    try:
        call("experiments.train", "--spec", layout.spec, "--arm", arm, "--seed", seed)
        asked = ("--problems", *layout.problems)
        sampled = ("--samples", *layout.samples, *layout.sampling().split(), "--seed", seed)
        call("eval.sample", "--policy", run / "policy", *asked, *sampled, "--out", run / "eval")
        call("eval.score", "--out", run / "eval", *asked, "--k", *layout.ks, "--workers", 1)
    except BadInput as error:
        return f"{arm}, seed {seed}: {error}"
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("experiment", help="experiment name or YAML file")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=min(6, os.cpu_count() or 1))
    arguments = parser.parse_args()
    with exit_with_message():
        prepare_environment()
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        layout = StudyLayout(load_experiment(arguments.experiment), arguments.results)
        prepare(layout)
        runs = product(layout.experiment.arms, layout.experiment.seeds)
        with ThreadPoolExecutor(arguments.jobs) as pool:
            failed = list(filter(None, pool.map(lambda run: one_run(layout, *run), runs)))
        call("analysis.figures", layout.root)
        if failed:
            raise BadInput("; ".join(failed))


if __name__ == "__main__":
    main()
