"""A method's levers on single tokens (`shape`): from the rows of all processes to each
micro-batch's.

Every process gathers what the scoring pass showed, calls `shape` on the whole rollout, and keeps
its own rows of the levers. They travel in the batch beside the completions, as `lever.<name>`, so
that TRL's shuffling and splitting keep them with their rows.

Shapes: B = completions, T = tokens; "all" = of all processes, else of this one.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from experiments.training.rollout.rollout_row import Rows
from methods.common.control import LEVERS, Rollout, Shape
from methods.common.uniform import keyed_uniform


def whole_rollout(trainer: Any, batch: Mapping[str, Any], accuracy_B: Tensor) -> Rollout:
    """What the rollout showed, from all processes, padded to the longest completion of any.

    batch: this process' rows. accuracy_B: all processes'.
    """
    rollout, mask_BT = trainer.rollout, batch["completion_mask"]
    gather = trainer.accelerator.gather

    def padded(local_BT: Tensor) -> Tensor:
        return gather(trainer.accelerator.pad_across_processes(local_BT.contiguous(), dim=1))

    if rollout.scores is None:  # the method has said that it reads neither
        logp_BT = entropy_BT = torch.full_like(mask_BT, math.nan, dtype=torch.float32)
        entropy = math.nan
    else:
        logp_BT, entropy_BT = rollout.scores.logp_BT, rollout.scores.of_the_method()
        rows = Rows.from_columns(gather(rollout.rows.columns()).cpu())
        entropy = (rows.entropy_B.sum() / rows.length_B.sum()).item()
    counted_BT = mask_BT * batch["counted"].unsqueeze(1) if "counted" in batch else mask_BT
    all_logp_BT, all_entropy_BT, all_mask_BT = (
        padded(x.float()) for x in (logp_BT, entropy_BT, counted_BT)
    )
    B, T = all_mask_BT.shape
    number, group = trainer.progress.rollouts, trainer.num_generations
    uniform_BT = keyed_uniform(trainer.args.seed, number, B, trainer.args.max_completion_length)
    return Rollout(
        number=number,
        planned=trainer.args.max_steps // trainer.updates_per_rollout,
        reward_B=rollout.reward_B,
        accuracy_B=accuracy_B,
        advantage_B=gather(batch["advantages"]),
        group_B=torch.arange(B // group, device=mask_BT.device).repeat_interleave(group),
        mask_BT=all_mask_BT,
        logp_BT=all_logp_BT,
        entropy_BT=all_entropy_BT,
        entropy=entropy,
        uniform_BT=uniform_BT[:, :T].to(mask_BT.device),
    )


def local_rows(shape: Shape, rows: slice, tokens: int) -> dict[str, Tensor]:
    """The levers of one process, by their names in the batch. tokens: T of its completions."""
    return {
        f"lever.{name}": lever[rows] if lever.dim() == 1 else lever[rows, :tokens]
        for name, lever in shape.tensors().items()
    }


def levers_in(batch: Mapping[str, Any]) -> Shape:
    """The levers of a micro-batch."""
    return Shape(**{name: batch[f"lever.{name}"] for name in LEVERS if f"lever.{name}" in batch})
