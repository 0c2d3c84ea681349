"""Checks, before anything is written, that the folder of an experiment's named sets is complete.

`data_dir` in the experiment's file may start with $NAME, which the environment sets:

    BENCHMARK_DATA=../data snakemake all --config experiment=maths_mini
"""

from collections.abc import Collection
from os.path import isdir  # Path.is_dir raises if the name is too long
from pathlib import Path

from eval.files.errors import BadInput
from eval.questions.named_sets import SOURCES
from experiments.families import FAMILIES
from experiments.spec.experiment_file import find_experiment, load_experiment
from experiments.spec.schema import Experiment


def load_ready(source: str | Path, needed: Collection[str] | None = None) -> Experiment:
    """Reads an experiment as `load_experiment` does, and checks that its data folder is complete.

    Raises:
        BadInput: for the reasons of `load_experiment`, or data_dir or a file in it is missing.
    """
    experiment = load_experiment(source, needed)
    problem = missing_data(experiment)
    if problem:
        raise BadInput(f"{find_experiment(source)}: data_dir: {problem}")
    return experiment


def missing_data(experiment: Experiment) -> str | None:
    """Says what is missing in data_dir and what to do; None if nothing is, or without data_dir."""
    if experiment.data_dir is None:
        return None
    folder = Path(experiment.data_dir)
    if experiment.data_dir.startswith("$"):  # the schema expands variables that are set
        return (
            f"the environment does not set {experiment.data_dir}: set it to a folder of JSON lines"
        )
    if not isdir(folder):
        return f"there is no folder {str(folder)!r}: correct the path, or leave data_dir out"
    for name in named_sets(experiment):
        if not (folder / SOURCES[name].file).is_file():
            return (
                f"the folder {str(folder)!r} has no {SOURCES[name].file}: put the set {name} there"
            )
    return None


def named_sets(experiment: Experiment) -> list[str]:
    """Names of the sets read from data_dir or the hub: the training set, then the benchmarks."""
    prompts = experiment.task.prompts
    named = [
        name
        for name, benchmark in experiment.evaluation.benchmarks.items()
        if benchmark.levels is None
    ]
    return named if prompts in FAMILIES else [prompts, *named]
