"""Flips a share of the verdicts in training: a verifier that errs, or, at one half, none at all.

    verdict' = 1 - verdict  with probability `share`, else verdict

At share 1/2 the reward says nothing about the answer (placebo): no arm can learn from it, so that
what still differs between arms is noise, or what a method does without a reward. Methods, metrics
of training and strata see the flipped verdicts; evaluation is not concerned.

The numbers are keyed by the run's seed, the rollout and the row among the rows of all processes. So
a resumed run flips what it flipped before, however many processes it runs on, and all arms of a
seed flip the same rows.
"""

import torch
from torch import Tensor

from methods.common.uniform import keyed_uniform


def flip_verdicts(verdict_B: Tensor, share: float, seed: int, rollout: int) -> Tensor:
    """verdict_B: 0, 1 or NaN (unscored, stays so), of all processes. rollout: 0, 1, 2, …"""
    if share == 0:
        return verdict_B
    uniform_B = keyed_uniform(seed, rollout, len(verdict_B), 1, "flipped verdicts/").squeeze(1)
    return torch.where((uniform_B < share).to(verdict_B.device), 1 - verdict_B, verdict_B)
