"""The objective by hand, by finite differences, and by its laws."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, tensor

from methods import Control, Shape
from methods.common.objective import clipped, entropy_bonus, grpo_objective

CLIP = (0.2, 0.2)


def objective(
    logp: Tensor,
    old: Tensor,
    advantage: Tensor,
    entropy: Tensor,
    mask: Tensor,
    weight: Tensor,
    **more,
):
    return grpo_objective(
        logp, old, advantage, entropy, mask, Control(weight, more.pop("clip", CLIP)), **more
    )


def test_by_hand() -> None:
    """Two completions of two tokens and one token; ratios 1.1, 1.5 (clipped at 1.2) and 0.5; T
    = 3.
    """
    old = torch.zeros(2, 2)
    logp = tensor([[1.1, 1.5], [0.5, 9.0]]).log()
    mask = tensor([[1.0, 1.0], [1.0, 0.0]])
    entropy = tensor([[0.3, 0.5], [0.7, 100.0]])
    loss = objective(logp, old, tensor([2.0, -1.0]), entropy, mask, tensor([0.1, 0.4]), tokens=3.0)
    # A = 2: min(2.2, 2.2) + min(3.0, 2.4) = 4.6.  A = -1: min(-0.5, -0.8) = -0.8.  Sum 3.8.
    assert loss.policy.item() == pytest.approx(-3.8 / 3, abs=1e-6)
    # 0.1 · (0.3 + 0.5) + 0.4 · 0.7 = 0.36
    assert loss.bonus.item() == pytest.approx(0.36 / 3, abs=1e-6)
    assert loss.total.item() == pytest.approx((-3.8 - 0.36) / 3, abs=1e-6)


def test_asymmetric_clip_by_hand() -> None:
    """Clip to [0.9, 1.3]. A = 2: r = 1.5 counts as 1.3, r = 0.5 as it is. A = -1: r = 0.5 counts as
    0.9, r = 1.5 as it is.
    """
    logp = tensor([[1.5, 0.5], [0.5, 1.5]]).log()
    arguments = (
        logp,
        torch.zeros(2, 2),
        tensor([2.0, -1.0]),
        torch.zeros(2, 2),
        torch.ones(2, 2),
        torch.zeros(2),
    )
    loss = objective(*arguments, tokens=1.0, clip=(0.1, 0.3))
    assert loss.policy.item() == pytest.approx(-2 * (1.3 + 0.5) + (0.9 + 1.5), abs=1e-6)


def test_clipped_by_hand() -> None:
    old = torch.zeros(2, 3)
    logp = tensor([[1.1, 1.3, 0.7], [1.3, 0.7, 0.9]]).log()
    low, high = clipped(logp, old, tensor([1.0, -1.0]), (0.2, 0.2))
    assert high.tolist() == [[False, True, False], [False, False, False]]
    assert low.tolist() == [[False, False, False], [False, True, False]]
    assert not clipped(logp, old, tensor([1.0, -1.0]), (0.2, 0.4))[1].any()


def test_correction_multiplies_the_policy_term_only() -> None:
    args = (
        torch.zeros(1, 2),
        torch.zeros(1, 2),
        tensor([1.0]),
        torch.ones(1, 2),
        torch.ones(1, 2),
        tensor([0.5]),
    )
    plain = objective(*args, tokens=2.0)
    halved = objective(*args, tokens=2.0, correction_BT=tensor([[0.5]]))
    assert halved.policy.item() == plain.policy.item() / 2
    assert halved.bonus.item() == plain.bonus.item()


def test_gradient_by_finite_differences() -> None:
    """In float64, through logits: log-probability, entropy, ratio, clip and weights together."""
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(3, 4, 5, dtype=torch.float64, generator=generator, requires_grad=True)
    chosen = torch.randint(5, (3, 4, 1), generator=generator)
    old = torch.randn(3, 4, dtype=torch.float64, generator=generator) * 0.3 - 1.6
    mask = tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]], dtype=torch.float64)

    def loss(x: Tensor) -> Tensor:
        logp = x.log_softmax(-1)
        entropy = -(logp.exp() * logp).sum(-1)
        taken = logp.gather(-1, chosen).squeeze(-1)
        advantage, weight = tensor([1.0, -0.5, 0.3]).double(), tensor([0.2, 0.0, 0.7]).double()
        return objective(taken, old, advantage, entropy, mask, weight, tokens=7.0).total

    assert torch.autograd.gradcheck(loss, logits, eps=1e-6, atol=1e-7)


def test_a_row_without_weight_gets_no_entropy_gradient() -> None:
    entropy = torch.ones(2, 3, requires_grad=True)
    entropy_bonus(entropy, torch.ones(2, 3), tensor([0.0, 0.3]), 6.0).backward()
    assert entropy.grad is not None
    torch.testing.assert_close(entropy.grad, tensor([[0.0] * 3, [0.05] * 3]))


def test_entropy_that_is_not_finite_cannot_reach_an_arm_without_a_term() -> None:
    nothing = entropy_bonus(tensor([[math.nan, math.inf]]), torch.ones(1, 2), torch.zeros(1), 2.0)
    assert nothing.item() == 0.0


def test_bonus_raises_entropy_and_its_absence_does_not() -> None:
    """Gradient descent on a three-token policy, from near collapse."""

    def entropy_after(weight: float) -> float:
        logits = tensor([[[3.0, 0.0, -1.0]]], requires_grad=True)
        for _ in range(50):
            logp = logits.log_softmax(-1)
            entropy = -(logp.exp() * logp).sum(-1)
            taken = logp[..., 0]
            total = objective(
                taken,
                taken.detach(),
                tensor([0.0]),
                entropy,
                torch.ones(1, 1),
                tensor([weight]),
                tokens=1.0,
            )
            (gradient,) = torch.autograd.grad(total.total, logits)
            logits = (logits - gradient).detach().requires_grad_()
        logp = logits.log_softmax(-1)
        return -(logp.exp() * logp).sum().item()

    start = entropy_after(0.0)
    assert start == pytest.approx(0.2743, abs=1e-4)
    assert entropy_after(0.5) > 1.05  # log 3 = 1.0986 is the most there is


def test_gradient_descent_with_the_sign_turned_would_be_seen() -> None:
    entropy = tensor([[0.5]], requires_grad=True)
    loss = objective(
        torch.zeros(1, 1),
        torch.zeros(1, 1),
        tensor([0.0]),
        entropy,
        torch.ones(1, 1),
        tensor([1.0]),
        tokens=1.0,
    )
    loss.total.backward()
    assert entropy.grad is not None
    assert entropy.grad.item() == -1.0


batches = st.integers(1, 6).flatmap(
    lambda rows: st.tuples(st.just(rows), st.integers(1, 5), st.integers(0, 2**16))
)


@given(batches)
@settings(max_examples=50, deadline=None)
def test_a_token_weighs_the_same_in_any_split(shape: tuple[int, int, int]) -> None:
    """The loss of a rollout is the sum of its micro-batches' losses, however uneven their
    lengths.
    """
    rows, tokens, seed = shape
    generator = torch.Generator().manual_seed(seed)
    logp, old, entropy = (torch.rand(rows, tokens, generator=generator).double() for _ in range(3))
    lengths = torch.randint(1, tokens + 1, (rows, 1), generator=generator)
    mask = (torch.arange(tokens) < lengths).double()
    advantage, weight = (
        torch.randn(rows, generator=generator).double(),
        torch.rand(rows, generator=generator).double(),
    )
    whole = objective(logp, old, advantage, entropy, mask, weight, tokens=mask.sum())
    parts = [
        objective(
            logp[i], old[i], advantage[i], entropy[i], mask[i], weight[i], tokens=mask.sum()
        ).total
        for i in torch.arange(rows).split(2)
    ]
    torch.testing.assert_close(torch.stack(parts).sum(), whole.total)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(AssertionError):
        objective(
            torch.zeros(2, 2),
            torch.zeros(2, 2),
            torch.zeros(3),
            torch.zeros(2, 2),
            torch.ones(2, 2),
            torch.zeros(2),
            tokens=1.0,
        )


def test_levers_by_hand() -> None:
    """One completion of two tokens, ratios 1.1 and 1.5 (clipped at 1.2); A = 2, then 1 and -1 per
    token.
    """
    terms = (
        tensor([[1.1, 1.5]]).log(),
        torch.zeros(1, 2),
        tensor([2.0]),
        tensor([[0.3, 0.5]]),
        torch.ones(1, 2),
        tensor([0.1]),
    )

    def loss(**levers: Any) -> float:
        return objective(*terms, tokens=1.0, shape=Shape(**levers)).total.item()

    plain = -(2.2 + 2.4) - 0.1 * 0.8
    assert loss() == pytest.approx(plain, abs=1e-6)
    assert loss(weight_BT=tensor([[0.0, 3.0]])) == pytest.approx(-7.2 - 0.08, abs=1e-6)
    assert loss(advantage=tensor([1.0])) == pytest.approx(-2.3 - 0.08, abs=1e-6)
    # A = -1 and r = 1.5: min(-1.5, -1.2)
    assert loss(advantage=tensor([[1.0, -1.0]])) == pytest.approx(-1.1 + 1.5 - 0.08, abs=1e-6)
    assert loss(worth_BT=tensor([[-0.2, 0.4]])) == pytest.approx(plain + 0.06 - 0.2, abs=1e-6)
    tether = 0.5 * math.log(1.1) + 2 * math.log(1.5)
    assert loss(tether_BT=tensor([[0.5, 2.0]])) == pytest.approx(plain + tether, abs=1e-6)
    assert loss(pull_BT=tensor([[-1.0, 0.5]])) == pytest.approx(plain - 1.1 + 0.75, abs=1e-6)


def test_the_correction_multiplies_every_lever_but_the_worth() -> None:
    terms = (
        tensor([[1.1]]).log(),
        torch.zeros(1, 1),
        tensor([1.0]),
        torch.ones(1, 1),
        torch.ones(1, 1),
        tensor([0.0]),
    )
    one = tensor([[1.0]])
    shape = Shape(weight_BT=2 * one, tether_BT=one, pull_BT=one, worth_BT=one)
    plain, halved = (
        objective(*terms, tokens=1.0, shape=shape, correction_BT=s * one) for s in (1.0, 0.5)
    )
    assert halved.policy.item() == plain.policy.item() / 2
    assert halved.bonus.item() == plain.bonus.item() == 1.0


def test_levers_at_their_neutral_values_change_no_bit() -> None:
    """In loss and both gradients, in three precisions."""
    generator = torch.Generator().manual_seed(2)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        logp, old, entropy = (torch.rand(4, 6, generator=generator).to(dtype) for _ in range(3))
        mask = (torch.rand(4, 6, generator=generator) > 0.3).to(dtype)
        advantage, weight = (torch.randn(4, generator=generator).to(dtype) for _ in range(2))
        ones, zeros = torch.ones(4, 6, dtype=dtype), torch.zeros(4, 6, dtype=dtype)
        neutral = Shape(advantage.unsqueeze(1).expand(4, 6), ones, zeros, zeros, zeros)
        found = []
        for shape in (Shape(), neutral):
            leaves = logp.clone().requires_grad_(), entropy.clone().requires_grad_()
            loss = objective(
                leaves[0], old, advantage, leaves[1], mask, weight.abs(), tokens=9.0, shape=shape
            )
            found.append((loss.total.detach(), *torch.autograd.grad(loss.total, leaves)))
        assert all(torch.equal(a, b) for a, b in zip(*found, strict=True)), dtype


def test_gradient_with_levers_by_finite_differences() -> None:
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(2, 3, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    chosen = torch.randint(4, (2, 3, 1), generator=generator)
    old = torch.randn(2, 3, dtype=torch.float64, generator=generator) * 0.3 - 1.4
    a, b, c, d, e = torch.randn(5, 2, 3, dtype=torch.float64, generator=generator)
    shape = Shape(a, b, c, d, e)

    def loss(x: Tensor) -> Tensor:
        logp = x.log_softmax(-1)
        entropy = -(logp.exp() * logp).sum(-1)
        taken = logp.gather(-1, chosen).squeeze(-1)
        nothing = torch.zeros(2, dtype=torch.float64)
        ones = torch.ones(2, 3, dtype=torch.float64)
        return objective(taken, old, nothing, entropy, ones, nothing, tokens=6.0, shape=shape).total

    assert torch.autograd.gradcheck(loss, logits, eps=1e-6, atol=1e-7)
