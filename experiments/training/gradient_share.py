"""How much of the gradient comes from the entropy term: whether a method *acts*, not only whether
it is switched on.

    share = ‖∇bonus‖ / (‖∇bonus‖ + ‖∇policy‖)          both over all trained parameters, before gradient clipping

∇bonus is taken by a second backward pass through each micro-batch of a rollout's first update;
∇policy is what remains of the accumulated gradient. That costs a backward pass, so it is measured
every few rollouts only.

Data-parallel training averages the accumulated gradient over processes during the backward pass;
∇bonus is averaged here. Both need whole parameters and gradients in each process: not shards (FSDP,
DeepSpeed), where the second backward pass would meet parameters that have been given back already.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import Parameter


class GradientShare:
    """Accumulates ∇bonus over the micro-batches of one optimizer step.

    mean: of a tensor over all processes; every process calls it equally often.
    """

    def __init__(
        self,
        parameters: Sequence[Parameter],
        mean: Callable[[Tensor], Tensor] = lambda local: local,
    ) -> None:
        self.parameters = [p for p in parameters if p.requires_grad]
        self.bonus = [torch.zeros_like(p) for p in self.parameters]
        self.mean = mean

    def add(self, bonus: Tensor) -> None:
        """Call between forward and backward; keeps the graph."""
        if not bonus.requires_grad:  # no weights in this micro-batch, so no term
            return
        gradients = torch.autograd.grad(
            bonus, self.parameters, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        self.bonus = [a + b for a, b in zip(self.bonus, gradients, strict=True)]

    def close(self) -> float:
        """The share. Call when the step's gradients have been accumulated, before they are
        clipped.
        """
        averaged = [self.mean(local) for local in self.bonus]
        # The loss subtracts the bonus, so the accumulated gradient is ∇policy - ∇bonus.
        bonus = norm(averaged)
        policy = norm(
            [
                p.grad + b
                for p, b in zip(self.parameters, averaged, strict=True)
                if p.grad is not None
            ]
        )
        return bonus / (bonus + policy) if bonus + policy > 0 else 0.0


def norm(tensors: Sequence[Tensor]) -> float:
    """Euclidean norm over all elements of all tensors."""
    return torch.stack([t.double().norm() for t in tensors]).norm().item()
