"""A method's levers on single tokens (`shape`): from the rows of all processes to each
micro-batch's.

Every process gathers what the scoring pass showed, calls `shape` on the whole rollout, and keeps
its own rows of the levers. They travel in the batch beside the completions, as `lever.<name>`, so
that TRL's shuffling and splitting keep them with their rows.

Shapes: B = completions, T = tokens; "all" = of all processes, else of this one.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from methods.common.control import LEVERS, Rollout, Shape

Gather = Callable[[Tensor], Tensor]
IDENTITY = {"weight_BT": 1.0, "worth_BT": 0.0, "tether_BT": 0.0, "pull_BT": 0.0}
"""The value at which a lever changes nothing. An advantage's is GRPO's own."""


def local_rows(shape: Shape, rows: slice, tokens: int) -> dict[str, Tensor]:
    """The levers of one process, by their names in the batch. tokens: T of its completions."""
    return {
        f"lever.{name}": lever[rows] if lever.dim() == 1 else lever[rows, :tokens]
        for name, lever in shape.tensors().items()
    }


def levers_in(batch: Mapping[str, Any]) -> Shape:
    """The levers of a micro-batch."""
    return Shape(**{name: batch[f"lever.{name}"] for name in LEVERS if f"lever.{name}" in batch})


def lever_numbers(shape: Shape, seen: Rollout) -> dict[str, dict[str, float]]:
    """Did each lever act? Over the tokens that count: share touched, mean of the lever, and mean
    and largest distance from the value that changes nothing.
    """
    counted_BT = seen.mask_BT.bool()
    if not counted_BT.any():
        return {}
    numbers: dict[str, dict[str, float]] = {}
    for name, lever in shape.tensors().items():
        lever_BT = lever.unsqueeze(1) if lever.dim() == 1 else lever
        value = lever_BT.expand_as(counted_BT)[counted_BT].double()
        still = (
            seen.advantage_B.unsqueeze(1).expand_as(counted_BT)[counted_BT].double()
            if name == "advantage"
            else torch.full_like(value, IDENTITY[name])
        )
        off = (value - still).abs()
        numbers[name.removesuffix("_BT")] = {
            "touched": (off > 0).double().mean().item(),
            "mean": value.mean().item(),
            "distance": off.mean().item(),
            "largest": off.max().item(),
        }
    return numbers
