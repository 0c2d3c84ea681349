"""Every method's laws, and AER's equations by hand."""

import json
import math
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from torch import tensor

from methods import AER, AnyMethod, ClipHigher, FixedCoefficient, NoEntropy, Signals
from methods.aer import (
    RULES,
    SHAPES,
    difficulty_weight,
    integral,
    multiplicative,
    sign,
    target_entropy,
)

METHODS: list[AnyMethod] = [
    NoEntropy(),
    FixedCoefficient(0.01),
    ClipHigher(),
    AER(),
    AER(shape="step", rule="sign"),
    AER(shape="linear", rule="multiplicative", alpha_0=0.01, kappa=0.1, hold_below=0.05),
    AER(shape="constant", target=0.2),
]
accuracies = st.lists(st.one_of(st.floats(0, 1), st.just(math.nan)), min_size=1, max_size=12)
entropies = st.lists(st.floats(0, 12), min_size=1, max_size=20)


def test_every_method_is_under_test() -> None:
    assert {type(method) for method in METHODS} == set(get_args(AnyMethod))


@pytest.mark.parametrize("method", METHODS, ids=repr)
@given(accuracy=accuracies, entropy=entropies)
def test_laws(method: AnyMethod, accuracy: list[float], entropy: list[float]) -> None:
    """Weights are finite, not negative and per row; calls are pure; the state is finite and
    survives JSON.
    """
    accuracy_B = tensor(accuracy)
    before = accuracy_B.clone()
    state = method.init()
    for rollout, value in enumerate(entropy):
        kept = dict(state)
        control = method.control(state, accuracy_B)
        assert control.weight_B.shape == accuracy_B.shape
        assert control.weight_B.dtype == accuracy_B.dtype
        assert bool((control.weight_B >= 0).all())
        assert bool(control.weight_B.isfinite().all())
        assert control.clip[0] > 0
        assert control.clip[1] > 0
        following = method.observe(state, Signals(rollout, value, accuracy_B))
        assert state == kept
        assert torch.equal(accuracy_B, before) or bool(before.isnan().any())
        assert following == method.observe(state, Signals(rollout, value, accuracy_B))
        assert all(math.isfinite(x) for x in following.values())
        state = json.loads(json.dumps(following, allow_nan=False))


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_weights_follow_the_device_and_type_of_the_accuracies(method: AnyMethod) -> None:
    weight = method.control(
        method.init(), torch.zeros(3, dtype=torch.float64, device="meta")
    ).weight_B
    assert (weight.device.type, weight.dtype) == ("meta", torch.float64)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_settings_survive_the_schema(method: AnyMethod) -> None:
    adapter = TypeAdapter(AnyMethod)
    assert adapter.validate_python(adapter.dump_python(method)) == method


def test_fixed_coefficient_is_the_same_everywhere() -> None:
    method = FixedCoefficient(0.003)
    assert method.control({}, tensor([0.0, 0.5, 1.0])).weight_B.tolist() == pytest.approx(
        [0.003] * 3
    )


def test_clip_higher_sets_the_clip_and_nothing_else() -> None:
    control = ClipHigher(epsilon_low=0.1, epsilon_high=0.3).control({}, tensor([0.0, 1.0]))
    assert control.clip == (0.1, 0.3)
    assert control.weight_B.tolist() == [0.0, 0.0]


def test_difficulty_weights_by_hand() -> None:
    accuracy = tensor([0.0, 0.25, 0.5, 0.75, 1.0, math.nan])
    by_hand = {
        "hinge": [1.0, 0.5, 0.0, 0.0, 0.0, 0.0],
        "step": [1.0, 1.0, 1.0, 0.0, 0.0, 0.0],
        "linear": [1.0, 0.75, 0.5, 0.25, 0.0, 0.0],
        "constant": [1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
    }
    assert set(by_hand) == set(SHAPES)
    for shape, expected in by_hand.items():
        assert difficulty_weight(accuracy, rho=0.5, shape=shape).tolist() == pytest.approx(
            expected
        ), shape


@given(st.lists(st.floats(0, 1), min_size=2, max_size=10), st.floats(0.01, 1))
def test_harder_questions_never_weigh_less(accuracy: list[float], rho: float) -> None:
    for shape in SHAPES:
        weight = difficulty_weight(tensor(sorted(accuracy)), rho, shape)
        assert bool((weight.diff() <= 0).all())
        assert bool(((weight >= 0) & (weight <= 1)).all())


def test_target_and_rules_by_hand() -> None:
    assert target_entropy(tau=0.4, initial_entropy=0.5) == pytest.approx(0.2)
    assert integral(0.1, error=0.05, eta=2.0) == pytest.approx(0.2)
    assert [sign(0.1, error, eta=0.02) for error in (0.3, -0.3, 0.0)] == pytest.approx(
        [0.12, 0.08, 0.1]
    )
    assert multiplicative(0.1, error=-0.5, eta=2.0) == pytest.approx(0.1 * math.exp(-1))
    assert set(RULES) == {"integral", "sign", "multiplicative"}


def test_aer_by_hand_over_three_rollouts() -> None:
    """H_0 = 0.5, τ = 0.4, so H* = 0.2; η = 2: α = 0 → 0 (bounded) → 0.2 → 0.1."""
    method = AER(tau=0.4, rho=0.5, eta=2.0, alpha_max=1.0)
    accuracy = tensor([0.0, 0.0, 0.25, 1.0])
    state = method.init()
    assert method.control(state, accuracy).weight_B.tolist() == [0.0] * 4
    state = method.observe(state, Signals(0, 0.5, accuracy))
    assert state == pytest.approx(
        {
            "alpha": 0.0,
            "error": -0.3,
            "initial_entropy": 0.5,
            "target": 0.2,
            "difficulty_weight": 0.625,
        }
    )
    state = method.observe(state, Signals(1, 0.1, accuracy))
    assert state["alpha"] == pytest.approx(0.2)
    assert method.control(state, accuracy).weight_B.tolist() == pytest.approx([0.2, 0.2, 0.1, 0.0])
    state = method.observe(state, Signals(2, 0.25, accuracy))
    assert state["alpha"] == pytest.approx(0.1)
    assert state["initial_entropy"] == 0.5


def test_aer_bounds_alpha_and_holds_it_when_nothing_is_hard() -> None:
    hard, easy = tensor([0.0]), tensor([1.0])
    method = AER(eta=100.0, alpha_max=0.3, hold_below=0.05)
    start = method.observe(method.init(), Signals(0, 1.0, hard))
    assert method.observe(start, Signals(1, 0.1, hard))["alpha"] == 0.3
    assert method.observe(start, Signals(1, 0.1, easy))["alpha"] == 0.0
    assert AER(eta=100.0, alpha_max=0.3).observe(start, Signals(1, 0.1, easy))["alpha"] == 0.3


def test_aer_proportional_part_acts_on_the_last_error_only() -> None:
    method = AER(tau=0.5, eta=0.0, kappa=2.0, rho=1.0, alpha_max=1.0)
    state = method.observe(method.init(), Signals(0, 1.0, tensor([0.0])))
    state = method.observe(state, Signals(1, 0.4, tensor([0.0])))
    assert state["alpha"] == 0.0
    assert method.control(state, tensor([0.0])).weight_B.item() == pytest.approx(0.2)


def test_aer_absolute_target_ignores_the_initial_entropy() -> None:
    method = AER(target=0.3)
    assert method.observe(method.init(), Signals(0, 2.0, tensor([0.0])))["target"] == 0.3


def test_aer_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="never leaves 0"):
        AER(rule="multiplicative")
    with pytest.raises(ValueError, match="above alpha_max"):
        AER(alpha_0=0.5, alpha_max=0.1)
