"""STARE: the most surprising tokens of good answers weigh more (and those of bad ones less) while
entropy is too low.

    L±    = the ⌈P·n⌉ tokens of highest surprisal -log p among the n with A > 0, and with A < 0
    O1      weight W on L+                      else 1;  all 1 while H >= H*
    C2      weight W on L+ and M on L-
    W'    = clip(W + a sign(H* - H), 1, W_max),  M' = clip(M - a sign(H* - H), M_min, 1)

W', M' and the gate act in the rollout whose H they have seen.

Source: arXiv 2606.19236; hp-luo/STARE bffb9e7, compute_stare_token_weights and STAREController.

Departure: the tokens are chosen over the whole rollout of all processes; the code chooses in each
micro-batch. No dual clip.
"""

from dataclasses import dataclass
from math import ceil
from typing import ClassVar, Literal

from methods.common.control import Control, Rollout, Shape, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import AtLeastOne, Clip, Fraction, Nats, NonNegative
from methods.common.tokens import advantages_per_token, lowest


def most_surprising(seen: Rollout, eligible_BT: Tensor, P: float) -> Tensor:
    """(B, T), boolean: the ⌈P·n⌉ of the n eligible tokens with the lowest log-probability."""
    count = ceil(P * int(eligible_BT.sum()))
    return lowest(seen.logp_BT, eligible_BT, count, seen.uniform_BT)


def adapted(W: float, M: float, error: float, method: "STARE") -> tuple[float, float]:
    """(W', M'); error: H* - H, nats."""
    step = method.a * ((error > 0) - (error < 0))
    return min(max(W + step, 1.0), method.W_max), min(max(M - step, method.M_min), 1.0)


@dataclass(frozen=True)
class STARE:
    """GRPO that reweights the most surprising tokens."""

    needs_ratio: ClassVar[bool] = False  # its weights act at r = 1, whatever its clip does
    name: Literal["stare"] = "stare"
    P: Fraction = 0.1  # share of the tokens of each sign; the code's default
    W: AtLeastOne = 1.1  # weight of surprising good tokens; the code's (1.05 for 14B and 32B)
    M: Fraction = 0.9  # weight of surprising bad tokens, in C2; the code's (0.95 for 14B and 32B)
    target: Nats = 0.3  # H*, nats; the code's default
    variant: Literal["O1", "C2"] = "O1"  # the code's default
    adaptive: bool = False  # whether W and M move; the code's default
    a: NonNegative = 0.01  # their step per rollout; the code's default
    W_max: AtLeastOne = 1.5  # the code's
    M_min: Fraction = 0.5  # the code's
    clip: Clip = (0.2, 0.28)  # ε below and above; the code's

    def init(self) -> State:
        """The weights to begin with."""
        return {"W": self.W, "M": self.M, "target": self.target}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """No bonus."""
        return Control(torch.zeros_like(accuracy_B), self.clip)

    def shape(self, state: State, seen: Rollout) -> Shape:
        """Weights of the surprising tokens; none while entropy is at or above its target."""
        W, M = state["W"], state["M"]
        if self.adaptive:
            W, M = adapted(W, M, self.target - seen.entropy, self)
        weight_BT = torch.ones_like(seen.logp_BT)
        if seen.entropy < self.target:
            advantage_BT = advantages_per_token(seen.advantage_B, seen.mask_BT)
            weight_BT[most_surprising(seen, advantage_BT > 0, self.P)] = W
            if self.variant == "C2":
                weight_BT[most_surprising(seen, advantage_BT < 0, self.P)] = M
        return Shape(weight_BT=weight_BT, note={"W": W, "M": M})

    def observe(self, state: State, seen: Signals) -> State:
        """Keeps the weights that `shape` has moved."""
        return {**seen.note, "target": self.target}
