"""How much of the gradient comes from the method: whether it *acts*, not only whether it is
switched on.

    share = ‖∇m‖ / (‖∇m‖ + ‖∇plain‖)     over all trained parameters, before gradient clipping
    loss  = plain - m

plain is GRPO's loss without any lever, and m what the method takes from it: its entropy bonus, and
the difference that its levers on the policy term make. ∇m is taken by a second backward pass
through each micro-batch of a rollout's first update; ∇plain is what remains of the accumulated
gradient. That costs a backward pass, so it is measured every few rollouts only.

Data-parallel training averages the accumulated gradient over processes during the backward pass;
∇m is averaged here. Both need whole parameters and gradients in each process: not shards (FSDP,
DeepSpeed), where the second backward pass would meet parameters that have been given back already.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import Parameter


class GradientShare:
    """Accumulates ∇m over the micro-batches of one optimizer step.

    mean: of a tensor over all processes; every process calls it equally often.
    """

    def __init__(
        self,
        parameters: Sequence[Parameter],
        mean: Callable[[Tensor], Tensor] = lambda local: local,
    ) -> None:
        self.parameters = [p for p in parameters if p.requires_grad]
        self.added = [torch.zeros_like(p) for p in self.parameters]
        self.mean = mean

    def add(self, added: Tensor) -> None:
        """m of one micro-batch. Call between forward and backward; keeps the graph."""
        if not added.requires_grad:  # nothing is added in this micro-batch
            return
        gradients = torch.autograd.grad(
            added, self.parameters, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        self.added = [a + b for a, b in zip(self.added, gradients, strict=True)]

    def close(self) -> float:
        """The share. Call when the step's gradients have been accumulated, before they are
        clipped.
        """
        averaged = [self.mean(local) for local in self.added]
        # The loss is plain - m, so the accumulated gradient is ∇plain - ∇m.
        added = norm(averaged)
        plain = norm(
            [
                p.grad + b
                for p, b in zip(self.parameters, averaged, strict=True)
                if p.grad is not None
            ]
        )
        return added / (added + plain) if added + plain > 0 else 0.0


def norm(tensors: Sequence[Tensor]) -> float:
    """Euclidean norm over all elements of all tensors."""
    return torch.stack([t.double().norm() for t in tensors]).norm().item()
