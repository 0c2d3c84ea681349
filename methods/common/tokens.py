"""Statistics and selections over the tokens of a rollout, as methods with a `shape` need them.

All of them look at the tokens with mask 1 alone and leave padding at 0. A rollout in which no token
counts gives zeros and selects nothing.

Shapes: B = completions, T = tokens.
"""

from methods.common.lazy_torch import Tensor, torch


def token_mean(value_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Scalar: mean over the tokens that count."""
    return (value_BT * mask_BT).sum() / mask_BT.sum().clamp(min=1)


def covariance(logp_BT: Tensor, advantage_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """(B, T), nats: (A_it - mean A)(log p_it - mean log p), a token's part in the covariance that
    drives entropy down (arXiv 2505.22617, theorem 1 and equation 10).
    """
    centred_BT = advantage_BT - token_mean(advantage_BT, mask_BT)
    return centred_BT * (logp_BT - token_mean(logp_BT, mask_BT)) * mask_BT


def lowest(value_BT: Tensor, eligible_BT: Tensor, count: int, tie_BT: Tensor) -> Tensor:
    """(B, T), boolean: the `count` eligible tokens with the smallest values, or all there are.

    Of equal values those with the smaller `tie_BT` are taken (Rollout.uniform_BT), then those of
    earlier rows: no row is favoured for its place.
    """
    by_tie = tie_BT.flatten().argsort(stable=True)
    value = value_BT.masked_fill(~eligible_BT, torch.inf).flatten()
    order = by_tie[value[by_tie].argsort(stable=True)]
    chosen = torch.zeros_like(eligible_BT).flatten()
    chosen[order[: min(count, int(eligible_BT.sum()))]] = True
    return chosen.view_as(eligible_BT)


def highest(value_BT: Tensor, eligible_BT: Tensor, count: int, tie_BT: Tensor) -> Tensor:
    """(B, T), boolean: as `lowest`, those with the largest values."""
    return lowest(-value_BT, eligible_BT, count, tie_BT)


def quantile(values: Tensor, q: float) -> Tensor:
    """Scalar, float32: the q-quantile with linear interpolation, as torch.quantile gives it, of any
    number of values (torch 2.13 refuses more than 2^24). NaN of no value.

    In float32, as both references of the quantile methods (TRL 1.16, SIREN) compute it.
    """
    if not values.numel():
        return torch.tensor(torch.nan, device=values.device)
    ordered = values.float().flatten().sort().values
    position = torch.tensor(q, dtype=torch.float32) * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return torch.lerp(ordered[below], ordered[above], (position - below).to(ordered.device))


def advantages_per_token(advantage_B: Tensor, mask_BT: Tensor) -> Tensor:
    """(B, T): every token has its completion's advantage; 0 on padding."""
    return advantage_B.unsqueeze(1) * mask_BT
