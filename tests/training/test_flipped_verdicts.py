"""Verdicts that are flipped in training: how many, which, and the same ones whenever and on however
many processes a rollout is made.
"""

from pathlib import Path

import pytest
import torch

from experiments.training.rollout.flipped_verdicts import flip_verdicts
from methods.no_entropy import NoEntropy
from tests.support.grpo_runs import digits_reward, ours, training


def test_none_and_all() -> None:
    verdict_B = torch.tensor([1.0, 0.0, torch.nan, 1.0])
    assert flip_verdicts(verdict_B, 0.0, 1, 1) is verdict_B
    all_flipped = flip_verdicts(verdict_B, 1.0, 1, 1)
    assert all_flipped.nan_to_num(nan=7.0).tolist() == [0.0, 1.0, 7.0, 0.0]


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_share_is_flipped_whatever_the_verdict(share: float) -> None:
    for verdict in (0.0, 1.0):
        verdict_B = torch.full((20_000,), verdict)
        flipped = (flip_verdicts(verdict_B, share, 3, 5) != verdict_B).double().mean().item()
        assert abs(flipped - share) < 4 * (share * (1 - share) / 20_000) ** 0.5


def test_rewards_at_random_say_nothing_about_the_answer() -> None:
    """At one half the mean reward of right and of wrong answers is the same, within four standard
    errors of 20,000 verdicts.
    """
    verdict_B = (torch.arange(20_000) % 4 == 0).float()
    seen_B = flip_verdicts(verdict_B, 0.5, 0, 0)
    right, wrong = seen_B[verdict_B == 1].mean(), seen_B[verdict_B == 0].mean()
    assert abs(right - wrong) < 4 * 0.5 * (1 / 5_000 + 1 / 15_000) ** 0.5


def test_flips_depend_on_seed_and_rollout_alone() -> None:
    zeros_B = torch.zeros(64)
    one = flip_verdicts(zeros_B, 0.5, 1, 4)
    torch.rand(3)  # the global generator has no part in it
    assert torch.equal(one, flip_verdicts(zeros_B, 0.5, 1, 4))
    assert not torch.equal(one, flip_verdicts(zeros_B, 0.5, 2, 4))
    assert not torch.equal(one, flip_verdicts(zeros_B, 0.5, 1, 5))


def test_a_run_is_trained_on_flipped_verdicts(tmp_path: Path) -> None:
    """Two runs that differ in the share alone see the same completions in the first rollout, and
    1 minus the accuracy at share 1. The run's reward function is not concerned.
    """
    seen = {}
    for share in (0.0, 1.0):
        rows = []
        trainer = ours(
            NoEntropy(), training(rollouts=1), tmp_path / str(share), rows.append,
            flipped_verdicts=share, reward_funcs=[digits_reward],
        )  # fmt: skip
        trainer.train()
        seen[share] = rows[0]
    assert 0 < seen[0.0]["accuracy"] < 1
    assert seen[1.0]["accuracy"] == pytest.approx(1 - seen[0.0]["accuracy"])
    assert seen[1.0]["entropy"] == seen[0.0]["entropy"]
