"""AER whose difficulty weights go to the wrong questions: the control for its first part.

    w_q = α · λ(g_π(q))    π: a random permutation of the questions, anew in each rollout

All else is AER's: the size of α, its target, and how many questions get each weight. Only the
assignment of weights to questions is random, so what `aer` gains over this comes from difficulty.
`shape: constant` of `aer` also changes how much weight there is in all.

Source: ours, a permutation control for `aer` (arXiv 2510.10959, a reconstruction).

Departures: none. The weights need random numbers, which only `shape` gets, so they are levers on
tokens, equal within a completion.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from methods.aer import AER, difficulty_weight
from methods.common.control import Control, Rollout, Shape, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import Clip, Coefficient, Fraction


def permuted_groups(value_B: Tensor, group_B: Tensor, key_B: Tensor) -> Tensor:
    """(B,): each group gets the value of another one, by a permutation that the keys decide.

    value_B is equal within a group, key_B is random. Groups that weigh nothing take part too.
    """
    group_G, which_B = group_B.unique(return_inverse=True)
    value_G = value_B.new_zeros(len(group_G)).scatter(0, which_B, value_B)
    key_G = key_B.new_full((len(group_G),), 2.0).scatter_reduce(0, which_B, key_B, "amin")
    return value_G[key_G.argsort(stable=True)][which_B]


@dataclass(frozen=True)
class AERPermuted:
    """AER with its difficulty weights permuted over questions: a control."""

    reconstruction: ClassVar[bool] = True
    needs_scoring: ClassVar[bool] = False  # it reads accuracies alone
    name: Literal["aer_permuted"] = "aer_permuted"
    tau: Fraction = 0.4  # as `aer`
    rho: Fraction = 0.75  # as `aer`
    eta: Coefficient = 0.05  # as `aer`
    alpha_0: Coefficient = 0.0  # as `aer`
    alpha_max: Coefficient = 0.3  # as `aer`
    clip: Clip = (0.2, 0.2)  # ε below and above

    def __post_init__(self) -> None:
        self.aer()

    def aer(self) -> AER:
        """The method that this one is a control for; it refuses settings that contradict."""
        return AER(
            tau=self.tau,
            rho=self.rho,
            eta=self.eta,
            alpha_0=self.alpha_0,
            alpha_max=self.alpha_max,
            clip=self.clip,
        )

    def init(self) -> State:
        """AER's."""
        return self.aer().init()

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """No bonus here: `shape` gives the whole of it."""
        return Control(torch.zeros_like(accuracy_B), self.clip)

    def shape(self, state: State, seen: Rollout) -> Shape:
        """α times another question's weight, on every token of a completion."""
        weight_B = difficulty_weight(seen.accuracy_B, self.rho)
        other_B = permuted_groups(weight_B, seen.group_B, seen.uniform_BT[:, 0])
        worth_B1 = state["alpha"] * other_B.unsqueeze(1)
        return Shape(worth_BT=worth_B1.expand_as(seen.mask_BT))

    def observe(self, state: State, seen: Signals) -> State:
        """AER's."""
        return self.aer().observe(state, seen)
