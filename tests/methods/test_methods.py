"""Every method's laws, and the equations by hand that no golden data holds."""

import json
import math
import random
from dataclasses import dataclass
from typing import Any, cast, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from torch import Tensor, tensor

from methods import (
    AER,
    CEGPPO,
    CISPO,
    QAE,
    SIREN,
    STARE,
    STEER,
    AEnt,
    AERPermuted,
    AnyMethod,
    ClipCov,
    ClipHigher,
    EightyTwenty,
    Entrocraft,
    EntroPIC,
    EntropyAdvantage,
    FixedCoefficient,
    KLCov,
    MAIClip,
    NoEntropy,
    Proportional,
    RepoR,
    Rollout,
    Shape,
    Signals,
    Skywork,
)
from methods.aer import (
    RULES,
    SHAPES,
    difficulty_weight,
    integral,
    multiplicative,
    sign,
    target_entropy,
)
from methods.aer_permuted import permuted_groups
from methods.common.control import OwnEntropy, OwnSurrogate, is_shaping
from methods.common.objective import Loss, grpo_objective
from methods.common.uniform import keyed_uniform
from methods.repo_r import next_zeta, rescaled_advantage
from methods.steer import entropy_change

METHODS: list[AnyMethod] = [
    NoEntropy(),
    FixedCoefficient(0.01),
    ClipHigher(),
    AER(),
    AER(shape="step", rule="sign"),
    AER(shape="linear", rule="multiplicative", alpha_0=0.01, kappa=0.1, hold_below=0.05),
    AER(shape="constant", target=0.2),
    Skywork(delta=0.1, c_max=0.3, target=1.0),
    Skywork(variant="trl", delta=0.1, c_max=0.3, target=1.0),
    QAE(),
    QAE(baseline="interpolated"),
    EntropyAdvantage(),
    EightyTwenty(),
    EightyTwenty(scope="sequence", denominator="kept"),
    ClipCov(rho=0.3, omega_low=0.0),
    KLCov(k=0.2),
    STARE(target=9.0),
    STARE(target=1.0, adaptive=True, a=0.1, variant="C2"),
    STEER(),
    STEER(form="exp"),
    Entrocraft(),
    Entrocraft(schedule="cosine"),
    EntroPIC(threshold=0.2),
    EntroPIC(form="entrocraft"),
    AEnt(warmup=0),
    SIREN(),
    CEGPPO(),
    CISPO(),
    Proportional(),
    RepoR(),
    RepoR(target=1.0, zeta=1e-4),
    MAIClip(),
    AERPermuted(alpha_0=0.1),
]
"""A method of yours: add one entry per way in which it computes something else."""


def by_repr(method: Any) -> str:
    return repr(method)[:60]


every_method = pytest.mark.parametrize("method", METHODS, ids=by_repr)


@dataclass(frozen=True)
class Batch:
    """A rollout of one process, with logits: uneven lengths, unscored and all-equal groups."""

    seen: Rollout
    logits: Tensor  # (B, T, V)
    tokens: Tensor  # (B, T)
    old_logp: Tensor  # (B, T)


WORDS = 6


@st.composite
def batches(draw: Any) -> Batch:
    groups, size, length = draw(st.integers(1, 3)), draw(st.integers(2, 4)), draw(st.integers(1, 5))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**20)))
    B = groups * size
    logits = 3 * torch.randn(B, length, WORDS, generator=generator, dtype=torch.float64)
    tokens = torch.randint(WORDS, (B, length), generator=generator)
    lengths = torch.randint(0, length + 1, (B, 1), generator=generator)
    reward = torch.randint(2, (B,), generator=generator).double()
    kinds = draw(st.lists(st.sampled_from(["mixed", "equal", "unscored"]), min_size=3, max_size=3))
    for group, kind in zip(range(groups), kinds, strict=False):
        rows = slice(group * size, (group + 1) * size)
        if kind != "mixed":
            reward[rows] = math.nan if kind == "unscored" else 1.0
    grouped = reward.view(groups, size)
    centred = grouped - grouped.mean(1, keepdim=True)
    advantage = (centred / (grouped.std(1, keepdim=True) + 1e-4)).flatten().nan_to_num(nan=0.0)
    logp = logits.log_softmax(-1)
    seen = Rollout(
        number=draw(st.integers(0, 9)),
        planned=10,
        reward_B=reward,
        accuracy_B=grouped.mean(1).repeat_interleave(size),
        advantage_B=advantage,
        group_B=torch.arange(groups).repeat_interleave(size),
        mask_BT=(torch.arange(length) < lengths).double(),
        logp_BT=logp.gather(-1, tokens.unsqueeze(-1)).squeeze(-1),
        entropy_BT=-(logp.exp() * logp).sum(-1),
        entropy=draw(st.floats(0, 3)),
        uniform_BT=torch.rand(B, length, generator=generator),
    )
    drift = 0.3 * torch.randn(B, length, generator=generator, dtype=torch.float64)
    return Batch(seen, logits, tokens, seen.logp_BT + drift)


def scored(method: Any, batch: Batch) -> Rollout:
    """With the entropy of the method's own kind."""
    if not isinstance(method, OwnEntropy):
        return batch.seen
    return batch.seen._replace(entropy_BT=own_entropy(method, batch.logits))


def own_entropy(method: OwnEntropy, logits: Tensor) -> Tensor:
    return method.entropy_of(logits.flatten(0, 1)).view(logits.shape[:2])


def shape_of(method: Any, state: dict[str, float], seen: Rollout) -> Shape:
    return method.shape(state, seen) if is_shaping(method) else Shape()


def told(method: Any, seen: Rollout, shape: Shape) -> Signals:
    own = 0.3 if isinstance(method, OwnEntropy) else None
    return Signals(seen.number, seen.entropy, seen.accuracy_B, own, shape.note)


def same(a: Shape, b: Shape) -> bool:
    return a.tensors().keys() == b.tensors().keys() and all(
        torch.equal(a.tensors()[name], b.tensors()[name]) for name in a.tensors()
    )


def test_every_method_is_under_test() -> None:
    assert {type(method) for method in METHODS} == set(get_args(AnyMethod))


@every_method
def test_the_name_of_a_method_is_that_of_its_file(method: AnyMethod) -> None:
    assert type(method).__module__ == f"methods.{method.name}"


@every_method
@given(seen=st.lists(batches(), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_laws(method: AnyMethod, seen: list[Batch]) -> None:
    """Weights are finite, not negative and per row; levers are finite and of their shape; calls are
    pure and draw nothing from a global generator; the state is finite and survives JSON.
    """
    state = method.init()
    for batch in seen:
        rollout = scored(method, batch)
        before = [x.clone() for x in rollout if isinstance(x, Tensor)]
        kept, drawn = dict(state), (torch.get_rng_state(), random.getstate())
        control = method.control(state, rollout.accuracy_B)
        assert control.weight_B.shape == rollout.accuracy_B.shape
        assert control.weight_B.dtype == rollout.accuracy_B.dtype
        assert bool((control.weight_B >= 0).all())
        assert bool(control.weight_B.isfinite().all())
        assert control.clip[0] > 0
        assert control.clip[1] > 0
        shape = shape_of(method, state, rollout)
        assert same(shape, shape_of(method, state, rollout))
        for name, lever in shape.tensors().items():
            rows = (rollout.accuracy_B.shape,) if name == "advantage" else ()
            assert lever.shape in (rollout.mask_BT.shape, *rows), name
            assert bool(lever.isfinite().all()), name
            assert not lever.requires_grad, name
        signals = told(method, rollout, shape)
        following = method.observe(state, signals)
        assert following == method.observe(state, signals)
        assert state == kept
        assert torch.equal(torch.get_rng_state(), drawn[0])
        assert random.getstate() == drawn[1]
        after = [x for x in rollout if isinstance(x, Tensor)]
        assert all(
            torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(before, after, strict=True)
        )
        assert all(math.isfinite(x) for x in (*following.values(), *shape.note.values()))
        state = json.loads(json.dumps(following, allow_nan=False))


@every_method
@given(batch=batches(), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_permuted_rows_have_permuted_levers(method: AnyMethod, batch: Batch, seed: int) -> None:
    seen = scored(method, batch)
    order = torch.randperm(len(seen.mask_BT), generator=torch.Generator().manual_seed(seed))
    rows = {name: x[order] for name, x in seen._asdict().items() if isinstance(x, Tensor)}
    moved = seen._replace(**rows)
    one, two = (shape_of(method, method.init(), rollout) for rollout in (seen, moved))
    counted = moved.mask_BT.bool()
    for name, lever in one.tensors().items():
        expected, found = lever[order], two.tensors()[name]
        if lever.dim() == 2:
            expected, found = expected[counted], found[counted]
        torch.testing.assert_close(found, expected)
    assert one.note == pytest.approx(dict(two.note))


@every_method
@given(batch=batches(), more=st.integers(1, 3))
@settings(max_examples=15, deadline=None)
def test_padding_changes_no_lever(method: AnyMethod, batch: Batch, more: int) -> None:
    """Processes pad their completions to different lengths."""
    seen = scored(method, batch)
    padded = {
        name: torch.nn.functional.pad(value, (0, more))
        for name, value in seen._asdict().items()
        if name.endswith("_BT")
    }
    wider = seen._replace(**padded)
    one, two = (shape_of(method, method.init(), rollout) for rollout in (seen, wider))
    counted = seen.mask_BT.bool()
    for name, lever in one.tensors().items():
        found = two.tensors()[name]
        if lever.dim() == 2:
            lever, found = lever[counted], found[:, : counted.shape[1]][counted]
        torch.testing.assert_close(found, lever)


@every_method
@given(batch=batches())
@settings(max_examples=15, deadline=None)
def test_unscored_rows_have_no_policy_gradient(method: AnyMethod, batch: Batch) -> None:
    advantage = shape_of(method, method.init(), scored(method, batch)).advantage
    if advantage is not None:
        assert not advantage[batch.seen.reward_B.isnan()].any()


def rows_of(shape: Shape, rows: Any) -> Shape:
    return Shape()._replace(**{name: lever[rows] for name, lever in shape.tensors().items()})


def loss_of(method: Any, batch: Batch, logits: Tensor, shape: Shape, rows: Any) -> Loss:
    """Of some rows, divided by the tokens of all of them."""
    seen = batch.seen
    logp_BTV = logits.log_softmax(-1)
    entropy = (
        own_entropy(method, logits)
        if isinstance(method, OwnEntropy)
        else -(logp_BTV.exp() * logp_BTV).sum(-1)
    )
    control = cast(Any, method).control(cast(Any, method).init(), seen.accuracy_B)
    return grpo_objective(
        logp_BTV.gather(-1, batch.tokens.unsqueeze(-1)).squeeze(-1)[rows],
        batch.old_logp[rows],
        seen.advantage_B[rows],
        entropy[rows],
        seen.mask_BT[rows],
        control._replace(weight_B=control.weight_B[rows]),
        seen.mask_BT.sum().clamp(min=1),
        shape=rows_of(shape, rows),
        own=method if isinstance(method, OwnSurrogate) else None,
    )


@every_method
@given(batch=batches())
@settings(max_examples=15, deadline=None)
def test_a_split_into_micro_batches_changes_nothing(method: AnyMethod, batch: Batch) -> None:
    shape = shape_of(method, method.init(), scored(method, batch))
    rows = torch.arange(len(batch.tokens))
    whole = loss_of(method, batch, batch.logits, shape, rows).total
    parts = [loss_of(method, batch, batch.logits, shape, part).total for part in rows.split(2)]
    torch.testing.assert_close(torch.stack(parts).sum(), whole)


NEUTRAL: list[AnyMethod] = [
    FixedCoefficient(0.0),
    AER(alpha_max=0.0),
    Skywork(c_max=0.0),
    EntropyAdvantage(alpha=0.0),
    EightyTwenty(rho=1.0),
    ClipCov(omega_low=1e6, omega_high=1e7),
    KLCov(beta=0.0),
    STARE(W=1.0, M=1.0, target=9.0, variant="C2"),
    STEER(w_min=1.0, w_max=1.0),
    Entrocraft(lower=(0.0, 0.0), upper=(9.0, 9.0)),
    EntroPIC(K_p=0.0, K_i=0.0),
    AEnt(c_0=0.0, c_low=0.0, c_high=0.0),
    SIREN(beta=0.0),
    Proportional(K_p=0.0),
    MAIClip(k_max=0.0),
    AERPermuted(alpha_max=0.0),
]
"""Methods with their levers at the value that changes nothing. QAE, REPO-R, CE-GPPO and CISPO have
no such value.
"""


@pytest.mark.parametrize("method", NEUTRAL, ids=by_repr)
@given(batch=batches())
@settings(max_examples=25, deadline=None)
def test_a_neutral_lever_is_no_entropy_bit_for_bit(method: AnyMethod, batch: Batch) -> None:
    """In loss and gradient, beside plain GRPO with the same clip."""
    results = []
    for one in (method, NoEntropy(clip=method.clip)):
        logits = batch.logits.clone().requires_grad_()
        shape = shape_of(one, one.init(), scored(one, batch))
        loss = loss_of(one, batch, logits, shape, slice(None)).total
        results.append((loss.detach(), *torch.autograd.grad(loss, logits)))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("method", [m for m in METHODS if isinstance(m, OwnEntropy)], ids=by_repr)
@given(seed=st.integers(0, 1000), sharp=st.sampled_from([0.0, 1.0, 30.0, 1e4]))
@settings(max_examples=30, deadline=None)
def test_an_own_entropy_is_finite_with_its_gradient(method: Any, seed: int, sharp: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = (sharp * torch.randn(7, 9, generator=generator)).requires_grad_()
    entropy = method.entropy_of(logits)
    assert entropy.shape == (7,)
    assert bool((entropy >= -1e-6).all() and (entropy <= math.log(9) + 1e-5).all())
    (gradient,) = torch.autograd.grad(entropy.sum(), logits)
    assert bool(gradient.isfinite().all())


@every_method
def test_weights_follow_the_device_and_type_of_the_accuracies(method: AnyMethod) -> None:
    weight = method.control(
        method.init(), torch.zeros(3, dtype=torch.float64, device="meta")
    ).weight_B
    assert (weight.device.type, weight.dtype) == ("meta", torch.float64)


@every_method
def test_settings_survive_the_schema(method: AnyMethod) -> None:
    adapter = TypeAdapter(AnyMethod)
    assert adapter.validate_python(adapter.dump_python(method)) == method


def test_keyed_numbers_depend_on_their_key_alone() -> None:
    torch.manual_seed(1)
    one = keyed_uniform(seed=3, rollout=5, rows=4, tokens=6)
    torch.rand(7)
    assert torch.equal(one, keyed_uniform(3, 5, 4, 6))
    assert torch.equal(one[:2], keyed_uniform(3, 5, 2, 6)), "of the first rows, however many follow"
    for other in (
        keyed_uniform(4, 5, 4, 6),
        keyed_uniform(3, 6, 4, 6),
        keyed_uniform(3, 5, 4, 6, "other"),
    ):
        assert not (one == other).any()
    assert bool((one >= 0).all() and (one < 1).all())
    assert keyed_uniform(0, 0, 100, 100).mean().item() == pytest.approx(0.5, abs=0.01)


def test_repo_r_by_hand() -> None:
    """A = 1, log p = -2, ζ = 0.1: 1.2. A = -1: -0.8; at ζ = 0.6 the blame would turn, and is 0."""
    logp = tensor([[-2.0]])
    for advantage, zeta, expected in (
        (1, 0.1, 1.2),
        (-1, 0.1, -0.8),
        (-1, 0.6, 0.0),
        (1, -0.6, 0.0),
    ):
        found = rescaled_advantage(tensor([float(advantage)]), logp, zeta)
        assert found.item() == pytest.approx(expected)


def test_repo_rs_controller_by_hand() -> None:
    """Doubled while entropy is low, halved and turned while it is high; bounds 0.25 and 1."""
    trace, zeta = [], 0.5
    for error in (1, 1, 0, -1, -1, -1, -1, -1, 1, 1, 1):
        zeta = next_zeta(zeta, error, 0.25, 1.0)
        trace.append(zeta)
    assert trace == [1.0, 1.0, 1.0, 0.5, 0.25, -0.25, -0.5, -1.0, -0.5, -0.25, 0.25]


def test_mai_clip_by_hand() -> None:
    """ε = 0.6: [0.4, 2.5 + k]; k moves by 0.25 up to 0.5, and stays at the target."""
    method = MAIClip(k_max=0.5)
    state, upper = method.init(), []
    for entropy in (0.1, 0.1, 0.1, 0.3, 0.4):
        state = method.observe(state, Signals(0, entropy, tensor([0.5])))
        low, high = method.control(state, tensor([0.5])).clip
        assert low == 0.6
        upper.append(1 + high)
    assert upper == pytest.approx([2.75, 3.0, 3.0, 3.0, 2.75])


def test_proportional_by_hand() -> None:
    """K_p = 0.1, H* = 0.9: nothing at first, 0.05 after 0.4 nats, nothing after 1.2."""
    method = Proportional(K_p=0.1)
    state, applied = method.init(), []
    for entropy in (0.4, 1.2):
        applied.append(method.control(state, tensor([0.5])).weight_B.item())
        state = method.observe(state, Signals(0, entropy, tensor([0.5])))
    applied.append(method.control(state, tensor([0.5])).weight_B.item())
    assert applied == pytest.approx([0.0, 0.05, 0.0])


def test_permuted_groups_by_hand() -> None:
    """Groups 7, 3, 5 by number: 3, 5, 7, of values 2, 3, 1; by their smallest keys: 5, 7, 3."""
    value, group = tensor([1.0, 2.0, 3.0, 1.0, 2.0]), tensor([7, 3, 5, 7, 3])
    key = tensor([0.5, 0.9, 0.1, 0.4, 0.6])
    assert permuted_groups(value, group, key).tolist() == [2.0, 3.0, 1.0, 2.0, 3.0]


@given(batches())
def test_permuted_weights_are_those_of_aer_on_other_questions(batch: Batch) -> None:
    """The control of difficulty may change nothing but which question gets which weight."""
    method, state = AERPermuted(rho=1.0), {"alpha": 0.25}
    weight_B = AER(rho=1.0).control(state, batch.seen.accuracy_B).weight_B
    worth_BT = shape_of(method, state, batch.seen).worth_BT
    assert worth_BT is not None
    of_question = {
        int(g): (w.item(), o.item())
        for g, w, o in zip(batch.seen.group_B, weight_B, worth_BT[:, 0], strict=True)
    }
    before, after = zip(*of_question.values(), strict=True)
    assert sorted(before) == pytest.approx(sorted(after))


REFUSED = [
    (AERPermuted, {"alpha_0": 0.5}, "is above alpha_max"),
    (Skywork, {"c_0": 0.2, "c_max": 0.1}, "c_0 = 0.2 is not in"),
    (ClipCov, {"omega_low": 5.0, "omega_high": 1.0}, "no token could be cut"),
    (STEER, {"w_min": 1.0, "w_max": 0.5}, "above w_max"),
    (Entrocraft, {"lower": (0.8, 0.4)}, "lower 0.8 is above upper"),
    (AEnt, {"H_low": 0.5}, "above H_high"),
    (AEnt, {"c_0": 1.0}, "is not in"),
    (RepoR, {"zeta": 1e-5}, "is not in"),
]


@pytest.mark.parametrize(("cls", "settings", "words"), REFUSED, ids=str)
def test_settings_that_contradict_each_other_are_refused(
    cls: Any, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        cls(**settings)


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


def test_a_token_whose_probability_is_zero_in_float32_spoils_no_weight() -> None:
    logp_BT = tensor([[-0.5, -120.0, -2.0]])
    size_BT = entropy_change(torch.ones(1, 3), logp_BT, logp_BT, torch.ones(1, 3))
    assert size_BT.isfinite().all()
    assert size_BT[0, 0] == pytest.approx((1 - math.exp(-0.5)) * 0.5)


def test_a_huge_gain_is_bounded_by_alpha_max() -> None:
    method = AER(rule="multiplicative", alpha_0=0.01, eta=1000.0, target=2.0)
    state = method.init()
    for rollout in range(2):
        state = method.observe(state, Signals(rollout, 0.5, torch.zeros(4)))
    assert state["alpha"] == method.alpha_max
