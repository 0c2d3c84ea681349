"""Did the method act? What it changes of plain GRPO, in tokens and in loss.

Plain GRPO has no lever, and clips the ratio to 1 ± 0.2 (`PLAIN_CLIP`): where a method sets its clip
itself, or replaces the surrogate, that is what its updates are compared with.

Shapes: B = completions, T = tokens.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from methods.common.control import Control, OwnSurrogate, Rollout, Shape
from methods.common.objective import Loss, clipped_surrogate, grpo_objective, per_token

PLAIN_CLIP = (0.2, 0.2)
NEUTRAL_LEVERS = {"weight_BT": 1.0, "worth_BT": 0.0, "tether_BT": 0.0, "pull_BT": 0.0}
"""The value at which a lever changes nothing. An advantage's is GRPO's own."""


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
            else torch.full_like(value, NEUTRAL_LEVERS[name])
        )
        off = (value - still).abs()
        numbers[name.removesuffix("_BT")] = {
            "touched": (off > 0).double().mean().item(),
            "mean": value.mean().item(),
            "distance": off.mean().item(),
            "largest": off.max().item(),
        }
    return numbers


def added_to_plain(
    loss: Loss,
    terms: tuple[Tensor, Tensor, Tensor, Tensor, Tensor],
    control: Control,
    tokens: Tensor | float,
    correction_BT: Tensor | None,
    has_levers: bool,
    sets_clip: bool,
) -> Tensor:
    """Scalar: what the method takes from plain GRPO's loss. Its bonus, and the difference that
    levers on the policy term make, or a surrogate or clip of the method's own.

    terms: the first five arguments of `grpo_objective`. sets_clip: compare with `PLAIN_CLIP`, not
    with the arm's clip.
    """
    if not (has_levers or sets_clip):
        return loss.bonus
    clip = PLAIN_CLIP if sets_clip else control.clip
    nothing = Control(torch.zeros_like(control.weight_B), clip)
    return grpo_objective(*terms, nothing, tokens, correction_BT).total - loss.total


def unlike_plain(
    logp_BT: Tensor,
    old_logp_BT: Tensor,
    advantage: Tensor,
    mask_BT: Tensor,
    clip: tuple[float, float],
    own: OwnSurrogate | None,
) -> Tensor:
    """(B, T), boolean: tokens whose surrogate has another derivative than plain GRPO's, with
    respect to the log-probability and by more than rounding.
    """
    advantage_BT = per_token(advantage)

    def used(leaf_BT: Tensor) -> Tensor:
        if own is not None:
            return own.surrogate(leaf_BT, old_logp_BT, advantage_BT, mask_BT, clip)
        return clipped_surrogate(torch.exp(leaf_BT - old_logp_BT), advantage_BT, clip)

    def plain(leaf_BT: Tensor) -> Tensor:
        return clipped_surrogate(torch.exp(leaf_BT - old_logp_BT), advantage_BT, PLAIN_CLIP)

    return ~torch.isclose(slope(used, logp_BT), slope(plain, logp_BT), rtol=1e-3, atol=1e-6)


def slope(surrogate: Callable[[Tensor], Tensor], logp_BT: Tensor) -> Tensor:
    """(B, T): derivative of the sum with respect to each log-probability."""
    leaf_BT = logp_BT.detach().float().requires_grad_()
    with torch.enable_grad():
        (found_BT,) = torch.autograd.grad(
            surrogate(leaf_BT).sum(), leaf_BT, allow_unused=True, materialize_grads=True
        )
    return found_BT
