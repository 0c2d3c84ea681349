"""AEnt: a bonus on the entropy of the likely tokens alone, with a coefficient that keeps it within
a range.

    H̃_it = entropy of the softmax over the V - ⌊pV⌋ largest logits
    w_i   = c
    c'    = clip(c - η (min(0, H̃ - H_low) + max(0, H̃ - H_high)), c_low, c_high)   after `warmup`

The removed logits get no gradient: the bonus does not feed the tail of the vocabulary. c never
reaches 0, so the bonus is never off.

Source: arXiv 2509.03493; inclusionAI/AReaL recipe/AEnt (functional.py ae63973, actor.py 00d07c0).

Departures: the controller sees H̃ of the policy that generated the rollout, all tokens of all
processes; the code averages it over the update's micro-batches. State is saved. The bonus is
divided by the T of the policy term.
"""

from dataclasses import dataclass
from typing import Literal

from methods.common.control import Control, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import Clip, Coefficient, Nats, Natural, OpenFraction


def clamped_entropy(logits_NV: Tensor, p: float) -> Tensor:
    """(N,) nats: entropy of the softmax over the V - ⌊pV⌋ largest logits."""
    vocabulary = logits_NV.shape[-1]
    kept_NK = logits_NV.topk(vocabulary - int(p * vocabulary), dim=-1).values
    logp_NK = kept_NK.log_softmax(-1)
    return -(logp_NK.exp() * logp_NK).sum(-1)


def moved(c: float, entropy: float, method: "AEnt") -> float:
    """c', from a rollout whose H̃ is `entropy`"""
    off = min(0.0, entropy - method.H_low) + max(0.0, entropy - method.H_high)
    return min(max(c - method.eta * off, method.c_low), method.c_high)


@dataclass(frozen=True)
class AEnt:
    """GRPO with an adaptive bonus on clamped entropy."""

    name: Literal["aent"] = "aent"
    p: OpenFraction = 0.4  # share of the vocabulary that is removed; AReaL's README (authors': 0.3)
    c_0: Coefficient = 2e-4  # c before the first rollout; the recipe's configuration
    H_low: Nats = 0.05  # of H̃, nats; the recipe's configuration
    H_high: Nats = 0.23  # of H̃, nats; the recipe's configuration
    eta: Coefficient = 1e-3  # η, loss units per nat, rollout and nat of error; the recipe's
    c_low: Coefficient = 1e-5  # the recipe's configuration
    c_high: Coefficient = 3e-3  # the recipe's configuration
    warmup: Natural = 29  # rollouts before c moves; the recipe's configuration
    clip: Clip = (0.2, 0.2)  # ε below and above

    def __post_init__(self) -> None:
        if self.H_low > self.H_high:
            raise ValueError(f"H_low = {self.H_low} is above H_high = {self.H_high}: swap them")
        if not self.c_low <= self.c_0 <= self.c_high:
            raise ValueError(
                f"c_0 = {self.c_0} is not in [c_low, c_high] = {[self.c_low, self.c_high]}: move"
                " c_0 or a bound"
            )

    def entropy_of(self, logits_NV: Tensor) -> Tensor:
        """(N,) nats: H̃."""
        return clamped_entropy(logits_NV, self.p)

    def init(self) -> State:
        """c_0."""
        return {"coefficient": self.c_0}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """The same worth of clamped entropy in every row."""
        return Control(torch.full_like(accuracy_B, state["coefficient"]), self.clip)

    def observe(self, state: State, seen: Signals) -> State:
        """Moves c towards the range of H̃, once warm."""
        assert seen.own_entropy is not None  # the trainer measures it, for there is `entropy_of`
        if seen.rollout < self.warmup:
            return state
        return {"coefficient": moved(state["coefficient"], seen.own_entropy, self)}
