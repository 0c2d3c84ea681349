"""The mapping file, `bring.yaml`: what a comparison needs and the files do not say.

    name: xling
    reference: a1_en                      # the arm that the others are compared with
    base: base                            # the untrained policy, where it was evaluated; else null
    count: recomputed                     # or claimed: which grading of samples is counted
    checkpoint: last                      # or a step, or {arm: step}: which policy is reported
    differences_meant: []                 # settings in which arms may differ
    arms:
      a1_en: {model: …, prompt: …, temperature: 0.0}
    sources:
    - path: "evals/{arm}_{checkpoint}/**" # {arm}, {seed}, {benchmark}, {checkpoint}: from the path
      tool: lighteval
      seed: 0                             # the same for all of these files
      rename: {arm: {Exp1: exp1}}         # the file's name: ours; seed: {Exp1: 1} goes by arm
      keys: {rewards/accuracy/mean: accuracy}

A `?` is a question that the draft leaves open. Nothing is guessed: what is open and needed is asked
for by name.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, Len
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from analysis.bring.files.reading import MOST_LABEL_BYTES
from analysis.results.spec import Folder
from eval.files.errors import BadInput
from eval.files.marks import CHECKSUMS
from eval.files.yaml_file import read_yaml

OPEN = "?"
NOT_KNOWN = "unknown"
ARM_SETTINGS = ("model", "prompt", "temperature", "top_p", "max_tokens")
"""Of an arm: a comparison is between methods only where these are equal."""
RESERVED_ARMS = {
    *("tables", "figures", "problems", "brought", "benchmarks", "logs", "sweep", "looks"),
    *("certificate", "spec.yaml", "report.html", f"report.{CHECKSUMS}", "mlflow.db"),
}
"""What a results folder has beside its arms."""
Whole = Annotated[int, Ge(0), Le(2**53)]
Words = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class _ClosedMapping(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Rename(_ClosedMapping):
    """The file's name: ours."""

    arm: dict[str, Folder] = {}
    seed: dict[str, Whole | Literal["?"]] = {}  # by the file's name of the arm
    benchmark: dict[str, Folder] = {}


class SourceEntry(_ClosedMapping):
    """Some of the files, and what is true of all of them."""

    path: Words
    tool: Words
    arm: Folder | None = None
    seed: Whole | Literal["?"] | None = None
    benchmark: Folder | None = None
    checkpoint: Whole | Literal["?"] | None = None
    rename: Rename = Rename()
    keys: dict[str, Folder] = {}
    loss_agg_mode: Words | None = None
    metric: Words | None = None
    filter: Words | None = None
    right_score: float | int | None = None  # the tool's score of a right answer, where it is not 1


class ArmWords(_ClosedMapping):
    """What is known of an arm. `method` is shown in the report and read by the diagnostics."""

    model: Words = OPEN
    prompt: Words = OPEN
    temperature: float | int | Words = OPEN
    top_p: float | int | Words = NOT_KNOWN
    max_tokens: Whole | Words = NOT_KNOWN
    method: dict[str, Any] = {}


class BringFile(_ClosedMapping):
    name: Folder
    question: str = ""
    reference: Words = OPEN
    base: str | None = OPEN
    count: Literal["recomputed", "claimed", "?"] = OPEN
    checkpoint: Literal["last", "?"] | Whole | dict[str, Whole | Literal["last"]] = OPEN
    differences_meant: list[Literal["model", "prompt", "temperature", "top_p", "max_tokens"]] = []
    arms: dict[Folder, ArmWords] = {}
    benchmarks: dict[Folder, dict[str, Any]] = {}  # k of pass@k, for instance
    spec: dict[str, Any] = {}  # further blocks of the suite's spec.yaml, as an export has them
    sources: Annotated[list[SourceEntry], Len(1)]


def read_mapping(path: Path) -> BringFile:
    """The mapping. BadInput names the key that is wrong."""
    content = read_yaml(path)
    try:
        mapping = BringFile.model_validate(content)
    except ValidationError as error:
        finding = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in finding["loc"])[:200]
        raise BadInput(f"{path}: {place}: {finding['msg'][:200]}: see docs/bring.md") from None
    for arm in mapping.arms:
        if arm in RESERVED_ARMS:
            raise BadInput(f"{path}: arms.{arm}: results folders use this name: rename the arm")
        if len(arm.encode(errors="replace")) > MOST_LABEL_BYTES:
            raise BadInput(f"{path}: arms.{arm}: has over {MOST_LABEL_BYTES} bytes: rename the arm")
    return mapping


def of_arm(choice: Any, arm: str) -> Any:
    """A choice that is one for all arms, or one per arm."""
    return choice.get(arm, OPEN) if isinstance(choice, dict) else choice
