"""The trainer: what it tells the method, what it writes down, and that it repeats itself."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from trl.trainer.grpo_config import GRPOConfig

from experiments.train import keep_rows
from experiments.training.gradient_share import GradientShare
from experiments.training.grpo_config import grpo_config
from methods import AER, Control, FixedCoefficient, NoEntropy, Signals, State
from tests import grpo_runs
from tests.faults.alive import acts, unlearnt
from tests.grpo_runs import differences, ours, training, weights, weights_after

TIMES = {"seconds_rollout", "seconds_scoring", "seconds_update", "seconds_rest"}
Row = dict[str, Any]


def run(method: Any, out: Path, **changes: Any) -> tuple[list[Row], dict[str, torch.Tensor]]:
    """(rows without times, final weights)"""
    rows: list[Row] = []
    weights = weights_after(ours(method, training(**changes), out, rows.append))
    return [{key: value for key, value in row.items() if key not in TIMES} for row in rows], weights


class Recorder:
    """A method that does nothing and remembers what it was told."""

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


def test_resume_from_a_checkpoint_is_the_uninterrupted_run(tmp_path: Path) -> None:
    """State and H_0 included: a controller that acts from the first rollout on."""
    method = AER(tau=1.0, rho=1.0, eta=1.0)
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
    assert any(map(acts, whole))
    clean = [{key: row[key] for key in row if key not in TIMES} for row in whole[2:]]
    assert [{key: row[key] for key in row if key not in TIMES} for row in rest] == clean


def test_rows_after_the_resume_point_are_dropped(tmp_path: Path) -> None:
    log = tmp_path / "train.jsonl"
    log.write_text('{"rollout": 0}\n{"rollout": 1}\n{"rollout": 2}\n{"roll')
    keep_rows(log, 2)
    assert log.read_text() == '{"rollout": 0}\n{"rollout": 1}\n'
