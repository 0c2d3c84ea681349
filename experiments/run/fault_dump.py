"""Reads the dump of a fault (numerics.py). A truncated or incomplete dump raises BadInput."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from eval.files.errors import BadInput
from eval.files.json_text import parse
from experiments.spec.policy_settings import Count, Natural
from experiments.spec.training_settings import Training
from experiments.spec.validation_messages import describe_finding
from methods import AnyMethod, NoEntropy

FOUND = {
    "loss": 1,
    "entropy": 1,
    "tokens": 1,
    "clip": 2,
}  # what the run found in a micro-batch, and how many numbers that is
INPUTS = (
    "prompt_ids",
    "prompt_mask",
    "completion_ids",
    "completion_mask",
    "advantages",
    "weight",
    "num_items_in_batch",
)

Batch = dict[str, Tensor]


class Fault(BaseModel, frozen=True):
    """fault.json, as far as it is needed."""

    what: str
    where: str
    rollout: Natural
    update: Natural
    gradient_norm: float
    processes: Count
    seed: Natural
    # for its surrogate and its entropy; its levers lie in the batches
    method: Annotated[AnyMethod, Field(discriminator="name")] = NoEntropy()
    training: Training


def read_fault(dump: Path) -> Fault:
    """Raises: BadInput if the folder is no dump, or a damaged one."""
    path = dump / "fault.json"
    if not path.is_file():
        raise BadInput(
            f"{dump}: not the dump of a fault (it has no fault.json): name a run's folder `fault`"
        )
    with undamaged(path):
        return Fault.model_validate(parse(path.read_bytes()))


def read_batches(dump: Path, processes: int) -> list[Batch]:
    """The micro-batches of all processes. Raises: BadInput if a file is missing or damaged."""
    return [
        batch
        for process in range(processes)
        for batch in _batches(dump / f"batch-{process}.safetensors")
    ]


@contextmanager
def undamaged(path: Path) -> Iterator[None]:
    """What reading a file of the dump raises becomes one sentence."""
    try:
        yield
    except BadInput:  # says what is wrong itself
        raise
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RuntimeError,
        SafetensorError,
    ) as error:
        raise BadInput(
            f"{path}: the dump of the fault is damaged ({_reason(error)}): copy it again from"
            " where the run was, or delete"
            " the folder `fault` and start the run again, which leaves a new one"
        ) from None


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        finding = error.errors(include_url=False)[0]
        place = ".".join(map(str, finding["loc"])) or "the whole file"
        return f"{place}: {describe_finding(finding)[:200]}"
    return " ".join(str(error).split())[:200]


def _batches(path: Path) -> list[Batch]:
    with undamaged(path):
        batches = split_batches(load_file(path))
        for batch in batches:
            _check(batch)
        return batches


def split_batches(named: Batch) -> list[Batch]:
    """The micro-batches of a file whose tensors are called <micro-batch>.<name>."""
    batches: dict[int, Batch] = {}
    for key, value in named.items():
        number, _, name = key.partition(".")
        batches.setdefault(int(number), {})[name] = value
    return [batches[number] for number in sorted(batches)]


def _check(batch: Batch) -> None:
    lacking = [
        name for name in (*INPUTS, *(f"found.{name}" for name in FOUND)) if name not in batch
    ]
    if lacking:
        raise ValueError(f"a micro-batch lacks {', '.join(lacking)}")
    odd = [name for name, count in FOUND.items() if batch[f"found.{name}"].numel() != count]
    if odd:
        raise ValueError(
            f"found.{odd[0]} holds {batch[f'found.{odd[0]}'].numel()} numbers, not {FOUND[odd[0]]}"
        )
