"""The shared objective against stock TRL 1.16, on whole training runs with the same completions
(tests/training/test_generation.py compares those with TRL's own). An upgrade of TRL that
changes the arithmetic, the normaliser or a default turns these red. `pytest tests/training/test_parity.py
--device cuda` runs them on a GPU.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor

from methods import (
    AER,
    STEER,
    ClipHigher,
    EightyTwenty,
    Entrocraft,
    EntropyAdvantage,
    FixedCoefficient,
    NoEntropy,
)
from tests.support.grpo_runs import differences, ours, small_policy, stock, training, weights_after

SHAPES = [
    {"updates_per_rollout": 1},
    {"updates_per_rollout": 1, "per_device_train_batch_size": 4},
    {"updates_per_rollout": 4, "per_device_train_batch_size": 4},
    {"updates_per_rollout": 2, "per_device_train_batch_size": 4},
    {"updates_per_rollout": 4, "num_iterations": 2, "per_device_train_batch_size": 4},
]

Weights = dict[str, Tensor]
Same = Callable[[Weights, Weights], None]
# On a GPU 0 is expected as well, with deterministic algorithms on. But cuBLAS may choose another
# kernel for the same product at another address: a rounding of the last bit, which Adam's first
# steps can magnify.
TOLERANCE = {"cpu": 0.0, "cuda": 1e-4}


@pytest.fixture
def same(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Same:
    """Asserts that two policies are equal; their largest difference goes into the JUnit report."""

    def check(mine: Weights, theirs: Weights) -> None:
        found = differences(mine, theirs)
        record_property("difference", found)
        assert found <= TOLERANCE[str(request.config.getoption("device"))]

    return check


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_no_entropy_is_stock_dapo_bit_for_bit(
    shape: dict[str, int], tmp_path: Path, same: Same
) -> None:
    settings = training(**shape)
    mine = weights_after(ours(NoEntropy(), settings, tmp_path / "a"))
    theirs = weights_after(stock(settings, tmp_path / "b"))
    same(mine, theirs)
    untrained = {
        name: p.detach().to(mine[name].device) for name, p in small_policy().named_parameters()
    }
    assert differences(mine, untrained) > 1e-3, (
        "the run must have learnt something for equality to mean anything"
    )


@pytest.mark.parametrize("high", [0.28, 0.5])
def test_clip_higher_is_stock_epsilon_high_bit_for_bit(
    high: float, tmp_path: Path, same: Same
) -> None:
    settings = training(updates_per_rollout=4, per_device_train_batch_size=4)
    mine = weights_after(ours(ClipHigher(epsilon_high=high), settings, tmp_path / "a"))
    theirs = weights_after(stock(settings, tmp_path / "b", epsilon_high=high))
    plain = weights_after(stock(settings, tmp_path / "c"))
    same(mine, theirs)
    assert differences(mine, plain) > 0.0, "the clip must have acted"


def test_clip_higher_does_nothing_at_one_update_per_rollout(tmp_path: Path, same: Same) -> None:
    settings = training(updates_per_rollout=1)
    higher = weights_after(ours(ClipHigher(), settings, tmp_path / "a"))
    plain = weights_after(ours(NoEntropy(), settings, tmp_path / "b"))
    same(higher, plain)


def test_fixed_coefficient_is_stock_entropy_coef_where_the_normalisers_agree(
    tmp_path: Path,
) -> None:
    """One update and one micro-batch per rollout: there TRL's mean over the micro-batch is our mean
    over T.
    """
    settings = training(updates_per_rollout=1)
    mine = weights_after(ours(FixedCoefficient(0.05), settings, tmp_path / "a"))
    theirs = weights_after(stock(settings, tmp_path / "b", entropy_coef=0.05))
    plain = weights_after(stock(settings, tmp_path / "c"))
    # w·ΣH / T against w·(ΣH / T): a rounding of the last bit, which Adam's first steps can magnify.
    assert differences(mine, theirs) < 1e-4
    assert differences(mine, plain) > 1e-2


@pytest.mark.parametrize("shape", SHAPES[1:3], ids=str)
def test_aer_without_strength_is_no_entropy_bit_for_bit(
    shape: dict[str, int], tmp_path: Path, same: Same
) -> None:
    settings = training(**shape)
    mute = weights_after(ours(AER(alpha_max=0.0), settings, tmp_path / "a"))
    plain = weights_after(ours(NoEntropy(), settings, tmp_path / "b"))
    same(mute, plain)


def test_aer_with_constant_weight_and_no_controller_is_fixed_coefficient(
    tmp_path: Path, same: Same
) -> None:
    settings = training(updates_per_rollout=2, per_device_train_batch_size=4)
    frozen = AER(alpha_0=0.05, alpha_max=0.05, eta=0.0, shape="constant")
    adaptive = weights_after(ours(frozen, settings, tmp_path / "a"))
    fixed = weights_after(ours(FixedCoefficient(0.05), settings, tmp_path / "b"))
    same(adaptive, fixed)


STILL = [
    EightyTwenty(rho=1.0, clip=(0.2, 0.2)),
    EntropyAdvantage(alpha=0.0),
    STEER(w_min=1.0, w_max=1.0, clip=(0.2, 0.2)),
    Entrocraft(lower=(0.0, 0.0), upper=(99.0, 99.0)),
]


@pytest.mark.parametrize("method", STILL, ids=lambda method: method.name)
@pytest.mark.parametrize("shape", [SHAPES[1], SHAPES[2]], ids=str)
def test_a_shape_that_changes_nothing_is_no_entropy_bit_for_bit(
    method: EightyTwenty, shape: dict[str, int], tmp_path: Path, same: Same
) -> None:
    """With the scoring pass that one update per rollout needs, and with TRL's own."""
    settings = training(**shape)
    still = weights_after(ours(method, settings, tmp_path / "a"))
    plain = weights_after(ours(NoEntropy(), settings, tmp_path / "b"))
    same(still, plain)
