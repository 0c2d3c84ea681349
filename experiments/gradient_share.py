"""How much of the gradient comes from the entropy term: whether a method *acts*, not only whether it is switched on.

    share = ‖∇bonus‖ / (‖∇bonus‖ + ‖∇policy‖)          both over all trained parameters, before gradient clipping

∇bonus is taken by a second backward pass through each micro-batch of a rollout's first update; ∇policy is what remains
of the accumulated gradient. That costs a backward pass, so it is measured every few rollouts only. It needs whole
parameters and gradients in each process (one process, or DDP), not shards.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import Parameter


class GradientShare:
    """Accumulates ∇bonus over the micro-batches of one optimizer step."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = [p for p in parameters if p.requires_grad]
        self.bonus: list[Tensor] | None = None

    def add(self, bonus: Tensor) -> None:
        """Call between forward and backward; keeps the graph."""
        if not bonus.requires_grad:  # no weights in this micro-batch, so no term
            return
        gradients = torch.autograd.grad(
            bonus, self.parameters, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        previous = self.bonus or [torch.zeros_like(p) for p in self.parameters]
        self.bonus = [a + b for a, b in zip(previous, gradients, strict=True)]

    def close(self) -> float:
        """The share. Call when the step's gradients have been accumulated, before they are clipped."""
        if self.bonus is None:
            return 0.0
        # The loss subtracts the bonus, so the accumulated gradient is ∇policy - ∇bonus.
        bonus = norm(self.bonus)
        policy = norm([p.grad + b for p, b in zip(self.parameters, self.bonus, strict=True) if p.grad is not None])
        return bonus / (bonus + policy) if bonus + policy > 0 else 0.0


def norm(tensors: Sequence[Tensor]) -> float:
    """Euclidean norm over all elements of all tensors."""
    return torch.stack([t.double().norm() for t in tensors]).norm().item()
