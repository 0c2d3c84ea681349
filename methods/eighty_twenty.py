"""80/20: the policy gradient of the most uncertain fifth of the tokens, the "forking" ones.

    weight_it = 1[ H_it >= the (1-ρ)-quantile of H over the rollout's tokens ]

Source: arXiv 2506.01939, of which no code of the authors was found; TRL 1.16, GRPOTrainer
(`top_entropy_quantile`, get_high_entropy_mask). `scope: sequence` is Linn3a/siren fa59a8d
(`mask_by_quantile`): the quantile of each completion's own tokens, and > instead of >=.

`denominator: all` (the paper, TRL) keeps T, so that the step is about ρ times as large;
`kept` (siren) divides by the kept tokens: weight N / kept.

Departure: the quantile is taken over the whole rollout of all processes in the scoring pass; TRL
takes it over each micro-batch, under the current policy.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from methods.common.control import Control, Rollout, Shape, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import Clip, Fraction
from methods.common.tokens import quantile


def most_uncertain(entropy_BT: Tensor, mask_BT: Tensor, rho: float) -> Tensor:
    """(B, T), boolean: at or above the (1-ρ)-quantile of all tokens."""
    counted_BT = mask_BT.bool()
    # Both in float32, so that the token that is the quantile itself is kept.
    return (entropy_BT.float() >= quantile(entropy_BT[counted_BT], 1 - rho)) & counted_BT


def most_uncertain_of_each(entropy_BT: Tensor, mask_BT: Tensor, rho: float) -> Tensor:
    """(B, T), boolean: above the (1-ρ)-quantile of the completion's own tokens."""
    counted_BT = mask_BT.bool()
    rows = zip(entropy_BT, counted_BT, strict=True)
    bound_B = torch.stack([quantile(entropy_T[counted], 1 - rho) for entropy_T, counted in rows])
    return (entropy_BT.float() > bound_B.unsqueeze(1)) & counted_BT


SCOPES = {"rollout": most_uncertain, "sequence": most_uncertain_of_each}


@dataclass(frozen=True)
class EightyTwenty:
    """GRPO on the tokens of highest entropy alone."""

    needs_ratio: ClassVar[bool] = False  # its weights act at r = 1, whatever its clip does
    name: Literal["eighty_twenty"] = "eighty_twenty"
    rho: Fraction = 0.2  # ρ: share of the tokens that are kept; the paper's
    scope: Literal["rollout", "sequence"] = "rollout"  # of the quantile
    denominator: Literal["all", "kept"] = "all"  # tokens that the loss is divided by
    clip: Clip = (0.2, 0.28)  # ε below and above; the paper trains with Clip-Higher

    def init(self) -> State:
        """Nothing is remembered."""
        return {}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """No bonus."""
        return Control(torch.zeros_like(accuracy_B), self.clip)

    def shape(self, state: State, seen: Rollout) -> Shape:
        """Weight 1 (or N / kept) on the kept tokens, 0 on the others."""
        kept_BT = SCOPES[self.scope](seen.entropy_BT, seen.mask_BT, self.rho).to(seen.logp_BT.dtype)
        if self.denominator == "kept":
            kept_BT = kept_BT * seen.mask_BT.sum() / kept_BT.sum().clamp(min=1)
        return Shape(weight_BT=kept_BT)

    def observe(self, state: State, seen: Signals) -> State:
        """Nothing is remembered."""
        return state
