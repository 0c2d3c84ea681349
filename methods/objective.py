"""The one GRPO objective that all methods share; a method only sets `weight_B` and `clip`.

    L = -(1/T) Σ_i Σ_t [ s_it · min(r_it A_i, clip(r_it, 1-ε_low, 1+ε_high) A_i) + w_i H_it ]

    r = π/π_old                  probability ratio of the sampled token
    A_i                          group-normalised advantage of completion i
    s_it                         importance-sampling correction of rollouts from another engine (vLLM); else 1
    H_it                         entropy of the full next-token distribution at the sampling temperature, nats
    T                            completion tokens of the whole rollout / its optimizer updates

Source: the GRPO surrogate of DeepSeekMath (arXiv 2402.03300) with DAPO's token normaliser (arXiv
2503.14476) as TRL 1.16 implements it (`loss_type="dapo"`): at w = 0 the arithmetic is the same bit
for bit. Departure: the entropy term is divided by the same T as the policy term, so that a token
weighs the same in whichever micro-batch, update or process it lands; TRL's `entropy_coef` takes a
mean over each micro-batch instead. The correction s multiplies the policy term only.

Shapes: B = completions of this micro-batch, T (as a suffix) = completion tokens.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from methods.control import Control


class Loss(NamedTuple):
    """Scalars; `total` is what is minimised."""

    total: Tensor  # policy - bonus
    policy: Tensor  # the clipped surrogate, negated
    bonus: Tensor  # (1/T) Σ w_i H_it


def grpo_objective(
    logp_BT: Tensor,
    old_logp_BT: Tensor,
    advantage_B: Tensor,
    entropy_BT: Tensor,
    mask_BT: Tensor,
    control: Control,
    tokens: Tensor | float,
    correction_BT: Tensor | None = None,
) -> Loss:
    """The loss of one micro-batch.

    mask_BT: 1 on completion tokens, 0 on padding. tokens: the T above, as this process' share of it
    (T / processes, because data-parallel training averages gradients over processes).
    correction_BT: s, broadcastable to (B, T).
    """
    assert logp_BT.shape == old_logp_BT.shape == entropy_BT.shape == mask_BT.shape
    assert advantage_B.shape == control.weight_B.shape == logp_BT.shape[:1]
    low, high = control.clip
    ratio_BT = torch.exp(logp_BT - old_logp_BT)
    advantage_B1 = advantage_B.unsqueeze(1)
    surrogate_BT = -torch.min(
        ratio_BT * advantage_B1, ratio_BT.clamp(1 - low, 1 + high) * advantage_B1
    )
    if correction_BT is not None:
        surrogate_BT = surrogate_BT * correction_BT
    policy = (surrogate_BT * mask_BT).sum() / tokens
    bonus = entropy_bonus(entropy_BT, mask_BT, control.weight_B, tokens)
    return Loss(policy - bonus, policy, bonus)


def entropy_bonus(
    entropy_BT: Tensor, mask_BT: Tensor, weight_B: Tensor, tokens: Tensor | float
) -> Tensor:
    """(1/T) Σ_i w_i Σ_t H_it. The weight multiplies and never enters the denominator: it is a size,
    not a mask.
    """
    if not weight_B.any():
        # No term at all, rather than 0 · H: entropies that are not finite cannot reach an arm that
        # does not use them, and the backward pass skips them.
        return entropy_BT.new_zeros(())
    return (weight_B.unsqueeze(1) * entropy_BT * mask_BT).sum() / tokens


def clipped(
    logp_BT: Tensor, old_logp_BT: Tensor, advantage_B: Tensor, clip: tuple[float, float]
) -> tuple[Tensor, Tensor]:
    """(low_BT, high_BT), boolean: tokens whose policy gradient the clip cuts off, below (A < 0) and
    above (A > 0).
    """
    ratio_BT = torch.exp(logp_BT - old_logp_BT)
    advantage_B1 = advantage_B.unsqueeze(1)
    low_BT = (ratio_BT < 1 - clip[0]) & (advantage_B1 < 0)
    high_BT = (ratio_BT > 1 + clip[1]) & (advantage_B1 > 0)
    return low_BT, high_BT
