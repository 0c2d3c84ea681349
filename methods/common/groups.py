"""Functions of a group's rewards, for rows in any order.

Shapes: B = completions, G = completions of one group that have a reward.
"""

from collections.abc import Callable

from methods.common.lazy_torch import Tensor, torch


def per_group(reward_B: Tensor, group_B: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """(B,): `function` takes a group's (G,) rewards to (G,) values. Rows without a reward (NaN)
    belong to no group and get 0.
    """
    result_B = torch.zeros_like(reward_B)
    for number in group_B.unique().tolist():
        rows = (group_B == number) & reward_B.isfinite()
        if rows.any():
            result_B[rows] = function(reward_B[rows])
    return result_B
