"""Quantile advantage estimation: the group's baseline is a quantile of its rewards, not their mean.

    A_i = (R_i - b) / (std_G + δ),    b = the ⌈K·G⌉-th smallest reward of the group

With rewards 0 and 1, b is 1 where more than 1 - K of the answers are right, else 0: on hard
questions only right answers are learnt from, on easy ones only wrong answers.

Source: arXiv 2509.22611; the one-line change that junkangwu/QAE's README prints, for
compute_grpo_outcome_advantage of verl 1dda039. That line calls torch.quantile, which interpolates:
`baseline: interpolated`. Wherever K(G - 1) is not whole it differs from the paper's rule at one
count of right answers, for G = 8 and K = 0.4 at 5: b = 0.8 instead of 1.

Departures: none from the paper's rule. It needs no scoring pass, for it reads rewards alone.
"""

from dataclasses import dataclass
from fractions import Fraction as Exact
from math import ceil
from typing import ClassVar, Literal

from methods.common.control import Control, Rollout, Shape, Signals, State
from methods.common.groups import per_group
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import Clip, OpenFraction, Positive


def order_statistic(reward_G: Tensor, K: float) -> Tensor:
    """The ⌈K·G⌉-th smallest; K as the decimal number that is written, so that 0.4 · 5 is 2."""
    return reward_G.sort().values[ceil(Exact(str(K)) * len(reward_G)) - 1]


def interpolated(reward_G: Tensor, K: float) -> Tensor:
    """The K-quantile with linear interpolation."""
    return torch.quantile(reward_G, K)


BASELINES = {"order_statistic": order_statistic, "interpolated": interpolated}


def quantile_advantage(reward_G: Tensor, K: float, delta: float, baseline: str) -> Tensor:
    """(R - b) / (std + δ) of one group; 0 in a group of one, which has no std."""
    if len(reward_G) < 2:
        return torch.zeros_like(reward_G)
    return (reward_G - BASELINES[baseline](reward_G, K)) / (reward_G.std() + delta)


@dataclass(frozen=True)
class QAE:
    """GRPO with a quantile as its baseline."""

    needs_scoring: ClassVar[bool] = False
    name: Literal["qae"] = "qae"
    K: OpenFraction = 0.4  # the quantile; the paper's setting beside Clip-Higher
    # as the paper's rule, or as the README's line
    baseline: Literal["order_statistic", "interpolated"] = "order_statistic"
    delta: Positive = 1e-6  # δ, in units of reward; verl
    clip: Clip = (0.2, 0.2)  # ε below and above

    def init(self) -> State:
        """Nothing is remembered."""
        return {}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """No bonus."""
        return Control(torch.zeros_like(accuracy_B), self.clip)

    def shape(self, state: State, seen: Rollout) -> Shape:
        """The quantile advantage in place of GRPO's, one per completion."""
        return Shape(
            advantage=per_group(
                seen.reward_B,
                seen.group_B,
                lambda reward_G: quantile_advantage(reward_G, self.K, self.delta, self.baseline),
            )
        )

    def observe(self, state: State, seen: Signals) -> State:
        """Nothing is remembered."""
        return state
