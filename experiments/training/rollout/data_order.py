"""The order of the prompts in a run that goes on.

TRL's sampler draws a new order of all prompts for each pass over them, one after the other from a
generator of its own, seeded once. A resumed trainer has a new sampler, whose generator knows
nothing of the passes that are over: without help the second pass would repeat the order of the
first.
"""

from typing import Any

import torch


def skip_passes(sampler: Any, rollouts: int) -> None:
    """Draws the orders of the passes that `rollouts` finished rollouts have used up.

    `sampler`: a trl.trainer.utils.RepeatSampler that has not been iterated. A pass leaves out the
    prompts that do not fill a rollout.
    """
    passes = rollouts // (sampler.num_samples // sampler.batch_size)
    for _ in range(passes):
        torch.randperm(sampler.num_samples, generator=sampler.generator)
