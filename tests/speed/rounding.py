"""python -m tests.speed.rounding: how far AdamW moves weights of the usual size at a learning rate
of 1e-6, by their type.
"""

import torch

STEPS, RATE, SIZE, COUNT = 100, 1e-6, 0.02, 1_000_000


def main() -> None:
    start = SIZE * torch.randn(COUNT, generator=torch.Generator().manual_seed(0))
    for dtype in (torch.bfloat16, torch.float32):
        weights = torch.nn.Parameter(start.to(dtype))
        before, adam = (
            weights.detach().clone(),
            torch.optim.AdamW([weights], lr=RATE, weight_decay=0.0),
        )
        for _ in range(STEPS):
            weights.grad = torch.ones_like(weights)
            adam.step()
        gone = (before - weights).float()
        moved = (gone != 0).float().mean().item()
        print(
            f"{dtype}: {moved:.1%} of the weights moved, {gone.mean().item() / (STEPS * RATE):.1%}"
            " of the way"
        )


if __name__ == "__main__":
    main()
