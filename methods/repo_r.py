"""REPO-R: rare tokens of good answers are reinforced more, those of bad ones blamed less, as far as
a controller of the entropy says.

    A > 0    A'_it = max(0, A_i (1 - ζ log p_it))
    A < 0    A'_it = min(0, A_i (1 + ζ log p_it))
    ζ'       below the target: 2ζ up to ζ_max; a negative ζ is halved, and turned at -ζ_min
             above it: ζ/2, turned to -ζ_min at ζ_min; a negative ζ is doubled, down to -ζ_max

Source: arXiv 2603.11682, through the text of SkyRL's pull request 1896. No code could be run: this
is a reconstruction. The order of halving and turning, and what happens at the target itself (ζ
stays), are our assumptions. The paper centres log p, the pull request does not; nor do we.

Departures: log p is that of the scoring pass, before the first update. It has no bound: at
log p = -10 and ζ = 1 the advantage is eleven times as large.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from methods.common.control import Control, Rollout, Shape, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import Clip, Fraction, Nats


def rescaled_advantage(advantage_B: Tensor, logp_BT: Tensor, zeta: float) -> Tensor:
    """(B, T): A'"""
    advantage_B1 = advantage_B.unsqueeze(1)
    raised_BT = (advantage_B1 * (1 - zeta * logp_BT)).clamp(min=0)
    lowered_BT = (advantage_B1 * (1 + zeta * logp_BT)).clamp(max=0)
    return torch.where(advantage_B1 > 0, raised_BT, lowered_BT)


def next_zeta(zeta: float, error: float, low: float, high: float) -> float:
    """ζ'; error: target - H, nats"""
    if error == 0:
        return zeta
    sign = 1.0 if error > 0 else -1.0
    along = sign * zeta  # positive: ζ has the sign that is wanted
    if along > 0:
        return sign * min(2 * along, high)
    return sign * (low if -along <= low else along / 2)


@dataclass(frozen=True)
class RepoR:
    """GRPO with advantages rescaled by surprisal (reconstruction)."""

    reconstruction: ClassVar[bool] = True
    name: Literal["repo_r"] = "repo_r"
    zeta: Fraction = 0.01  # ζ before the first rollout; the pull request's example
    zeta_min: Fraction = 1e-4  # where ζ turns its sign; secondary text
    zeta_max: Fraction = 1.0  # secondary text
    target: Nats | None = None  # H*, nats. None = the entropy of the first rollout, as the paper
    clip: Clip = (0.2, 0.2)  # ε below and above

    def __post_init__(self) -> None:
        if not self.zeta_min <= self.zeta <= self.zeta_max:
            raise ValueError(
                f"zeta = {self.zeta} is not in [zeta_min, zeta_max] ="
                f" {[self.zeta_min, self.zeta_max]}: move zeta or a bound"
            )

    def init(self) -> State:
        """ζ to begin with."""
        return {"zeta": self.zeta}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """No bonus."""
        return Control(torch.zeros_like(accuracy_B), self.clip)

    def shape(self, state: State, seen: Rollout) -> Shape:
        """An advantage per token in place of GRPO's."""
        return Shape(advantage=rescaled_advantage(seen.advantage_B, seen.logp_BT, state["zeta"]))

    def observe(self, state: State, seen: Signals) -> State:
        """Doubles, halves or turns ζ."""
        anchor = state.get("target", seen.entropy)
        target = anchor if self.target is None else self.target
        zeta = next_zeta(state["zeta"], target - seen.entropy, self.zeta_min, self.zeta_max)
        return {"zeta": zeta, "target": target}
