"""The schema of an experiment, and the only reader of experiment files.

Every key is defined here with its unit and default, except those of the `model` and `training`
blocks (policy_settings.py, training_settings.py). Unknown keys are refused.
"""

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from os.path import isfile
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Gt, Le, Len
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from eval.files.errors import BadInput
from eval.files.yaml_file import is_yaml_file, read_yaml
from eval.questions.named_sets import SOURCES
from eval.sampling.prompts import TEMPLATES
from experiments.families import FAMILIES, AnyFamily, Arithmetic, Family, TaughtFamily
from experiments.spec.policy_settings import (
    Count,
    HubPolicy,
    Levels,
    MiniaturePolicy,
    Natural,
    PackagePolicy,
    TinyPolicy,
)
from experiments.spec.seed_looks import LooksOrNone, with_listed_seeds
from experiments.spec.training_settings import MACHINE, Training
from experiments.spec.validation_messages import describe_finding, describe_findings
from methods import AnyMethod
from methods.common.control import needs_ratio
from methods.common.ranges import Positive, Share

FolderName = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")
]  # becomes a folder

# left out of a spec where it is equal, so that older results folders keep their settings
Allocation = Annotated[
    Literal["equal", "neyman"], Field(exclude_if=lambda allocation: allocation == "equal")
]

DEFAULT_EXPERIMENT = "rare"  # of `snakemake all`; the Makefile names it, too

# These folders are in a results folder beside those of the arms, so no arm may have their names.
RESERVED_FOLDERS = {
    *("base", "problems", "looks", "tables", "figures", "logs", "benchmarks", "sweep"),
}


class Closed(BaseModel):
    """A block of an experiment file: unknown keys, infinities and NaN are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Task(Closed):
    """The training prompts."""

    prompts: str  # a family of generated problems, or the name of a training set
    template: str  # how a problem becomes a prompt, for training and evaluation alike
    # settings of the generated problems, and of what a tiny policy is taught; docs/experiments.md
    family: Annotated[AnyFamily, Field(discriminator="name")] | None = None
    levels: Levels | None = None  # generated prompts: their levels
    per_level: Count | None = None  # generated prompts: how many of each level
    limit: Count | None = None  # named sets: number of prompts used, the first after cleaning
    seed: Natural = 0  # of the generated problems
    contamination: Literal["drop", "flag"] = (
        "drop"  # what to do with training rows that overlap a benchmark
    )
    # completions per prompt from which the base policy's pass rate is measured; 0 = not measured
    strata_samples: Natural = 8

    @model_validator(mode="after")
    def prompts_and_template_exist(self) -> Self:
        if self.template not in TEMPLATES:
            raise ValueError(
                f"unknown template {self.template!r}: choose one of {', '.join(TEMPLATES)}"
            )
        if self.prompts in FAMILIES:
            if self.levels is None or self.per_level is None:
                raise ValueError(f"{self.prompts} prompts need levels and per_level")
        elif self.prompts not in SOURCES:
            raise ValueError(
                f"unknown prompts {self.prompts!r}: choose {' or '.join(FAMILIES)}, or one of"
                f" {', '.join(SOURCES)}"
            )
        elif self.levels is not None or self.per_level is not None:
            raise ValueError(
                "levels and per_level belong to generated prompts only: leave them out"
            )
        if self.prompts in FAMILIES and self.limit is not None:
            raise ValueError("limit belongs to named sets: set per_level instead")
        if self.family and self.prompts in FAMILIES and self.family.name != self.prompts:
            raise ValueError(
                f"family has the settings of {self.family.name}, but the prompts are"
                f" {self.prompts}: make them the same"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def family_of_the_prompts(cls, given: Any) -> Any:
        """The family's settings, by default those of the prompts' own family."""
        prompts = given.get("prompts") if isinstance(given, dict) else None
        family = given.get("family") if isinstance(given, dict) else None
        if not (family is None or isinstance(family, dict)):
            return given
        if prompts not in FAMILIES:
            # A family without a name has no prompts to get it from: they say what is wrong.
            return given if not family or "name" in family else {**given, "family": None}
        return {**given, "family": {"name": prompts, **(family or {})}}

    @property
    def generator(self) -> Family:
        """What makes the problems of sets with levels, and teaches a tiny policy."""
        return self.family or Arithmetic()


class Arm(Closed):
    """A method with its settings: one of the ways of training that are compared."""

    method: AnyMethod = Field(discriminator="name")
    training: dict[str, Any] = {}  # overrides of the experiment's training block
    unequal_budget: bool = False  # allow another budget than the other arms'; tables flag it


class Benchmark(Closed):
    """A set of questions, and the number of answers to each."""

    samples: Count  # completions per question
    # neyman = of the trained policies only in the mean: more where the base policy's answers vary
    allocation: Allocation = "equal"
    k: Annotated[tuple[Count, ...], Len(1)]  # of pass@k
    levels: Levels | None = None  # generated sets: their levels
    per_level: Count | None = None  # generated sets: questions per level
    stream: Literal["validation", "test"] = "test"  # generated sets
    limit: Count | None = None  # named sets: number of questions asked, the first of the set

    @model_validator(mode="after")
    def enough_samples(self) -> Self:
        if max(self.k) > self.samples:
            raise ValueError(
                f"k = {max(self.k)} needs at least {max(self.k)} samples per question, not"
                f" {self.samples}"
            )
        if self.allocation != "equal" and self.samples <= self.least_samples:
            raise ValueError(
                f"allocation {self.allocation} has nothing to distribute: {self.least_samples} of"
                f" {self.samples} samples are the least of every question: raise samples, or leave"
                " allocation out"
            )
        if (self.levels is None) != (self.per_level is None):
            raise ValueError(
                "levels and per_level go together: give both (a generated set) or neither (a named"
                " set)"
            )
        if self.levels is not None and self.limit is not None:
            raise ValueError("limit belongs to named sets: set per_level instead")
        return self

    @property
    def least_samples(self) -> int:
        """Of any question: pass@k needs k, and one sample shows nothing of the variance."""
        return max(2, *self.k)


class Evaluation(Closed):
    """What every arm and the base policy are asked, and how their answers are sampled."""

    benchmarks: dict[FolderName, Benchmark]
    temperature: Positive = 1.0
    top_p: Annotated[float, Gt(0), Le(1)] = 1.0
    max_tokens: Count
    engine: Literal["transformers", "vllm"] = "transformers"
    # of the policies that answer; auto = the type in which each is stored
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    seed: Natural = 0
    # policies on the way are evaluated, too: after so many rollouts each; a number alone asks for
    # that many, equally far apart
    checkpoints: tuple[Count, ...] = ()

    @model_validator(mode="after")
    def known_benchmarks(self) -> Self:
        for name, benchmark in self.benchmarks.items():
            if name == "train":
                raise ValueError(
                    "a benchmark cannot be called train: the training prompts have that file name"
                )
            if benchmark.levels is not None and name in SOURCES:
                raise ValueError(
                    f"{name!r} is the name of a known set, and levels make another one: give the"
                    " generated set a name of its own"
                )
            if benchmark.levels is None and name not in SOURCES:
                raise ValueError(
                    f"unknown benchmark {name!r}: choose one of {', '.join(SOURCES)}, or give"
                    " levels and per_level for a generated set"
                )
        return self


class Analysis(Closed):
    """How intervals are computed."""

    draws: Annotated[int, Ge(100)] = 10_000  # bootstrap draws
    seed: Natural = 0
    # seed = the arms' runs of one seed number are pairs; none = their seeds are two samples
    pairing: Literal["none", "seed"] = "none"
    # pass@1 of the question "after how many completions?", with evaluation.checkpoints;
    # None = the reference's at the end of its training
    target_score: Share | None = None


class Experiment(Closed):
    """Arms, and how they are trained, evaluated and compared to answer a question."""

    name: FolderName
    question: str
    reference: FolderName  # the arm that the others are compared with
    model: Annotated[
        TinyPolicy | MiniaturePolicy | HubPolicy | PackagePolicy, Field(discriminator="source")
    ]
    task: Task
    training: Training
    arms: Annotated[dict[FolderName, Arm], Len(1)]
    # training seeds of every arm: a list, or {looks: [3, 6, 12]} for as many as the verdicts need
    seeds: Annotated[tuple[Natural, ...], Len(1)]
    # written out from `seeds`: after how many seeds the arms are compared; None = once, at the end
    looks: LooksOrNone = None
    evaluation: Evaluation
    analysis: Analysis = Analysis()
    # folder with the named sets as JSON lines; may start with $NAME; None = from the hub
    data_dir: str | None = None

    @field_validator("data_dir")
    @classmethod
    def expanded(cls, data_dir: str | None) -> str | None:
        return data_dir and os.path.expandvars(data_dir)

    @model_validator(mode="after")
    def consistent(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds {list(self.seeds)} are not all different")
        if self.looks and self.looks.after[-1] != len(self.seeds):
            raise ValueError(
                f"looks: the last is after {self.looks.after[-1]} seeds, but {len(self.seeds)} are"
                " listed: make them the same"
            )
        if self.reference not in self.arms:
            raise ValueError(
                f"reference {self.reference!r} is not an arm: choose one of {', '.join(self.arms)}"
            )
        for name in self.arms:
            if name in RESERVED_FOLDERS:
                raise ValueError(
                    f"an arm cannot be called {name!r}: the results folder uses that name already"
                )
            self._check_arm(name)
        if isinstance(self.model, MiniaturePolicy) and self.task.prompts in FAMILIES:
            raise ValueError(
                "model: a miniature policy needs a named training set as prompts, not"
                f" {self.task.prompts}"
            )
        family = self.task.generator
        if isinstance(self.model, TinyPolicy) and not isinstance(family, TaughtFamily):
            raise ValueError(
                f"model: a tiny policy cannot be taught {family.name}, which has no demonstrations:"
                " choose another source"
            )
        self._check_levels()
        self._check_checkpoints()
        self._check_allocation()
        if (
            isinstance(self.model, HubPolicy)
            and self.model.revision is None
            and not self.model.is_folder
        ):
            raise ValueError(
                f"model.revision is missing: pin {self.model.name!r} to a commit of the hub"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def seeds_of_looks(cls, given: Any) -> Any:
        """`seeds: {looks: …}` as a list of seeds and the block `looks`."""
        return with_listed_seeds(given)

    @model_validator(mode="before")
    @classmethod
    def checkpoints_of_a_number(cls, given: Any) -> Any:
        """A number of checkpoints as the rollouts after which they are."""
        blocks = [given.get(name) for name in ("evaluation", "training")] if given else []
        if not all(isinstance(block, dict) for block in (given, *blocks)):
            return given
        number, rollouts = blocks[0].get("checkpoints"), blocks[1].get("rollouts")
        if not (type(number) is type(rollouts) is int):
            return given
        if not 0 <= number < rollouts:
            raise ValueError(
                f"evaluation.checkpoints: {number} policies on the way do not fit into {rollouts}"
                " rollouts: ask for fewer"
            )
        after = [round(rollouts * each / (number + 1)) for each in range(1, number + 1)]
        return given | {"evaluation": blocks[0] | {"checkpoints": after}}

    def _check_checkpoints(self) -> None:
        after = self.evaluation.checkpoints
        if list(after) != sorted(set(after)):
            raise ValueError(f"evaluation.checkpoints {list(after)} are not ascending")
        for name in self.arms if after else ():
            training = self.training_of(name)
            if after[-1] >= training.rollouts:
                raise ValueError(
                    f"evaluation.checkpoints: {after[-1]} is not before the end of arm {name},"
                    f" which has {training.rollouts} rollouts: its last policy is evaluated anyway"
                )
            if training.stop_exploded:
                raise ValueError(
                    f"evaluation.checkpoints: an exploded run of arm {name} may end before them:"
                    " set training.stop_exploded to false, or leave them out"
                )

    def _check_allocation(self) -> None:
        """A run with the seed of the base policy's samples would draw with the same numbers, and
        its answers would depend on what planned how many there are.
        """
        planned = [n for n, b in self.evaluation.benchmarks.items() if b.allocation != "equal"]
        if planned and self.evaluation.seed in self.seeds:
            raise ValueError(
                f"evaluation.seed {self.evaluation.seed} is one of the training seeds, and"
                f" {planned[0]} has an allocation that is planned from samples with that seed:"
                " choose another evaluation.seed"
            )

    def _check_levels(self) -> None:
        known = self.task.generator.levels
        sets = self.evaluation.benchmarks
        asked = {f"evaluation.benchmarks.{name}": sets[name].levels for name in sets}
        for place, levels in {"task": self.task.levels, **asked}.items():
            for level in levels or ():
                if level not in known:
                    raise ValueError(
                        f"{place}.levels: {self.task.generator.name} has no level {level}: choose"
                        f" from 1 to {known[-1]}"
                    )

    def _check_arm(self, name: str) -> None:
        arm = self.arms[name]
        try:
            training = self.training_of(name)
        except ValidationError as error:
            finding = error.errors()[0]
            place = ".".join(["arms", name, "training", *map(str, finding["loc"])])
            raise ValueError(f"{place}: {describe_finding(finding)}") from None
        if needs_ratio(arm.method) and training.updates_per_rollout == 1:
            low, high = arm.method.clip
            raise ValueError(
                f"arms.{name}: {arm.method.name} with clip ({low:g}, {high:g}) does nothing at"
                " updates_per_rollout 1, where every ratio is 1: set"
                " training.updates_per_rollout to 2 or more, or leave the arm out"
            )
        if training_budget(training) != training_budget(self.training) and not arm.unequal_budget:
            raise ValueError(
                f"arms.{name}: its training overrides change the budget"
                f" {training_budget(self.training)} to {training_budget(training)}: make them"
                " equal, or set unequal_budget: true"
            )

    def training_of(self, arm: str) -> Training:
        """The training block of an arm, its overrides applied."""
        return Training.model_validate({**self.training.model_dump(), **self.arms[arm].training})


def training_budget(training: Training) -> dict[str, int]:
    """What must be equal between arms for a fair comparison: counts over a whole run, tokens of a
    completion at most.
    """
    return {
        "rollouts": training.rollouts,
        "completions": training.completions_per_rollout,
        "updates": training.updates_per_rollout,
        "tokens": training.max_completion_length,
    }


def load_experiment(source: str | Path, needed: Collection[str] | None = None) -> Experiment:
    """Reads an experiment file.

    `source`: the name of a file in experiments/ or experiments/probes/ (`rare` is
    experiments/probes/rare.yaml), or the path of a YAML file.
    `needed`: arms that must be present, beside the reference. Other arms are left out if the file
    in their `from` does not exist. None = all arms are needed.

    Raises:
        BadInput: the file is missing or wrong; names the file, the key and the remedy.
    """
    path = find_experiment(source)
    content = with_arms(read_yaml(path), path, needed)
    try:
        return Experiment.model_validate(content)
    except ValidationError as error:
        raise BadInput(describe_findings(error, path, content, Experiment)) from None


def with_arms(
    content: dict[str, Any], path: Path, needed: Collection[str] | None = None
) -> dict[str, Any]:
    """The content of an experiment file, with each arm `{from: FILE}` replaced by FILE's content.

    FILE is for example the best.yaml of a sweep. A relative FILE is searched for in the folder of
    the experiment's file, then in the working directory.
    """
    arms = content.get("arms")
    if not isinstance(arms, dict):
        return content
    asked = arms if needed is None else (*needed, content.get("reference"))
    read = {
        name: _arm_of_file(name, arm, path)
        for name, arm in arms.items()
        if name in asked or _is_there(arm, path)
    }
    return content | {"arms": read}


def _is_there(arm: Any, path: Path) -> bool:
    """False for an arm whose `from` names a file that does not exist; else True."""
    named = arm.get("from") if isinstance(arm, dict) else None
    return not isinstance(named, str) or _file_of(named, path) is not None


def _file_of(named: str, path: Path) -> Path | None:
    return next((file for file in (path.parent / named, Path(named)) if isfile(file)), None)


def _arm_of_file(name: str, arm: Any, path: Path) -> Any:
    if not isinstance(arm, dict) or "from" not in arm:
        return arm
    if len(arm) > 1 or not isinstance(arm["from"], str):
        raise BadInput(
            f"{path}: arms.{name}: an arm with `from: FILE` cannot have other keys: put them into"
            " that file"
        )
    if file := _file_of(arm["from"], path):
        return read_yaml(file)
    raise BadInput(
        f"{path}: arms.{name}.from: there is no file {arm['from']!r}: make it first (snakemake"
        " sweep), or leave the arm out"
    )


def find_experiment(source: str | Path) -> Path:
    """The file of an experiment, given by its name or path. BadInput lists the known names."""
    folder = Path(__file__).parents[1]
    for path in (Path(source), folder / f"{source}.yaml", folder / "probes" / f"{source}.yaml"):
        if is_yaml_file(path):
            return path
    known = ", ".join(shipped_experiments())
    raise BadInput(
        f"there is no experiment {str(source)!r}: give the path of a YAML file, or one of {known}"
    )


def shipped_experiments() -> list[str]:
    """Names of the experiments in experiments/ and experiments/probes/. Files called sweep_… there
    describe sweeps.
    """
    folder = Path(__file__).parents[1]
    names = sorted(
        path.stem for place in (folder, folder / "probes") for path in place.glob("*.yaml")
    )
    return [name for name in names if not name.startswith("sweep_")]


def run_spec(experiment: Experiment, arm: str, seed: int) -> dict[str, Any]:
    """All settings that determine one training run.

    Two runs with equal specs on one CPU give the same weights bit for bit.
    """
    return {
        "arm": arm,
        "seed": seed,
        # through JSON, so that tuples become lists as in the other blocks
        "method": json.loads(json.dumps(vars(experiment.arms[arm].method))),
        "training": experiment.training_of(arm).model_dump(mode="json", exclude=MACHINE),
        **base_spec(experiment),
    }


def base_spec(experiment: Experiment) -> dict[str, Any]:
    """All settings that determine the base policy and the training prompts."""
    return {
        "model": experiment.model.model_dump(mode="json"),
        "task": experiment.task.model_dump(mode="json"),
    }


def spec_hash(spec: Mapping[str, Any]) -> str:
    """First 16 hex digits of the SHA-256 of the settings as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]
