"""The resolved spec of a results folder, checked as far as the analysis leans on it.

The analysis also reads folders that other people made, with settings that this version does not
know. Names of arms and benchmarks are parts of paths there, so none of them may lead out of the
folder.
"""

from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Le, Len
from pydantic import BaseModel, StringConstraints, ValidationError

from eval.files.errors import BadInput
from eval.files.yaml_file import read_yaml

# neither hidden nor a way up
Folder = Annotated[str, StringConstraints(pattern=r"^[^./\\][^/\\]{0,199}$")]
Natural = Annotated[int, Ge(0)]


class _Shape(BaseModel, extra="allow", strict=True):
    pass


class _Arm(_Shape):
    method: dict[str, Any] | None = None
    seeds: list[Natural] | None = None  # of an arm brought from elsewhere


class _Benchmark(_Shape):
    samples: Natural = 0
    k: list[Annotated[int, Ge(1)]] | None = None


class _Evaluation(_Shape):
    benchmarks: dict[Folder, _Benchmark | None] = {}


class _Analysis(_Shape):
    seed: Natural = 0
    draws: Annotated[int, Ge(1), Le(1_000_000)] = 1


class _Spec(_Shape):
    arms: Annotated[dict[Folder, _Arm | None], Len(1)]
    seeds: Annotated[list[Natural], Len(1)]
    reference: str | None = None
    task: dict[str, Any] = {}
    evaluation: _Evaluation = _Evaluation()
    analysis: _Analysis = _Analysis()


def read_spec(path: Path) -> dict[str, Any]:
    """The spec. BadInput where it is missing, unreadable, or not of the shape above."""
    if not path.exists():
        raise BadInput(f"{path} is missing: name a results folder that an experiment wrote")
    spec = read_yaml(path)
    try:
        _Spec.model_validate(spec)
    except ValidationError as error:
        finding = error.errors(include_url=False)[0]
        raise BadInput(
            f"{path}: {'.'.join(map(str, finding['loc']))}: {finding['msg']}: write it again"
        ) from None
    if spec.get("reference") not in (None, *spec["arms"]):
        raise BadInput(f"{path}: reference: {spec['reference']!r} names no arm: write it again")
    return spec
