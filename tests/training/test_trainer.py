"""The trainer: what it tells the method, what it writes down, and that it repeats itself."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from trl.trainer.grpo_config import GRPOConfig

from experiments.train import keep_rows
from experiments.training.grpo_config import grpo_config
from experiments.training.update.gradient_share import GradientShare
from methods import (
    AER,
    CEGPPO,
    QAE,
    SIREN,
    STARE,
    ClipCov,
    ClipHigher,
    Control,
    EntropyAdvantage,
    FixedCoefficient,
    NoEntropy,
    Rollout,
    Shape,
    Signals,
    State,
)
from tests.faults.alive import acts, unlearnt
from tests.support import grpo_runs
from tests.support.grpo_runs import differences, ours, training, weights, weights_after

TIMES = {"seconds_rollout", "seconds_scoring", "seconds_update", "seconds_rest"}
Row = dict[str, Any]


def run(method: Any, out: Path, **changes: Any) -> tuple[list[Row], dict[str, torch.Tensor]]:
    """(rows without times, final weights)"""
    rows: list[Row] = []
    weights = weights_after(ours(method, training(**changes), out, rows.append))
    return [{key: value for key, value in row.items() if key not in TIMES} for row in rows], weights


class Recorder:
    """A method that does nothing and remembers what it was told. (Real methods remember nothing.)"""

    clip = (0.2, 0.2)

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def init(self) -> State:
        return {}

    def control(self, state: State, accuracy_B: torch.Tensor) -> Control:
        self.calls.append(("control", accuracy_B))
        return Control(torch.zeros_like(accuracy_B), self.clip)

    def observe(self, state: State, seen: Signals) -> State:
        self.calls.append(("observe", seen))
        return {}


@pytest.mark.parametrize("updates", [1, 2])
def test_a_method_is_asked_and_told_once_per_rollout(updates: int, tmp_path: Path) -> None:
    recorder = Recorder()
    rows, _ = run(recorder, tmp_path, updates_per_rollout=updates, per_device_train_batch_size=8)
    assert [name for name, _ in recorder.calls] == ["control", "observe"] * 3
    assert [row["updates"] for row in rows] == [updates, 2 * updates, 3 * updates]
    for rollout, row in enumerate(rows):
        asked, told = recorder.calls[2 * rollout][1], recorder.calls[2 * rollout + 1][1]
        assert told.rollout == row["rollout"] == rollout
        assert told.entropy == row["entropy"]
        assert torch.equal(asked.view(4, 4), asked.view(4, 4)[:, :1].expand(4, 4)), (
            "one accuracy per group"
        )
        assert sorted(told.accuracy_B.tolist()) == pytest.approx(sorted(asked.tolist()))
        assert asked.mean().item() == pytest.approx(row["accuracy"])


class Tracer(Recorder):
    """Its levers say where they belong: the advantage of each token is its log-probability, which
    its surrogate compares with the one that the update computes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.off: list[float] = []
        self.ratios: set[float] = set()

    def shape(self, state: State, seen: Rollout) -> Shape:
        self.calls.append(("shape", seen))
        return Shape(advantage=seen.logp_BT, note={"number": float(seen.number)})

    def surrogate(
        self,
        logp_BT: torch.Tensor,
        old_logp_BT: torch.Tensor,
        advantage_BT: torch.Tensor,
        mask_BT: torch.Tensor,
        clip: tuple[float, float],
    ) -> torch.Tensor:
        counted = mask_BT.bool()
        self.off.append(((advantage_BT - logp_BT) * mask_BT).abs().max().item())
        self.ratios |= set((logp_BT - old_logp_BT)[counted].exp().tolist())
        return -logp_BT


@pytest.mark.parametrize("masked", [False, True])
def test_levers_reach_the_rows_that_they_were_made_for(masked: bool, tmp_path: Path) -> None:
    """One update per rollout, four shuffled micro-batches: the policy is the scored one, so each
    row's log-probabilities are those that its lever was made from. The ratio stays 1 exactly.
    """
    tracer = Tracer()
    run(
        tracer,
        tmp_path,
        per_device_train_batch_size=4,
        mask_truncated_completions=masked,
        max_completion_length=6,
    )
    assert [name for name, _ in tracer.calls] == ["control", "shape", "observe"] * 3
    assert len(tracer.off) >= 12, "once per micro-batch at least"
    assert max(tracer.off) < 1e-5
    assert tracer.ratios == {1.0}
    for rollout in range(3):
        (_, accuracy), (_, seen), (_, told) = tracer.calls[3 * rollout : 3 * rollout + 3]
        assert (seen.number, seen.planned) == (told.rollout, 3) == (rollout, 3)
        assert seen.entropy == told.entropy
        assert told.note == {"number": rollout}
        assert torch.equal(seen.accuracy_B, accuracy)
        assert seen.group_B.tolist() == [i // 4 for i in range(16)]
        assert not seen.logp_BT.requires_grad
        counted = seen.mask_BT.sum(1)
        assert masked == bool((counted == 0).any()), "truncated rows do not count where masked"


def test_a_scoring_pass_is_made_where_it_is_needed_alone(tmp_path: Path) -> None:
    """Not with two updates per rollout, where TRL makes one; not for a shape that reads rewards."""

    def seconds(method: Any, updates: int) -> float:
        rows: list[Row] = []
        settings = training(rollouts=1, updates_per_rollout=updates, per_device_train_batch_size=8)
        ours(method, settings, tmp_path / f"{method.name}-{updates}", rows.append).train()
        return rows[0]["seconds_scoring"]

    assert seconds(EntropyAdvantage(), 1) > 0
    assert seconds(EntropyAdvantage(), 2) == 0
    assert seconds(QAE(), 1) == 0
    assert seconds(NoEntropy(), 1) == 0


def test_every_lever_says_whether_it_acted(tmp_path: Path) -> None:
    changes = {"rollouts": 2, "gradient_share_every": 1}
    rows, _ = run(EntropyAdvantage(), tmp_path / "a", **changes)
    lever = rows[0]["levers"]["advantage"]
    assert 0 < lever["touched"] <= 1
    assert 0 < lever["distance"] <= lever["largest"]
    assert 0 < rows[0]["gradient_share"] < 1
    few, _ = run(ClipCov(rho=0.1, omega_low=0.0), tmp_path / "b", **changes)
    tokens = few[0]["tokens_generated"]
    assert few[0]["levers"]["weight"]["touched"] == pytest.approx(int(0.1 * tokens) / tokens)
    four = {"updates_per_rollout": 4, "per_device_train_batch_size": 4}
    kept, _ = run(CEGPPO(), tmp_path / "c", **four, gradient_share_every=1)
    touched = [row["levers"]["surrogate"]["touched"] for row in kept]
    assert touched == pytest.approx([row["clip_low"] + row["clip_high"] for row in kept])
    assert max(touched) > 0
    assert max(row["gradient_share"] for row in kept) > 0.01
    assert run(NoEntropy(), tmp_path / "d")[0][0]["levers"] == {}


def test_a_clip_acts_on_the_tokens_that_plain_grpo_would_treat_otherwise(tmp_path: Path) -> None:
    """However wide it is: a bound that no ratio reaches still frees those beyond 1.2."""
    four = {
        "num_generations": 8,
        "updates_per_rollout": 4,
        "per_device_train_batch_size": 4,
        "gradient_share_every": 1,
    }
    wide, _ = run(ClipHigher(epsilon_high=50.0), tmp_path / "a", **four)
    assert {row["clip_high"] for row in wide} == {0.0}
    assert max(row["levers"]["clip"]["touched"] for row in wide) > 0
    assert max(row["gradient_share"] for row in wide) > 0.01
    equal, _ = run(ClipHigher(epsilon_high=0.2), tmp_path / "b", **four)
    assert {row["levers"]["clip"]["touched"] for row in equal} == {0.0}
    assert {row["gradient_share"] for row in equal} == {0.0}


class WholeEntropy(FixedCoefficient):
    """A fixed bonus on an entropy of its own, which is the full softmax' after all."""

    def entropy_of(self, logits_NV: torch.Tensor) -> torch.Tensor:
        logp_NV = logits_NV.log_softmax(-1)
        return -(logp_NV.exp() * logp_NV).sum(-1)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_an_own_entropy_that_is_the_full_one_trains_the_same_policy(
    checkpointing: bool, tmp_path: Path
) -> None:
    """Beside TRL's fused head, which computes the same numbers in other tiles."""
    changes = {
        "updates_per_rollout": 2,
        "per_device_train_batch_size": 4,
        "gradient_checkpointing": checkpointing,
        "temperature": 0.7,
    }
    own = run(WholeEntropy(0.1), tmp_path / "a", **changes)
    full = run(FixedCoefficient(0.1), tmp_path / "b", **changes)
    none = run(NoEntropy(), tmp_path / "c", **changes)
    for row, other in zip(own[0], full[0], strict=True):
        assert row["own_entropy"] == pytest.approx(row["entropy"], rel=1e-5)
        assert other["own_entropy"] is None
    assert differences(own[1], full[1]) < 1e-3 < differences(own[1], none[1])


def test_entropy_is_that_of_the_generating_policy_however_many_updates(tmp_path: Path) -> None:
    """The first rollout comes from the same policy, so its entropy is the same; the updates then
    see another one.
    """
    one, _ = run(NoEntropy(), tmp_path / "a", updates_per_rollout=1)
    four, _ = run(NoEntropy(), tmp_path / "b", updates_per_rollout=4, per_device_train_batch_size=4)
    assert one[0]["entropy"] == pytest.approx(
        four[0]["entropy"], rel=1e-5
    )  # float32, other batch sizes
    assert one[0]["entropy_update"] == pytest.approx(one[0]["entropy"], rel=1e-6)
    assert four[0]["entropy_update"] != pytest.approx(four[0]["entropy"], rel=1e-4)
    assert one[0]["entropy_mc"] == pytest.approx(one[0]["entropy"], rel=0.2), (
        "same expectation, 150 tokens"
    )


def test_the_applied_coefficient_is_the_one_from_before_the_rollout(tmp_path: Path) -> None:
    method = AER(tau=1.0, rho=1.0, eta=5.0, alpha_max=10.0, shape="constant")
    rows, _ = run(method, tmp_path, updates_per_rollout=2, per_device_train_batch_size=8)
    for before, after in pairwise(rows):
        assert after["coefficient_max"] == pytest.approx(before["state"]["alpha"])
    assert rows[0]["coefficient_max"] == 0.0
    assert rows[-1]["state"]["initial_entropy"] == rows[0]["entropy"]


def test_same_seed_same_rows_and_policy(tmp_path: Path) -> None:
    changes = {
        "updates_per_rollout": 2,
        "per_device_train_batch_size": 4,
        "gradient_share_every": 1,
    }
    first, second = (run(FixedCoefficient(0.1), tmp_path / name, **changes) for name in "ab")
    assert first[0] == second[0]
    assert differences(first[1], second[1]) == 0.0


def test_gradient_share_measuring_leaves_the_run_alone(tmp_path: Path) -> None:
    changes = {"updates_per_rollout": 2, "per_device_train_batch_size": 4}
    measured = run(FixedCoefficient(0.1), tmp_path / "a", gradient_share_every=2, **changes)
    unmeasured = run(FixedCoefficient(0.1), tmp_path / "b", **changes)
    assert differences(measured[1], unmeasured[1]) == 0.0
    assert [row["gradient_share"] is None for row in measured[0]] == [False, True, False]
    assert 0 < measured[0][0]["gradient_share"] < 1
    assert all(row["gradient_share"] is None for row in unmeasured[0])
    assert run(NoEntropy(), tmp_path / "c", gradient_share_every=1)[0][0]["gradient_share"] == 0.0


def test_gradient_share_with_gradient_checkpointing(tmp_path: Path) -> None:
    """The second backward pass goes through layers that are computed anew."""
    plain = run(FixedCoefficient(0.1), tmp_path / "a", gradient_share_every=1)
    anew = run(
        FixedCoefficient(0.1), tmp_path / "b", gradient_share_every=1, gradient_checkpointing=True
    )
    assert differences(plain[1], anew[1]) < 1e-6
    assert anew[0][0]["gradient_share"] == pytest.approx(plain[0][0]["gradient_share"])


def test_a_process_trains_on_one_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a second GPU, transformers would double the batch and wrap the model."""

    def beside_two(*args: Any, **kwargs: Any) -> GRPOConfig:
        config = grpo_config(*args, **kwargs)
        config._n_gpu = 2
        return config

    monkeypatch.setattr(grpo_runs, "grpo_config", beside_two)
    trainer = ours(NoEntropy(), training(), tmp_path)
    assert trainer.args.n_gpu == 1
    assert trainer.args.train_batch_size == training().per_device_train_batch_size


def test_gradient_share_by_hand() -> None:
    """∇policy = (3, 0), ∇bonus = (0, 4): share 4/7, from two micro-batches."""
    weight = torch.nn.Parameter(torch.zeros(2))
    share = GradientShare([weight])
    for _ in range(2):
        policy, bonus = 1.5 * weight[0], 2 * weight[1]
        share.add(bonus)
        (policy - bonus).backward()
    assert share.close() == pytest.approx(4 / 7)


def test_masking_truncated_completions_leaves_entropy_alone(tmp_path: Path) -> None:
    short = {"max_completion_length": 3, "updates_per_rollout": 2, "per_device_train_batch_size": 8}
    kept, kept_weights = run(NoEntropy(), tmp_path / "a", **short)
    masked, masked_weights = run(
        NoEntropy(), tmp_path / "b", mask_truncated_completions=True, **short
    )
    assert kept[0]["truncated"] > 0
    assert masked[0]["entropy"] == kept[0]["entropy"]
    assert masked[0]["length_mean"] == kept[0]["length_mean"]
    assert differences(kept_weights, masked_weights) > 0


METHODS_TO_RESUME = [
    AER(tau=1.0, rho=1.0, eta=1.0),
    ClipCov(rho=0.2, omega_low=0.0),
    STARE(target=9.0, adaptive=True),
    SIREN(beta=1.0),
]
"""A controller with an anchor that acts from the first rollout on; draws; weights that move; an
anchor of an entropy of its own.
"""


@pytest.mark.parametrize("method", METHODS_TO_RESUME, ids=lambda method: method.name)
def test_resume_from_a_checkpoint_is_the_uninterrupted_run(method: Any, tmp_path: Path) -> None:
    changes = {
        "updates_per_rollout": 2,
        "per_device_train_batch_size": 4,
        "rollouts": 4,
        "checkpoint_every": 2,
    }
    whole: list[Row] = []
    expected = weights_after(ours(method, training(**changes), tmp_path / "whole", whole.append))
    rest: list[Row] = []
    resumed = ours(method, training(**changes), tmp_path / "resumed", rest.append)
    resumed.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-4"))
    found = weights(resumed)
    assert differences(expected, found) == 0.0
    assert not list(unlearnt(whole)), "there is something to lose"
    assert (
        differences(expected, weights(ours(method, training(**changes), tmp_path / "untrained")))
        > 0
    )
    if isinstance(method, AER):
        assert any(map(acts, whole))
    else:
        assert any(lever["touched"] > 0 for row in whole[2:] for lever in row["levers"].values())
    clean = [{key: row[key] for key in row if key not in TIMES} for row in whole[2:]]
    assert [{key: row[key] for key in row if key not in TIMES} for row in rest] == clean


def test_rows_after_the_resume_point_are_dropped(tmp_path: Path) -> None:
    log = tmp_path / "train.jsonl"
    log.write_text('{"rollout": 0}\n{"rollout": 1}\n{"rollout": 2}\n{"roll')
    keep_rows(log, 2)
    assert log.read_text() == '{"rollout": 0}\n{"rollout": 1}\n'
