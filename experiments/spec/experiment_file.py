"""The only reader of experiment files, which are found by name or path."""

from collections.abc import Collection
from os.path import isfile
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from eval.files.errors import BadInput
from eval.files.yaml_file import is_yaml_file, read_yaml
from experiments.spec.schema import Experiment
from experiments.spec.validation_messages import describe_findings

DEFAULT_EXPERIMENT = "rare"  # of `snakemake all`; the Makefile names it, too


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
