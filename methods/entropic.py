"""EntroPIC: a proportional-integral controller pushes the confident tokens, up while entropy is too
high and down while it is too low.

    α      = clip(K_p (H - H*) + K_i E, -1, 1)          E' = E + (H - H*)
    L      = L_GRPO - α (Σ_S r |A|) / |S|,              S = tokens with p > 0.95
    pull   = -α |A_i| · 1[it in S] · N / |S|            as a lever of the shared objective

Source: arXiv 2511.15248; yk7333/EntroPIC 2470730, compute_policy_loss_entropic and the controller
in update_policy. `form: entrocraft` is the port in lblaoke/entrocraft 26165bd,
compute_entropic_outcome_advantage: A_i = R_i (1 ± α) with R_i = ±1, on all tokens, without bounds
for α and without a baseline; a different method under the same name.

Departures: H is the rollout's and α one number per rollout on all processes; the code takes the
current policy's H of each micro-batch and process. No dual clip. E has no anti-windup, as in the
code. Without a token in S there is no pull; the code divides by |S|.
"""

from dataclasses import dataclass
from typing import Literal

from methods.common.control import Control, Rollout, Shape, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import Clip, Nats, NonNegative, OpenFraction


def pull(advantage_B: Tensor, logp_BT: Tensor, mask_BT: Tensor, alpha: float, threshold: float):
    """(B, T): -α |A| N/|S| on the tokens whose probability is above the threshold"""
    confident_BT = (logp_BT.exp() > threshold) * mask_BT
    scale = mask_BT.sum() / confident_BT.sum().clamp(min=1)
    return -alpha * advantage_B.abs().unsqueeze(1) * confident_BT * scale


def signed_advantage(reward_B: Tensor, alpha: float) -> Tensor:
    """(B,): R(1 + α) for R = 1 and R(1 - α) for R = -1, which is R + α; 0 for unscored rows"""
    return (2 * reward_B - 1 + alpha).nan_to_num(nan=0.0)


@dataclass(frozen=True)
class EntroPIC:
    """GRPO with a proportional-integral push on confident tokens."""

    name: Literal["entropic"] = "entropic"
    K_p: NonNegative = 1.0  # per nat; the code's default
    K_i: NonNegative = 0.01  # per nat and rollout; the code's default
    target: Nats = 0.1  # H*, nats; the script, which samples at temperature 0.6
    threshold: OpenFraction = 0.95  # probability above which a token is confident; the code's
    form: Literal["authors", "entrocraft"] = "authors"
    clip: Clip = (0.2, 0.2)  # ε below and above; the code's

    def init(self) -> State:
        """No error has been summed up."""
        return {"integral": 0.0, "target": self.target}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """No bonus."""
        return Control(torch.zeros_like(accuracy_B), self.clip)

    def shape(self, state: State, seen: Rollout) -> Shape:
        """A pull on the confident tokens; in Entrocraft's form an advantage per completion."""
        alpha = self.K_p * (seen.entropy - self.target) + self.K_i * state["integral"]
        if self.form == "entrocraft":
            advantage_B = signed_advantage(seen.reward_B, alpha)
            return Shape(advantage=advantage_B, note={"alpha": alpha})
        alpha = min(max(alpha, -1.0), 1.0)
        pull_BT = pull(seen.advantage_B, seen.logp_BT, seen.mask_BT, alpha, self.threshold)
        return Shape(pull_BT=pull_BT, note={"alpha": alpha})

    def observe(self, state: State, seen: Signals) -> State:
        """Sums up the error, which is positive while entropy is too high."""
        error = seen.entropy - self.target
        return {"integral": state["integral"] + error, "target": self.target, **seen.note}
