"""The schema and the reader of sweep files.

A sweep tunes arms of an experiment on validation questions. A *search* is an arm and those of its
settings that vary. A *trial* is one choice of their values, trained once per seed and scored on
questions that no table of the experiment shows. First the grid is tried, then the sampler chooses.
All searches have the same number of `trials`: a method that is tuned longer than another looks
better than it is.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from annotated_types import Len
from pydantic import Field, ValidationError, model_validator

from eval.files.errors import BadInput
from eval.files.yaml_file import is_yaml_file, read_yaml
from experiments.spec.blocks import Closed, FolderName
from experiments.spec.evaluation_settings import Benchmark
from experiments.spec.experiment_file import DEFAULT_EXPERIMENT, load_experiment
from experiments.spec.policy_settings import Natural
from experiments.spec.schema import Experiment, spec_hash
from experiments.spec.validation_messages import describe_finding, describe_findings
from experiments.sweep.settings import (
    Choices,
    MedianPruning,
    NoPruning,
    Objective,
    Range,
    Sampler,
    Trials,
    WilcoxonPruning,
    Workers,
)

Values = dict[str, Any]  # setting path → value


class SearchSpace(Closed):
    """An arm of the experiment, and the settings of it that vary."""

    arm: FolderName
    # path of a setting within the arm, as method.tau → its values
    settings: Annotated[dict[str, Range | Choices], Len(1)]

    @property
    def grid_points(self) -> int:
        """Number of points of the grid; 0 without one.

        Counted without building the grid, because a short file can describe one too large for any
        memory.
        """
        fixed = [len(setting.first) for setting in self.settings.values() if setting.first]
        return math.prod(fixed) if fixed else 0

    def grid(self) -> list[Values]:
        """Every combination of the grid values. The sampler chooses settings without a grid."""
        fixed = {path: setting.first for path, setting in self.settings.items() if setting.first}
        return (
            [dict(zip(fixed, values, strict=True)) for values in itertools.product(*fixed.values())]
            if fixed
            else []
        )

    def probes(self) -> Iterator[Values]:
        """Values with which every arm must be valid: each setting at each of its bounds and grid
        values, the others at their lower bound.
        """
        middle = {path: setting.extremes[0] for path, setting in self.settings.items()}
        for path, setting in self.settings.items():
            for value in dict.fromkeys((*setting.extremes, *setting.first)):
                yield {**middle, path: value}


class TuningStudy(Closed):
    """A sweep file: which arms are tuned, over which values, by which score."""

    name: FolderName
    question: str
    experiment: str  # name or file
    searches: Annotated[dict[FolderName, SearchSpace], Len(1)]
    validation: Annotated[dict[FolderName, Benchmark], Len(1)]
    objective: Objective
    seeds: Annotated[tuple[Natural, ...], Len(1)]
    trials: Trials  # of each search: the tuning budget
    workers: Workers = 2  # processes that run trials side by side
    sampler: Sampler = Sampler()
    pruner: Annotated[NoPruning | WilcoxonPruning | MedianPruning, Field(discriminator="name")] = (
        NoPruning()
    )
    retries: Natural = 2  # how often a failed trial is tried again
    keep_policies: bool = False  # keep the trained policies after scoring

    @model_validator(mode="after")
    def consistent(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds {list(self.seeds)} hold a duplicate: remove it")
        benchmark = self.validation.get(self.objective.benchmark)
        if benchmark is None:
            raise ValueError(
                f"objective.benchmark {self.objective.benchmark!r} is not a validation set: choose"
                f" one of {', '.join(self.validation)}"
            )
        for name, each in self.validation.items():
            if each.allocation != "equal":
                raise ValueError(
                    f"validation.{name}.allocation: trials draw equal numbers of samples: leave it"
                    " out"
                )
        if self.objective.measure == "pass_at_k" and self.objective.k > benchmark.samples:
            raise ValueError(
                f"objective.k {self.objective.k} is more than the {benchmark.samples} samples per"
                " question"
            )
        for name, search in self.searches.items():
            if search.grid_points > self.trials:
                raise ValueError(
                    f"trials {self.trials} is less than the {search.grid_points:,} grid points of"
                    f" {name!r}: raise trials, or make the grid smaller"
                )
        return self

    @property
    def arms(self) -> set[str]:
        """The arms that are tuned."""
        return {search.arm for search in self.searches.values()}

    @property
    def trainings_per_worker(self) -> int:
        """Training runs of one worker, if workers share the work evenly."""
        return math.ceil(len(self.searches) * self.trials * len(self.seeds) / self.workers)

    def hash(self) -> str:
        return spec_hash(self.model_dump(mode="json"))


def load_study(source: str | Path) -> tuple[TuningStudy, Experiment]:
    """Reads a sweep file and its experiment, in which the tuned arms must be present.

    `source`: the name of a file in experiments/ (`target_ratio` is
    experiments/sweep_target_ratio.yaml), or the path of a YAML file.

    Raises:
        BadInput: a file is missing or wrong; names the file, the key and the remedy.
    """
    path = find_study(source)
    study = _read_study(path)
    experiment = load_experiment(study.experiment, study.arms)
    _check_against_experiment(study, experiment, path)
    return study, experiment


def asked_experiment(config: Mapping[str, Any]) -> str:
    """Name or path of the experiment that `--config experiment=…` or `--config sweep=…` names."""
    if "experiment" in config or "sweep" not in config:
        # str, because Snakemake turns a name that looks like a number into one
        return str(config.get("experiment", DEFAULT_EXPERIMENT))
    return _read_study(find_study(asked_sweep(config))).experiment


def asked_arms(config: Mapping[str, Any]) -> set[str]:
    """The arms that are tuned by the sweep of `--config sweep=…`, or by the default sweep."""
    return _read_study(find_study(asked_sweep(config))).arms


def asked_sweep(config: Mapping[str, Any]) -> str:
    """Name or path of the sweep of `--config sweep=…`, or of the default sweep."""
    # str, because Snakemake turns a name that looks like a number into one
    return str(config.get("sweep", "target_ratio"))


def asked_study(config: Mapping[str, Any], experiment: Experiment) -> TuningStudy | None:
    """The sweep of `--config sweep=…`, else the default sweep if it tunes this experiment, else
    None.

    Raises:
        BadInput: the named sweep tunes another experiment.
    """
    study, its_own = load_study(asked_sweep(config))
    if its_own.name == experiment.name:
        return study
    if "sweep" in config:
        raise BadInput(
            f"sweep {study.name!r} tunes the experiment {its_own.name!r}, not"
            f" {experiment.name!r}: name one of the two only"
        )
    return None


def no_sweep(experiment: Experiment) -> str:
    """Called for the target `sweep` if the experiment has no sweep. Raises BadInput."""
    raise BadInput(
        f"the experiment {experiment.name!r} has no default sweep: name one by snakemake sweep"
        " --config sweep=NAME, for experiments/sweep_NAME.yaml"
    )


def stored_study(folder: Path) -> tuple[TuningStudy, Experiment]:
    """Reads the resolved sweep file of results/<experiment>/sweep/<study>, and the resolved spec of
    its experiment.
    """
    return _read_study(folder / "study.yaml"), load_experiment(folder.parents[1] / "spec.yaml")


def _read_study(path: Path) -> TuningStudy:
    content = read_yaml(path)
    try:
        return TuningStudy.model_validate(content)
    except ValidationError as error:
        raise BadInput(describe_findings(error, path, content, TuningStudy)) from None


def find_study(source: str | Path) -> Path:
    folder = Path(__file__).parents[1]
    for path in (Path(source), folder / f"sweep_{source}.yaml"):
        if is_yaml_file(path):
            return path
    known = ", ".join(
        sorted(path.stem.removeprefix("sweep_") for path in folder.glob("sweep_*.yaml"))
    )
    raise BadInput(
        f"there is no sweep {str(source)!r}: give the path of a YAML file, or one of {known}"
    )


def _check_against_experiment(study: TuningStudy, experiment: Experiment, path: Path) -> None:
    """Checks a sweep file against its experiment.

    Raises:
        BadInput: a validation set is a test set, an arm is unknown, or a search's values do not
            make valid arms.
    """
    for name, benchmark in study.validation.items():
        if benchmark.levels is not None and benchmark.stream != "validation":
            raise BadInput(
                f"{path}: validation.{name}: arms must not be tuned on test questions: set stream:"
                " validation"
            )
        if name in experiment.evaluation.benchmarks:
            raise BadInput(
                f"{path}: validation.{name}: {experiment.name} is tested on it, and arms must not"
                " be tuned on test questions: choose another set"
            )
    for name, search in study.searches.items():
        if search.arm not in experiment.arms:
            raise BadInput(
                f"{path}: searches.{name}.arm: {experiment.name} has no arm {search.arm!r}: choose"
                f" one of {', '.join(experiment.arms)}"
            )
        for values in search.probes():
            try:
                trial_experiment(study, experiment, name, values)
            except BadInput as error:
                raise BadInput(f"{path}: searches.{name}.settings: {error}") from None


def trial_experiment(
    study: TuningStudy, experiment: Experiment, search: str, values: Mapping[str, Any]
) -> Experiment:
    """The experiment of one trial: one arm with these values, under the name of its search, with
    the sweep's seeds and validation questions.

    `values`: path of a setting within the arm → value.

    Raises:
        BadInput: the values make no valid arm.
    """
    spec = experiment.model_dump(mode="json", exclude={"looks"})  # a trial uses all of its seeds
    arm = spec["arms"][study.searches[search].arm]
    for path, value in values.items():
        *parents, last = path.split(".")
        here = arm
        for key in parents:
            here = here.setdefault(key, {}) if isinstance(here, dict) else None
        if not isinstance(here, dict):
            raise BadInput(f"{path}: an arm has no such setting: see docs/experiments.md")
        here[last] = value
    spec |= {"arms": {search: arm}, "reference": search, "seeds": list(study.seeds)}
    spec["evaluation"]["benchmarks"] = study.model_dump(mode="json")["validation"]
    spec["evaluation"]["checkpoints"] = []  # a trial is judged by its last policy
    try:
        return Experiment.model_validate(spec)
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        tags = {"arms", search, experiment.arms[study.searches[search].arm].method.name}
        place = ".".join(str(key) for key in found["loc"] if key not in tags)
        shown = ", ".join(f"{path} = {value}" for path, value in values.items())
        raise BadInput(
            f"{place + ': ' if place else ''}{describe_finding(found)} (at {shown})"
        ) from None
