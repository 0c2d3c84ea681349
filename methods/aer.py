"""Adaptive Entropy Regularization (AER), a *reconstruction*.

    g(q)  = share of the question's completions that are correct
    λ(g)  = max(0, 1 - g/ρ)             harder question, larger weight; zero from accuracy ρ on
    H*    = τ · H_0                     H_0: entropy of the first rollout, before any update
    α'    = clip(α + η (H* - H), 0, α_max)   too little entropy, more bonus; too much, less
    w_i   = α · λ(g_i)                  with the α from before this rollout's entropy was seen

Source: arXiv 2510.10959. Versions 1 and 2 (October 2025): "Rediscovering Entropy Regularization:
Adaptive Coefficient Unlocks Its Potential for LLM Reinforcement Learning". Version 3 (April 2026,
Findings of ACL 2026): "Revisiting Entropy Regularization: Adaptive Coefficient Unlocks Its
Potential for LLM Reinforcement Learning". The abstract names the three parts: difficulty-aware
allocation (λ), a target anchored to the initial entropy (H*), and dynamic adjustment of a global
coefficient (α).

Departures: the paper's own equations and settings have not been available to us, so the shape of λ,
the update law, its gain and its bounds are assumptions, each a setting below; α_max guards against
wind-up and is ours.

Symbols: tau, rho, eta are τ, ρ, η; alpha_0 and alpha_max bound α. Coefficients are loss units per
nat.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge

from methods.common.control import Control, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import Clip, Coefficient, Fraction, Positive


def hinge(accuracy_B: Tensor, rho: float) -> Tensor:
    """λ(g) = max(0, 1 - g/ρ)"""
    return (1 - accuracy_B / rho).clamp(min=0)


def step(accuracy_B: Tensor, rho: float) -> Tensor:
    """λ(g) = 1 where g <= ρ, else 0"""
    return (accuracy_B <= rho).to(accuracy_B.dtype)


def linear(accuracy_B: Tensor, rho: float) -> Tensor:
    """λ(g) = 1 - g; ρ has no part in it"""
    return 1 - accuracy_B


def constant(accuracy_B: Tensor, rho: float) -> Tensor:
    """λ(g) = 1: AER without its difficulty-aware part"""
    return torch.ones_like(accuracy_B)


LARGEST_EXPONENT = 700.0  # exp of more is no float; α is bounded by alpha_max anyway
SHAPES: dict[str, Callable[[Tensor, float], Tensor]] = {
    "hinge": hinge,
    "step": step,
    "linear": linear,
    "constant": constant,
}


def difficulty_weight(accuracy_B: Tensor, rho: float, shape: str = "hinge") -> Tensor:
    """λ(g) per row, in [0, 1]. Rows of unscored groups (accuracy NaN) weigh nothing."""
    return SHAPES[shape](accuracy_B, rho).nan_to_num(nan=0.0).where(accuracy_B.isfinite(), 0.0)


def target_entropy(tau: float, initial_entropy: float) -> float:
    """H* = τ · H_0, nats."""
    return tau * initial_entropy


def integral(alpha: float, error: float, eta: float) -> float:
    """α + η (H* - H)"""
    return alpha + eta * error


def sign(alpha: float, error: float, eta: float) -> float:
    """α + η sign(H* - H), the rule of Skywork-OR1 (arXiv 2505.22312), section 3.2.5"""
    return alpha + eta * ((error > 0) - (error < 0))


def multiplicative(alpha: float, error: float, eta: float) -> float:
    """α exp(η (H* - H)): dual ascent on log α, as in soft actor-critic; the step is a share of α,
    whatever its size
    """
    return alpha * math.exp(min(eta * error, LARGEST_EXPONENT))


RULES: dict[str, Callable[[float, float, float], float]] = {
    "integral": integral,
    "sign": sign,
    "multiplicative": multiplicative,
}


@dataclass(frozen=True)
class AER:
    """GRPO with adaptive entropy regularization (reconstruction)."""

    reconstruction: ClassVar[bool] = True
    name: Literal["aer"] = "aer"
    tau: Fraction = 0.4  # τ: target entropy as a share of the initial entropy
    rho: Fraction = 0.75  # ρ: group accuracy from which a question gets no bonus
    # η: gain of the controller, per rollout and (but for rule sign) per nat of error
    eta: Coefficient = 0.05
    alpha_0: Coefficient = 0.0  # α before the first rollout
    alpha_max: Coefficient = 0.3  # upper bound of α: the guard against wind-up
    # κ: proportional gain per nat; α + κ (H* - H) is applied. 0 = the reconstruction
    kappa: Coefficient = 0.0
    # of λ; constant = no difficulty-aware part
    shape: Literal["hinge", "step", "linear", "constant"] = "hinge"
    # with eta = 0: no controller, α stays alpha_0
    rule: Literal["integral", "sign", "multiplicative"] = "integral"
    target: Positive | None = None  # H* in nats, given outright: no anchor. None = τ · H_0
    # α holds still while mean λ is below this: anti-windup. 0 = never
    hold_below: Annotated[float, Ge(0)] = 0.0
    clip: Clip = (0.2, 0.2)  # ε below and above

    def __post_init__(self) -> None:
        if self.rule == "multiplicative" and self.alpha_0 == 0:
            raise ValueError("rule 'multiplicative' never leaves 0: set alpha_0 above 0")
        if self.alpha_0 > self.alpha_max:
            raise ValueError(
                f"alpha_0 = {self.alpha_0} is above alpha_max = {self.alpha_max}: lower alpha_0"
            )

    def init(self) -> State:
        """α before the first rollout."""
        return {"alpha": self.alpha_0}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """α times the difficulty weight of each row's question."""
        applied = self.bounded(state["alpha"] + self.kappa * state.get("error", 0.0))
        return Control(applied * difficulty_weight(accuracy_B, self.rho, self.shape), self.clip)

    def observe(self, state: State, seen: Signals) -> State:
        """Moves α by the error of the rollout's entropy; the first rollout sets the anchor."""
        initial = state.get("initial_entropy", seen.entropy)
        target = self.target if self.target is not None else target_entropy(self.tau, initial)
        error = target - seen.entropy
        weight = difficulty_weight(seen.accuracy_B, self.rho, self.shape).mean().item()
        moved = self.bounded(RULES[self.rule](state["alpha"], error, self.eta))
        return {
            "alpha": moved if weight >= self.hold_below else state["alpha"],
            "error": error,
            "initial_entropy": initial,
            "target": target,
            "difficulty_weight": weight,
        }

    def bounded(self, alpha: float) -> float:
        """α within [0, α_max]."""
        return min(max(alpha, 0.0), self.alpha_max)
