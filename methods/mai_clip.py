"""MAI-Thinking-1's adaptive clip: the upper bound of the ratio moves with the entropy.

    r clipped to [1 - ε, 1/(1 - ε) + k],      k' = clip(k + δ sign(H* - H), 0, k_max)

Source: a third-party recipe of the model's technical report. No code could be run: this is a
reconstruction.

Departures: k moves once per rollout, by the exact entropy of all tokens; the recipe moves it after
each optimizer step, by an importance-weighted estimate. With one update per rollout every r is 1
and it does nothing.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from methods.common.control import Control, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import Epsilon, Nats, NonNegative


@dataclass(frozen=True)
class MAIClip:
    """GRPO with an adaptive upper clip (reconstruction)."""

    reconstruction: ClassVar[bool] = True
    needs_ratio: ClassVar[bool] = True
    name: Literal["mai_clip"] = "mai_clip"
    epsilon: Epsilon = 0.6  # ε; secondary text
    delta: NonNegative = 0.25  # δ, step of k per rollout; secondary text
    k_max: NonNegative = 2.5  # secondary text
    target: Nats = 0.3  # H*, nats; secondary text

    @property
    def clip(self) -> tuple[float, float]:
        """(low, high) at k = 0."""
        return self.epsilon, 1 / (1 - self.epsilon) - 1

    def init(self) -> State:
        """k = 0."""
        return {"k": 0.0, "target": self.target}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """No bonus; the upper clip is k wider."""
        low, high = self.clip
        return Control(torch.zeros_like(accuracy_B), (low, high + state["k"]))

    def observe(self, state: State, seen: Signals) -> State:
        """Moves k by one step: up while entropy is below its target."""
        sign = (seen.entropy < self.target) - (seen.entropy > self.target)
        k = min(max(state["k"] + self.delta * sign, 0.0), self.k_max)
        return {"k": k, "target": self.target}
