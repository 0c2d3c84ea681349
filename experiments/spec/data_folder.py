"""Before anything is written: is the folder there that an experiment's named sets are read from?

`data_dir` in the experiment's file may start with $NAME, which the environment sets:

    BENCHMARK_DATA=../data snakemake all --config experiment=maths_mini
"""

from collections.abc import Collection
from os.path import isdir  # Path.is_dir raises where the name is too long
from pathlib import Path

from eval.files.errors import BadInput
from eval.questions.named_sets import SOURCES
from experiments.spec.schema import Experiment, find, load


def load_ready(source: str | Path, needed: Collection[str] | None = None) -> Experiment:
    """An experiment, as `schema.load` reads it, whose data can be read.

    Raises:
        BadInput: as `schema.load`, and where data_dir or a file in it is missing.
    """
    experiment = load(source, needed)
    problem = missing_data(experiment)
    if problem:
        raise BadInput(f"{find(source)}: data_dir: {problem}")
    return experiment


def missing_data(experiment: Experiment) -> str | None:
    """What is missing and what to do; None where all is there, or where the hub is the source."""
    if experiment.data_dir is None:
        return None
    folder = Path(experiment.data_dir)
    if experiment.data_dir.startswith("$"):
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
    """The sets that are read from data_dir or the hub: the training set, then the benchmarks."""
    prompts = experiment.task.prompts
    named = [
        name
        for name, benchmark in experiment.evaluation.benchmarks.items()
        if benchmark.levels is None
    ]
    return named if prompts == "arithmetic" else [prompts, *named]
