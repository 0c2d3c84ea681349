"""The one GRPO objective that all methods share; a method only sets levers on it.

    L = -(1/T) Σ_i Σ_t [ s ( weight · min(r A, clip(r, 1-ε_low, 1+ε_high) A)
                             - tether · |log r| - pull · r )  +  (w + worth) · H ]

    r = π/π_old     probability ratio of the sampled token
    A               group-normalised advantage of the completion, or `Shape.advantage`
    s               importance-sampling correction of rollouts from another engine (vLLM); else 1
    H               entropy of the next-token distribution at the sampling temperature, nats: of
                    the full softmax, or what the method's `entropy_of` makes of the logits
    T               completion tokens of the whole rollout / its optimizer updates
    w, ε            `Control`: worth of entropy in completion i, and the clip
    weight, worth, tether, pull
                    `Shape`, per token: 1, 0, 0, 0 where not set

A method's `surrogate` replaces -min(rA, clip(r)A).

Source: the GRPO surrogate of DeepSeekMath (arXiv 2402.03300) with DAPO's token normaliser (arXiv
2503.14476) as TRL 1.16 implements it (`loss_type="dapo"`): with no lever set the arithmetic is the
same bit for bit. Departure: the entropy term is divided by the same T as the policy term, so that a
token weighs the same in whichever micro-batch, update or process it lands; TRL's `entropy_coef`
takes a mean over each micro-batch instead. The correction s multiplies the policy term only. There
is no dual clip, which several references have (a cap on -rA where A < 0): it never fires on their
golden inputs.

Shapes: B = completions of this micro-batch, T (as a suffix) = completion tokens.
"""

from typing import NamedTuple

from methods.common.control import Control, OwnSurrogate, Shape
from methods.common.lazy_torch import Tensor, torch


class Loss(NamedTuple):
    """Scalars; `total` is what is minimised."""

    total: Tensor  # policy - bonus
    policy: Tensor  # everything that the ratio or the log-probabilities are in
    bonus: Tensor  # (1/T) Σ (w + worth) H


NO_LEVERS = Shape()


def grpo_objective(
    logp_BT: Tensor,
    old_logp_BT: Tensor,
    advantage_B: Tensor,
    entropy_BT: Tensor,
    mask_BT: Tensor,
    control: Control,
    tokens: Tensor | float,
    correction_BT: Tensor | None = None,
    shape: Shape = NO_LEVERS,
    own: OwnSurrogate | None = None,
) -> Loss:
    """The loss of one micro-batch.

    mask_BT: 1 on completion tokens, 0 on padding. tokens: the T above, as this process' share of it
    (T / processes, because data-parallel training averages gradients over processes).
    correction_BT: s, broadcastable to (B, T). shape: the levers of these rows. own: a method with
    another surrogate.
    """
    assert logp_BT.shape == old_logp_BT.shape == entropy_BT.shape == mask_BT.shape
    assert advantage_B.shape == control.weight_B.shape == logp_BT.shape[:1]
    advantage_BT = per_token(advantage_B if shape.advantage is None else shape.advantage)
    ratio_BT = torch.exp(logp_BT - old_logp_BT)
    if own is None:
        surrogate_BT = clipped_surrogate(ratio_BT, advantage_BT, control.clip)
    else:
        surrogate_BT = own.surrogate(logp_BT, old_logp_BT, advantage_BT, mask_BT, control.clip)
    if shape.weight_BT is not None:
        surrogate_BT = surrogate_BT * shape.weight_BT
    if shape.tether_BT is not None:
        surrogate_BT = surrogate_BT + shape.tether_BT * (logp_BT - old_logp_BT).abs()
    if shape.pull_BT is not None:
        surrogate_BT = surrogate_BT + shape.pull_BT * ratio_BT
    if correction_BT is not None:
        surrogate_BT = surrogate_BT * correction_BT
    policy = (surrogate_BT * mask_BT).sum() / tokens
    bonus = entropy_bonus(entropy_BT, mask_BT, control.weight_B, tokens, shape.worth_BT)
    return Loss(policy - bonus, policy, bonus)


def per_token(advantage: Tensor) -> Tensor:
    """(B, 1) or (B, T)."""
    return advantage.unsqueeze(1) if advantage.dim() == 1 else advantage


def clipped_surrogate(ratio_BT: Tensor, advantage_BT: Tensor, clip: tuple[float, float]) -> Tensor:
    """-min(rA, clip(r)A); `clip` may be (1, infinity), which clips nothing."""
    low, high = clip
    return -torch.min(ratio_BT * advantage_BT, ratio_BT.clamp(1 - low, 1 + high) * advantage_BT)


def entropy_bonus(
    entropy_BT: Tensor,
    mask_BT: Tensor,
    weight_B: Tensor,
    tokens: Tensor | float,
    worth_BT: Tensor | None = None,
) -> Tensor:
    """(1/T) Σ_i Σ_t (w + worth) H. The weights multiply and never enter the denominator: they
    are sizes, not masks.
    """
    if worth_BT is not None and worth_BT.any():
        weighted_BT = (weight_B.unsqueeze(1) + worth_BT) * entropy_BT
    elif weight_B.any():
        weighted_BT = weight_B.unsqueeze(1) * entropy_BT
    else:
        # No term at all, rather than 0 · H: entropies that are not finite cannot reach an arm that
        # does not use them, and the backward pass skips them.
        return entropy_BT.new_zeros(())
    return (weighted_BT * mask_BT).sum() / tokens


def clipped(
    logp_BT: Tensor, old_logp_BT: Tensor, advantage: Tensor, clip: tuple[float, float]
) -> tuple[Tensor, Tensor]:
    """(low_BT, high_BT), boolean: tokens beyond the clip, below (A < 0) and above (A > 0). There
    the clipped surrogate has no gradient.

    advantage: (B,) or (B, T).
    """
    ratio_BT = torch.exp(logp_BT - old_logp_BT)
    advantage_BT = per_token(advantage)
    low_BT = (ratio_BT < 1 - clip[0]) & (advantage_BT < 0)
    high_BT = (ratio_BT > 1 + clip[1]) & (advantage_BT > 0)
    return low_BT, high_BT
