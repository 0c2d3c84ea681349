"""STEER: tokens that would change the entropy much are updated less.

    Ω_it    = A_i / π_old · p(1-p)(log p + H_it)     a token's first-order effect on the entropy
    linear    weight = w_max - (w_max - w_min) (|Ω| - min|Ω|) / (max|Ω| - min|Ω|)
    exp       weight = clip(exp(-k|Ω|), w_min, 1),   k = -log w_min / max(max|Ω|, 0.02)

Source: arXiv 2510.10150; zz-haooo/STEER b31df71, compute_token_weights. The linear weights' mean is
near w_max, because most |Ω| are small: the effective step grows.

Departures: min and max go over the whole rollout of all processes in the scoring pass, where
p = π_old and Ω = A(1-p)(log p + H); the code takes one micro-batch under the current policy. No
dual clip.
"""

from dataclasses import dataclass
from math import log
from typing import ClassVar, Literal

from methods.common.control import Control, Rollout, Shape, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import Clip, Fraction, Positive
from methods.common.tokens import advantages_per_token

FLOOR = 0.02  # of max|Ω| in the exponential form; hard-coded in the reference


def entropy_change(
    advantage_BT: Tensor, logp_BT: Tensor, old_logp_BT: Tensor, entropy_BT: Tensor
) -> Tensor:
    """(B, T): |Ω|"""
    p_BT = logp_BT.exp()
    change_BT = p_BT * (1 - p_BT) * (logp_BT + entropy_BT)
    # below log p = -104 both probabilities are 0 in float32, and 0 / 0 would spoil all weights
    old_BT = old_logp_BT.exp().clamp(min=torch.finfo(old_logp_BT.dtype).tiny)
    return (advantage_BT * change_BT / old_BT).abs()


def linear_weights(size_BT: Tensor, counted_BT: Tensor, w_min: float, w_max: float) -> Tensor:
    """(B, T): from w_max at the smallest |Ω| to w_min at the largest; the middle where all agree"""
    sizes = size_BT[counted_BT]
    spread = sizes.max() - sizes.min()
    if spread == 0:
        return torch.full_like(size_BT, (w_min + w_max) / 2)
    return w_max - (w_max - w_min) * (size_BT - sizes.min()) / spread


def exponential(size_BT: Tensor, counted_BT: Tensor, w_min: float, w_max: float) -> Tensor:
    """(B, T): 1 at Ω = 0, w_min at the largest |Ω|; w_max has no part in it"""
    k = -log(w_min) / size_BT[counted_BT].max().clamp(min=FLOOR)
    return torch.exp(-k * size_BT).clamp(w_min, 1.0)


FORMS = {"linear": linear_weights, "exp": exponential}


@dataclass(frozen=True)
class STEER:
    """GRPO with smaller steps on tokens that move the entropy."""

    needs_ratio: ClassVar[bool] = False  # its weights act at r = 1, whatever its clip does
    name: Literal["steer"] = "steer"
    form: Literal["linear", "exp"] = "linear"  # the scripts have both
    w_min: Fraction = 0.8  # the scripts' and the function's (the actor's default: 0.95)
    w_max: Positive = 1.2  # linear: likewise (the actor's default: 1.05)
    clip: Clip = (0.2, 0.28)  # ε below and above; the scripts

    def __post_init__(self) -> None:
        if self.w_min > self.w_max:
            raise ValueError(f"w_min = {self.w_min} is above w_max = {self.w_max}: swap them")

    def init(self) -> State:
        """Nothing is remembered."""
        return {}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """No bonus."""
        return Control(torch.zeros_like(accuracy_B), self.clip)

    def shape(self, state: State, seen: Rollout) -> Shape:
        """A weight per token, from its effect on the entropy."""
        counted_BT = seen.mask_BT.bool()
        if not counted_BT.any():
            return Shape()
        advantage_BT = advantages_per_token(seen.advantage_B, seen.mask_BT)
        size_BT = entropy_change(advantage_BT, seen.logp_BT, seen.logp_BT, seen.entropy_BT)
        return Shape(weight_BT=FORMS[self.form](size_BT, counted_BT, self.w_min, self.w_max))

    def observe(self, state: State, seen: Signals) -> State:
        """Nothing is remembered."""
        return state
