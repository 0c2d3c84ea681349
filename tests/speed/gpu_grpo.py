"""An experiment's training runs beside each other on one GPU: what the Snakefile's rules call,
without their scheduling.

    python -m tests.speed.gpu_grpo experiments/arithmetic_gpu.yaml --results FOLDER

Problems, base policy; then train, sample and score for every arm and seed, up to `--jobs` of them
at a time; then the figures. Small policies leave most of a card idle, so their runs share it. What
fails is named at the end; the figures show what there is. Neither the base policy's own scores nor
strata are made.
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from eval.files.errors import BadInput, exit_with_message
from experiments.spec.resolved import write_spec
from experiments.spec.schema import load_experiment
from experiments.workflow.layout import Graph, prepare_environment


def call(module: str, *arguments: object) -> None:
    done = subprocess.run([sys.executable, "-m", module, *map(str, arguments)])
    if done.returncode:
        raise BadInput(
            f"{module} ended with exit code {done.returncode}: its last words stand above"
        )


def prepare(graph: Graph) -> None:
    """Spec, problems and base policy."""
    graph.root.mkdir(parents=True, exist_ok=True)
    write_spec(graph.experiment, graph.spec)
    call("experiments.tasks", "--spec", graph.spec, "--out", graph.root / "problems")
    call(
        f"experiments.policies.{graph.base_module()}",
        "--spec",
        graph.spec,
        "--out",
        graph.base_policy(),
    )


def one_run(graph: Graph, arm: str, seed: int) -> str | None:
    """Trains, samples and scores; what failed, in words."""
    run = graph.root / arm / f"seed-{seed}"
    try:
        call("experiments.train", "--spec", graph.spec, "--arm", arm, "--seed", seed)
        asked = ("--problems", *graph.problems)
        sampled = ("--samples", *graph.samples, *graph.sampling().split(), "--seed", seed)
        call("eval.sample", "--policy", run / "policy", *asked, *sampled, "--out", run / "eval")
        call("eval.score", "--out", run / "eval", *asked, "--k", *graph.ks, "--workers", 1)
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
        graph = Graph(load_experiment(arguments.experiment), arguments.results)
        prepare(graph)
        runs = product(graph.experiment.arms, graph.experiment.seeds)
        with ThreadPoolExecutor(arguments.jobs) as pool:
            failed = list(filter(None, pool.map(lambda run: one_run(graph, *run), runs)))
        call("analysis.figures", graph.root)
        if failed:
            raise BadInput("; ".join(failed))


if __name__ == "__main__":
    main()
