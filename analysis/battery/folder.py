"""Reads a battery's folder: what was asked for, and the results of each probe."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Len
from pydantic import BaseModel, ValidationError

from analysis.battery.scores import NAN, ScoreCell, probe_cells
from analysis.results.folder import Results, load_results
from analysis.results.spec import Folder
from eval.files.errors import BadInput
from eval.files.yaml_file import read_yaml


class _Probe(BaseModel, extra="allow", strict=True):
    score: Literal["accuracy", "holding"]
    control: bool = False


class _Asked(BaseModel, extra="allow", strict=True):
    question: str
    reference: str
    probes: Annotated[dict[Folder, _Probe], Len(1)]
    arms: Annotated[dict[Folder, dict], Len(1)]


@dataclass(frozen=True)
class ProbeResults:
    """One column of the scorecard."""

    name: str
    score: str
    control: bool  # an arm that is called better is a false alarm
    results: Results | None
    missing: str  # why there are no results
    cells: tuple[ScoreCell, ...]  # one per arm, the reference's among them


@dataclass(frozen=True)
class BatteryResults:
    """Everything that the scorecard is made from."""

    folder: Path
    question: str
    reference: str
    arms: tuple[str, ...]
    probes: tuple[ProbeResults, ...]

    @property
    def cells(self) -> list[ScoreCell]:
        return [cell for probe in self.probes for cell in probe.cells]


def read_battery(folder: Path) -> BatteryResults:
    """Reads results/battery. A probe without results becomes a column without verdicts.

    Raises:
        BadInput: battery.yaml is missing or lacks what the scorecard needs.
    """
    path = folder / "battery.yaml"
    if not path.is_file():
        raise BadInput(f"{path} is missing: name the folder of a battery, results/battery")
    try:
        asked = _Asked.model_validate(read_yaml(path))
    except ValidationError as error:
        finding = error.errors(include_url=False)[0]
        place = ".".join(map(str, finding["loc"]))
        raise BadInput(
            f"{path}: {place}: {finding['msg']}: run the battery again, which rewrites it"
        ) from None
    arms = tuple(asked.arms)
    probes = tuple(read_probe(folder, name, probe, arms) for name, probe in asked.probes.items())
    return BatteryResults(folder, asked.question, asked.reference, arms, probes)


def read_probe(folder: Path, name: str, probe: _Probe, arms: tuple[str, ...]) -> ProbeResults:
    try:
        results, why = load_results(folder / name), ""
        cells = probe_cells(name, probe.score, results)
    except BadInput as error:
        results, why = None, str(error)
        cells = [ScoreCell(name, arm, probe.score, 0, NAN, remarks=why) for arm in arms]
    return ProbeResults(name, probe.score, probe.control, results, why, tuple(cells))
