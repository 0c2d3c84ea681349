"""A battery: the same arms on every probe, and the reader of its file.

    results/battery/battery.yaml       what was asked for
                   /<probe>.yaml       the probe's experiment with the battery's arms and seeds
                   /<probe>/           its results, as of any experiment
                   /report.html        the scorecard

`--config probes=rare,placebo methods=aer` asks for a part; the reference always runs. Runs that are
not asked for stay where they are, and off the scorecard.
"""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from annotated_types import Len
from pydantic import ValidationError, model_validator

from eval.files.durable import write_text
from eval.files.errors import BadInput
from eval.files.yaml_file import is_yaml_file, read_yaml
from experiments.spec.blocks import Closed, FolderName
from experiments.spec.experiment_file import find_experiment
from experiments.spec.policy_settings import Natural
from experiments.spec.resolved import holds_text
from experiments.spec.schema import spec_hash
from experiments.spec.validation_messages import describe_findings
from experiments.workflow.config import snakemake_options

DEFAULT_BATTERY = Path(__file__).with_name("default.yaml")
BATTERY_NAME = "battery"  # Snakemake's target, and the folder of the results


class ProbeScore(Closed):
    """What the scorecard says about a probe."""

    # accuracy: points of pass@1; holding: how near entropy ends to where it began, in doublings
    score: Literal["accuracy", "holding"] = "accuracy"
    control: bool = False  # nothing can be learnt: an arm that is called better is a false alarm
    experiment: str = ""  # name or file of the probe's experiment; "" = the probe's own name


class Battery(Closed):
    """A battery's file. Its arms are as in an experiment; each probe's settings check them."""

    question: str
    reference: str
    probes: Annotated[dict[FolderName, ProbeScore], Len(1)]
    arms: Annotated[dict[FolderName, dict[str, Any]], Len(1)]
    seeds: Annotated[tuple[Natural, ...], Len(1)]

    @model_validator(mode="after")
    def reference_is_an_arm(self) -> Self:
        if self.reference not in self.arms:
            raise ValueError(
                f"reference {self.reference!r} is not an arm: choose one of {', '.join(self.arms)}"
            )
        return self

    def part(self, probes: Collection[str], arms: Collection[str]) -> "Battery":
        """The battery with some of its probes and, beside the reference, some of its arms."""
        return self.model_copy(
            update={
                "probes": {name: self.probes[name] for name in self.probes if name in probes},
                "arms": {
                    name: self.arms[name]
                    for name in self.arms
                    if name in arms or name == self.reference
                },
            }
        )


@dataclass(frozen=True)
class Member:
    """A probe of the battery that is asked for."""

    prefix: str  # of its rules
    file: str  # its experiment


def is_battery_asked(arguments: Sequence[str]) -> bool:
    """Whether Snakemake, called so, makes the battery, or is one inside a job, which may be the
    battery's.
    """
    options = snakemake_options(arguments)
    return bool(options) and (options.mode.name != "DEFAULT" or BATTERY_NAME in options.targets)


def asked_battery(config: Mapping[str, Any]) -> Battery:
    """The battery of `--config battery=FILE`, by default the one that is shipped, cut down to
    `probes=…` and `methods=…`.

    Raises:
        BadInput: the file is missing or wrong, or a probe or method is not in it.
    """
    battery = load_battery(Path(str(config.get("battery", DEFAULT_BATTERY))))
    return battery.part(
        _asked(config, "probes", battery.probes), _asked(config, "methods", battery.arms)
    )


def load_battery(path: Path) -> Battery:
    """Reads a battery's file. Raises BadInput, which names the key and the remedy."""
    if not is_yaml_file(path):
        raise BadInput(f"--config battery={path}: there is no such YAML file: correct the path")
    content = read_yaml(path)
    try:
        return Battery.model_validate(content)
    except ValidationError as error:
        raise BadInput(describe_findings(error, path, content, Battery)) from None


def write_battery(battery: Battery, folder: Path) -> list[Member]:
    """Writes what was asked for, and an experiment per probe. Unchanged files stay untouched."""
    _write_yaml(folder / "battery.yaml", battery.model_dump(mode="json"))
    members = []
    for name, probe in battery.probes.items():
        file = folder / f"{name}.yaml"
        content = read_yaml(find_experiment(probe.experiment or name))
        content.pop("looks", None)  # the battery has seeds of its own, and uses all of them
        replaced = ("reference", "arms", "seeds")
        given = battery.model_dump(mode="json", include={*replaced})
        _write_yaml(file, content | {"name": name} | given)
        members.append(Member(f"{name}_", str(file)))
    return members


def battery_hash(battery: Battery) -> str:
    return spec_hash(battery.model_dump(mode="json"))


def _asked(config: Mapping[str, Any], key: str, known: Collection[str]) -> set[str]:
    """The names behind a key, separated by commas; all that are known without the key."""
    if key not in config:
        return {*known}
    names = [name.strip() for name in str(config[key]).split(",") if name.strip()]
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise BadInput(
                f"--config {key}={config[key]}: the battery has no {name!r}: {hint}Choose from"
                f" {', '.join(known)}"
            )
    if not names:
        raise BadInput(f"--config {key}=: name at least one, or leave the key out")
    return {*names}


def _write_yaml(path: Path, content: dict[str, Any]) -> None:
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    if not holds_text(path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
