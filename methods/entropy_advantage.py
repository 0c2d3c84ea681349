"""Entropy-shaped advantages: uncertain tokens count more, by at most a share of the advantage.

    A'_it = A_i + min( α · H_it, |A_i| / κ )            H detached

A token of a right answer is reinforced more where the policy was uncertain, one of a wrong answer
is blamed less. Where A is 0 nothing is added, and with κ > 1 no advantage changes its sign.

Source: arXiv 2506.14758; Linn3a/siren fa59a8d, dp_actor.py, `baseline_entropy_adv`, where κ = 1 is
hard-coded (an advantage may be erased there, and never turns). No code of the authors was found.

Departure: H is that of the scoring pass, before the first update; the references take the current
policy's in each micro-batch. With one update per rollout the two are the same.
"""

from dataclasses import dataclass
from typing import Literal

from methods.common.control import Control, Rollout, Shape, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import AtLeastOne, Clip, NonNegative


def shaped_advantage(advantage_B: Tensor, entropy_BT: Tensor, alpha: float, kappa: float) -> Tensor:
    """(B, T): A + min(αH, |A|/κ)"""
    advantage_B1 = advantage_B.unsqueeze(1)
    return advantage_B1 + torch.min(alpha * entropy_BT, advantage_B1.abs() / kappa)


@dataclass(frozen=True)
class EntropyAdvantage:
    """GRPO whose advantages are raised where the policy is uncertain."""

    name: Literal["entropy_advantage"] = "entropy_advantage"
    alpha: NonNegative = 0.4  # α, advantage per nat; the paper's for GRPO (0.1 for PPO)
    kappa: AtLeastOne = 2.0  # κ: at most |A|/κ is added; the paper's, which asks for more than 1
    clip: Clip = (0.2, 0.2)  # ε below and above

    def init(self) -> State:
        """Nothing is remembered."""
        return {}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """No bonus."""
        return Control(torch.zeros_like(accuracy_B), self.clip)

    def shape(self, state: State, seen: Rollout) -> Shape:
        """An advantage per token in place of GRPO's."""
        return Shape(
            advantage=shaped_advantage(seen.advantage_B, seen.entropy_BT, self.alpha, self.kappa)
        )

    def observe(self, state: State, seen: Signals) -> State:
        """Nothing is remembered."""
        return state
