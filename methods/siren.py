"""SIREN: the entropy of each answer's most uncertain tokens is held at its initial value.

    Ĥ_it = entropy of π over {v, by falling probability: cumulative < top_p}, renormalised
    k_it = 1[ Ĥ_it > the `quantile` of its completion's Ĥ ]
    M    = mean over completions of (Σ_t k Ĥ / Σ_t k); 0 for a completion without a kept token
    L    = L_GRPO + β (M - M_0)²,                       M_0 = M of the first rollout
    v_it = -2 β (M - M_0) · k_it · N / (B · Σ_t k_it)   as a worth of Ĥ in the shared objective

The worth has the gradient of the square, of either sign; the value of the term differs. The token
that crosses top_p is left out, so Ĥ is 0 and has no gradient wherever one token has top_p.

Source: arXiv 2509.25133; Linn3a/siren fa59a8d (efficient_top_p_sampling, mask_by_quantile and
update_policy), exp_scripts/siren.sh.

Departures: M is measured once per rollout, in the scoring pass; the code measures it in each
micro-batch under the current policy, where the square depends on the split. The policy term keeps
this suite's normaliser and advantages (the code: sum of a completion's tokens / padded length, no
std).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from methods.common.control import Control, Rollout, Shape, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import Clip, Coefficient, Count, OpenFraction
from methods.common.tokens import quantile


def nucleus_entropy(logits_NV: Tensor, top_p: float, top_k: int) -> Tensor:
    """(N,) nats: Ĥ, within the top_k largest logits."""
    logits_NK = logits_NV.topk(min(top_k, logits_NV.shape[-1]), dim=-1).values
    kept_NK = logits_NK.softmax(-1).cumsum(-1) < top_p
    # A removed logit gets a finite number: log_softmax of a row of -inf has no gradient.
    logp_NK = logits_NK.masked_fill(~kept_NK, torch.finfo(logits_NK.dtype).min).log_softmax(-1)
    return -(logp_NK.exp() * logp_NK * kept_NK).sum(-1)


def peak_tokens(entropy_BT: Tensor, mask_BT: Tensor, q: float) -> Tensor:
    """(B, T), 0 or 1: above the q-quantile of the completion's own tokens."""
    counted_BT = mask_BT.bool()
    rows = zip(entropy_BT, counted_BT, strict=True)
    bound_B = torch.stack([quantile(entropy_T[counted], q) for entropy_T, counted in rows])
    return (entropy_BT.float() > bound_B.unsqueeze(1)) * mask_BT


def peak_entropy(entropy_BT: Tensor, kept_BT: Tensor) -> Tensor:
    """Scalar, nats: M."""
    return ((entropy_BT * kept_BT).sum(1) / kept_BT.sum(1).clamp(min=1)).mean()


def restoring_worth(kept_BT: Tensor, tokens: Tensor, off: float, beta: float) -> Tensor:
    """(B, T), loss units per nat; off: M - M_0"""
    per_row_B1 = tokens / (len(kept_BT) * kept_BT.sum(1, keepdim=True).clamp(min=1))
    return -2 * beta * off * kept_BT * per_row_B1


@dataclass(frozen=True)
class SIREN:
    """GRPO that holds the nucleus entropy of uncertain tokens at its initial value."""

    needs_ratio: ClassVar[bool] = False
    name: Literal["siren"] = "siren"
    beta: Coefficient = 5e-3  # β, loss units per squared nat; the script
    top_p: OpenFraction = 0.8  # the script
    top_k: Count = 10_000  # logits that are looked at; the script
    quantile: OpenFraction = 0.8  # of a completion's tokens that are left out; the script
    clip: Clip = (0.28, 0.28)  # ε below and above; the script

    def entropy_of(self, logits_NV: Tensor) -> Tensor:
        """(N,) nats: Ĥ."""
        return nucleus_entropy(logits_NV, self.top_p, self.top_k)

    def init(self) -> State:
        """No anchor before the first rollout."""
        return {}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """No uniform bonus."""
        return Control(torch.zeros_like(accuracy_B), self.clip)

    def shape(self, state: State, seen: Rollout) -> Shape:
        """A worth of the uncertain tokens' entropy that takes M back to its anchor."""
        kept_BT = peak_tokens(seen.entropy_BT, seen.mask_BT, self.quantile)
        peak = peak_entropy(seen.entropy_BT, kept_BT).item()
        off = peak - state.get("anchor", peak)
        worth_BT = restoring_worth(kept_BT, seen.mask_BT.sum(), off, self.beta)
        return Shape(worth_BT=worth_BT, note={"peak_entropy": peak})

    def observe(self, state: State, seen: Signals) -> State:
        """The first rollout's M is the anchor."""
        peak = seen.note["peak_entropy"]
        return {"anchor": state.get("anchor", peak), "peak_entropy": peak}
