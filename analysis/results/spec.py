"""Reads the resolved spec of a results folder, and checks the parts that the analysis uses.

A results folder may come from elsewhere, with settings that this version does not know: other keys
are allowed. Arms and benchmarks are folder and file names, so a name that would lead out of the
results folder is an error.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, Len
from pydantic import BaseModel, NonNegativeInt, StringConstraints, ValidationError

from eval.files.errors import BadInput
from eval.files.yaml_file import read_yaml
from eval.looks.settings import DEFAULT_SPENDING, MOST_LOOK_SEEDS, Spending

MADE_AGAIN = "run the study again, or bring it again, which rewrites this file"
# a plain file name: not hidden, and without a way to another folder
Folder = Annotated[str, StringConstraints(pattern=r"^[^./\\][^/\\]{0,199}$")]


class _Shape(BaseModel, extra="allow", strict=True):
    pass


class _Arm(_Shape):
    method: dict[str, Any] | None = None
    seeds: list[NonNegativeInt] | None = None  # of an arm brought from elsewhere


class _Benchmark(_Shape):
    samples: NonNegativeInt = 0
    k: list[Annotated[int, Ge(1)]] | None = None


class _Evaluation(_Shape):
    benchmarks: dict[Folder, _Benchmark | None] = {}
    checkpoints: list[Annotated[int, Ge(1)]] = []


class _Analysis(_Shape):
    seed: NonNegativeInt = 0
    draws: Annotated[int, Ge(1), Le(1_000_000)] = 1
    pairing: Literal["none", "seed"] = "none"
    target_score: float | None = None


class _Looks(_Shape):
    after: Annotated[list[Annotated[int, Ge(2), Le(MOST_LOOK_SEEDS)]], Len(1, 20)]
    spending: Spending = DEFAULT_SPENDING


class _Spec(_Shape):
    arms: Annotated[dict[Folder, _Arm | None], Len(1)]
    seeds: Annotated[list[NonNegativeInt], Len(1)]
    looks: _Looks | None = None
    reference: str | None = None
    task: dict[str, Any] = {}
    evaluation: _Evaluation = _Evaluation()
    analysis: _Analysis = _Analysis()


def read_spec(path: Path) -> dict[str, Any]:
    """The spec. BadInput if it is missing, unreadable, or does not have the fields of `_Spec`."""
    if not path.exists():
        raise BadInput(f"{path} is missing: name a results folder that an experiment wrote")
    spec = read_yaml(path)
    try:
        _Spec.model_validate(spec)
    except ValidationError as error:
        finding = error.errors(include_url=False)[0]
        raise BadInput(
            f"{path}: {'.'.join(map(str, finding['loc']))}: {finding['msg']}: {MADE_AGAIN}"
        ) from None
    if spec.get("reference") not in (None, *spec["arms"]):
        raise BadInput(f"{path}: reference: {spec['reference']!r} is not an arm: {MADE_AGAIN}")
    if problem := problem_of_looks(spec):
        raise BadInput(f"{path}: looks.after: {problem}: {MADE_AGAIN}")
    return spec


def problem_of_looks(spec: dict[str, Any]) -> str:
    """Why the looks cannot have been made in this order; "" if they can, or there are none."""
    after = (spec.get("looks") or {}).get("after", [])
    if after != sorted(set(after)):
        return f"{after} are not ascending"
    if after and after[-1] > len(spec["seeds"]):
        return f"the last is after {after[-1]} seeds, and {len(spec['seeds'])} are listed"
    return ""


def seeds_of_arm(spec: dict[str, Any], arm: str) -> tuple[int, ...]:
    """`arms.<arm>.seeds`, which results brought from elsewhere have, else `seeds`."""
    return tuple((spec["arms"].get(arm) or {}).get("seeds") or spec["seeds"])
