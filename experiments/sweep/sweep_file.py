"""What a sweep is: a study tunes arms of an experiment on validation questions, each with the same
number of trials.

A *search* is an arm and the settings of it that vary; a *trial* is one choice of their values,
trained once per seed and scored on questions that no table of the experiment shows. First the grid
is tried, then the sampler chooses. `trials` is one number for all searches: a method that is tuned
longer than its rival looks better than it is.
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
from experiments.spec.policy_settings import Natural
from experiments.spec.refusals import explain, say
from experiments.spec.schema import Benchmark, Closed, Experiment, Name, load, spec_hash
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


class Search(Closed):
    """An arm of the experiment, and what varies: setting path within the arm (`method.tau`) → its
    values.
    """

    arm: Name
    settings: Annotated[dict[str, Range | Choices], Len(1)]

    @property
    def grid_points(self) -> int:
        """Counted without making the grid: a short file can describe one that no memory holds."""
        fixed = [len(setting.first) for setting in self.settings.values() if setting.first]
        return math.prod(fixed) if fixed else 0

    def grid(self) -> list[Values]:
        """Every combination of the settings that have a grid. The others are left to the
        sampler.
        """
        fixed = {path: setting.first for path, setting in self.settings.items() if setting.first}
        return (
            [dict(zip(fixed, values, strict=True)) for values in itertools.product(*fixed.values())]
            if fixed
            else []
        )

    def probes(self) -> Iterator[Values]:
        """Values that must make valid arms: each setting at each extreme and grid value, the others
        at their first.
        """
        middle = {path: setting.extremes[0] for path, setting in self.settings.items()}
        for path, setting in self.settings.items():
            for value in dict.fromkeys((*setting.extremes, *setting.first)):
                yield {**middle, path: value}


class Study(Closed):
    """An experiment's arms, what varies in each, and what a trial is judged by."""

    name: Name
    question: str
    experiment: str  # name or file
    searches: Annotated[dict[Name, Search], Len(1)]
    validation: Annotated[dict[Name, Benchmark], Len(1)]
    objective: Objective
    seeds: Annotated[tuple[Natural, ...], Len(1)]
    trials: Trials  # of every search: the tuning budget
    workers: Workers = 2  # processes that try side by side
    sampler: Sampler = Sampler()
    pruner: Annotated[NoPruning | WilcoxonPruning | MedianPruning, Field(discriminator="name")] = (
        NoPruning()
    )
    retries: Natural = 2  # how often a trial that failed is tried again
    keep_policies: bool = False  # the trained policies, once they have been scored

    @model_validator(mode="after")
    def consistent(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds {list(self.seeds)} are not all different")
        benchmark = self.validation.get(self.objective.benchmark)
        if benchmark is None:
            raise ValueError(
                f"objective.benchmark {self.objective.benchmark!r} is no validation set: choose"
                " one of"
                f" {', '.join(self.validation)}"
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
                    f" {name!r}"
                )
        return self

    @property
    def arms(self) -> set[str]:
        """The arms that are tuned."""
        return {search.arm for search in self.searches.values()}

    @property
    def trainings_per_worker(self) -> int:
        """Where they share the work evenly."""
        return math.ceil(len(self.searches) * self.trials * len(self.seeds) / self.workers)

    def hash(self) -> str:
        return spec_hash(self.model_dump(mode="json"))


def load_study(source: str | Path) -> tuple[Study, Experiment]:
    """A study and its experiment, of which the arms that are tuned must be there.

    `target_ratio` is sweep_target_ratio.yaml in this folder; or the path of a YAML file.

    Raises:
        BadInput: naming the file, the key and the remedy.
    """
    path = find_study(source)
    study = _read(path)
    experiment = load(study.experiment, study.arms)
    _check(study, experiment, path)
    return study, experiment


def asked_experiment(config: Mapping[str, Any]) -> str:
    """The experiment that `--config experiment=…` or `--config sweep=…` asks for."""
    if "experiment" in config or "sweep" not in config:
        return str(config.get("experiment", "arithmetic"))  # Snakemake makes a number of 5
    return _read(find_study(asked_sweep(config))).experiment


def asked_arms(config: Mapping[str, Any]) -> set[str]:
    """The arms that the study which `--config sweep=…` names, or the default one, tunes."""
    return _read(find_study(asked_sweep(config))).arms


def asked_sweep(config: Mapping[str, Any]) -> str:
    """The study's name or path; Snakemake makes a number of 5."""
    return str(config.get("sweep", "target_ratio"))


def asked_study(config: Mapping[str, Any], experiment: Experiment) -> Study | None:
    """The study that `--config sweep=…` names, else the default one where it is of this experiment.

    Raises:
        BadInput: the named study is of another experiment.
    """
    study, its_own = load_study(asked_sweep(config))
    if its_own.name == experiment.name:
        return study
    if "sweep" in config:
        raise BadInput(
            f"sweep {study.name!r} is of the experiment {its_own.name!r}, not of"
            f" {experiment.name!r}"
        )
    return None


def no_sweep(experiment: Experiment) -> str:
    """What the target `sweep` says where it has nothing to do."""
    raise BadInput(
        f"no sweep of the experiment {experiment.name!r} was named: snakemake sweep --config"
        " sweep=NAME, where"
        " experiments/sweep_NAME.yaml describes it"
    )


def stored_study(folder: Path) -> tuple[Study, Experiment]:
    """The resolved study of a results folder, results/<experiment>/sweep/<study>, and its
    experiment's resolved spec.
    """
    return _read(folder / "study.yaml"), load(folder.parents[1] / "spec.yaml")


def _read(path: Path) -> Study:
    content = read_yaml(path)
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        raise BadInput(explain(error, path, content, Study)) from None


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


def _check(study: Study, experiment: Experiment, path: Path) -> None:
    """What only the two together can show: test questions in the objective, unknown arms, settings
    that do not fit.
    """
    for name, benchmark in study.validation.items():
        if benchmark.levels is not None and benchmark.stream != "validation":
            raise BadInput(
                f"{path}: validation.{name}: tuning on test questions spoils them: say stream:"
                " validation"
            )
        if name in experiment.evaluation.benchmarks:
            raise BadInput(
                f"{path}: validation.{name}: {experiment.name} is tested on it, and what is tuned"
                " on test questions"
                " can no longer be tested on them: choose another set"
            )
    for name, search in study.searches.items():
        if search.arm not in experiment.arms:
            raise BadInput(
                f"{path}: searches.{name}.arm: {experiment.name} has no arm {search.arm!r}: choose"
                " one of"
                f" {', '.join(experiment.arms)}"
            )
        for values in search.probes():
            try:
                trial_experiment(study, experiment, name, values)
            except BadInput as error:
                raise BadInput(f"{path}: searches.{name}.settings: {error}") from None


def trial_experiment(
    study: Study, experiment: Experiment, search: str, values: Mapping[str, Any]
) -> Experiment:
    """The experiment of one trial: one arm, called as the search is, on the study's seeds and
    validation questions.

    Raises:
        BadInput: the values make no valid arm.
    """
    spec = experiment.model_dump(mode="json")
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
    try:
        return Experiment.model_validate(spec)
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        tags = {"arms", search, experiment.arms[study.searches[search].arm].method.name}
        place = ".".join(str(key) for key in found["loc"] if key not in tags)
        shown = ", ".join(f"{path} = {value}" for path, value in values.items())
        raise BadInput(f"{place + ': ' if place else ''}{say(found)} (at {shown})") from None
