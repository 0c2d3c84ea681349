"""Each check of a rollout ends the run when its fault is injected, and says by how much."""

from pathlib import Path
from typing import Any

import pytest
import torch

from eval.files.errors import BadInput
from experiments.training.rollout import rollout_checks
from experiments.training.trainer import EntropyControlTrainer
from methods import NoEntropy
from tests.support.grpo_runs import small_policy, trainer_arguments, training


class Faulty(EntropyControlTrainer):
    """A trainer with one fault, in the batch of a rollout or in its scores."""

    fault = ""
    engine: Any = None  # a copy of the weights, sent at some time

    def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
        ids, logps = super()._generate_single_turn(*args, **kwargs)
        if self.fault == "retokenized":
            tokens: Any = self.processing_class
            ids = [tokens(tokens.decode(row), add_special_tokens=False)["input_ids"] for row in ids]
            ids = [[*row, row[-1]] for row in ids]
        if self.fault in ("stale", "fresh"):
            if self.engine is None or self.fault == "fresh":
                self.engine = small_policy()
                self.engine.load_state_dict(self.accelerator.unwrap_model(self.model).state_dict())
            logps = self.logps_of(args[0], ids)
        return ids, logps

    def logps_of(self, prompts: list[list[int]], made: list[list[int]]) -> list[list[float]]:
        """As an engine with a copy of the weights returns them."""
        assert self.engine is not None
        found: list[list[float]] = []
        for prompt, ids in zip(prompts, made, strict=True):
            with torch.no_grad():
                logits = self.engine(torch.tensor([prompt + ids])).logits[0, len(prompt) - 1 : -1]
            logp = torch.log_softmax(logits / self.temperature, 1)
            found.append(logp.gather(1, torch.tensor(ids)[:, None]).squeeze(1).tolist())
        return found

    def _begin_rollout(self, inputs: Any, batch: dict[str, Any]) -> None:
        super()._begin_rollout(inputs, batch)
        if self.fault == "old":
            old = batch["old_per_token_logps"]
            batch["old_per_token_logps"] = old.roll(self.num_generations, 0)

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        logp, entropy, more = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        if self.fault == "temperature":
            model, ids, attention, tokens = args[:4]
            with torch.no_grad():
                logits = model(input_ids=ids, attention_mask=attention).logits[:, -tokens - 1 : -1]
            hot = torch.log_softmax(logits / (1.5 * self.temperature), 2)
            entropy = entropy + (-(hot.exp() * hot).sum(2) - entropy).detach()
        return logp, entropy, more


def break_batch(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    checked = rollout_checks.check_rollout

    def broken(trainer: Any, inputs: Any, batch: dict[str, Any]) -> None:
        if fault == "mask":
            batch["completion_mask"] = batch["completion_mask"].roll(1, 1)
        if fault == "neighbour":
            batch["advantages"] = batch["advantages"].roll(trainer.num_generations, 0)
        if fault == "sum":
            batch["advantages"] = batch["advantages"] + 0.5
        if fault == "text":
            trainer.rollout.verified = trainer.rollout.verified[::-1]
        if fault == "prompts":
            inputs = [*inputs[4:], *inputs[:4]]
        if fault == "groups":
            for name in ("prompt_ids", "prompt_mask"):
                batch[name] = batch[name].roll(1, 0)
            inputs = [inputs[-1], *inputs[:-1]]
        if fault == "weights":
            trainer.use_vllm, trainer._last_loaded_step = True, -1
        checked(trainer, inputs, batch)

    monkeypatch.setattr("experiments.training.trainer.check_rollout", broken)


def faulty(fault: str, out: Path, **changes: Any) -> Faulty:
    arguments = trainer_arguments(NoEntropy(), training(**changes), out)
    with torch.no_grad():  # a random policy is close to uniform at any temperature
        arguments["model"].model.norm.weight *= 8.0
    trainer = Faulty(**arguments)
    trainer.fault = fault
    return trainer


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("mask", r"mask of the completions is wrong for \d+ of \d+ tokens"),
        ("neighbour", r"in \d of 4 groups the advantages do not follow from the rewards"),
        ("sum", "advantages of a group sum to 2 instead of 0"),
        ("text", r"in \d+ of 16 rows the verifier saw another text"),
        ("prompts", "16 of 16 prompts have other tokens than evaluation gives them"),
        ("groups", "4 groups hold completions of different prompts"),
        ("weights", "engine has the weights of update -1, the trainer those of update 0"),
    ],
)
def test_a_fault_in_the_batch_ends_the_run(
    fault: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_batch(monkeypatch, fault)
    with pytest.raises(BadInput, match=said):
        faulty(fault, tmp_path).train()


@pytest.mark.parametrize(
    ("fault", "said", "changes"),
    [
        (
            "retokenized",
            r"16 of 16 completions are trained on other tokens than were generated",
            {},
        ),
        (
            "stale",
            r"of generation \(transformers, trainer in float32\) .* differ by [\d.]+ nats",
            {},
        ),
        ("temperature", r"entropy at temperature 1 is [\d.]+ nats per token where the trainer", {}),
        (
            "old",
            r"the pass before the first update and those of the update differ by [\d.]+ nats",
            {"updates_per_rollout": 2, "per_device_train_batch_size": 8},
        ),
    ],
)
def test_a_fault_in_generation_or_scores_ends_the_run(
    fault: str, said: str, changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout_checks, "EVERY", 1)
    with pytest.raises(BadInput, match=said) as error:
        faulty(fault, tmp_path, **changes).train()
    rollout = 1 if fault == "stale" else 0  # the engine's copy was new in the first
    assert f"rollout {rollout}: the run was stopped, because a check failed" in str(error.value)


@pytest.mark.parametrize("fault", ["", "fresh"])
@pytest.mark.parametrize("temperature", [0.7, 1.3])
def test_a_run_without_a_fault_passes(fault: str, temperature: float, tmp_path: Path) -> None:
    trainer = faulty(
        fault,
        tmp_path,
        temperature=temperature,
        updates_per_rollout=2,
        per_device_train_batch_size=8,
        mask_truncated_completions=True,
    )
    trainer.train()
    assert trainer.progress.rollouts == 3
    assert trainer.was_checked


def test_the_first_rollout_and_every_fiftieth_is_checked() -> None:
    class Trainer:
        was_checked = False
        rollout_func = None

        class progress:
            rollouts = 7

    assert rollout_checks.are_checked(Trainer), "the first after a resume"
    Trainer.was_checked = True
    checked = []
    for Trainer.progress.rollouts in range(120):
        if rollout_checks.are_checked(Trainer):
            checked.append(Trainer.progress.rollouts)
    assert checked == [0, 50, 100]


def test_advantages_of_unscored_and_equal_rewards_pass() -> None:
    nan = float("nan")
    reward = torch.tensor([[1.0, 0.0, nan, 0.0], [1.0, 1.0, 1.0, 1.0], [nan, nan, nan, nan]])
    centred = (reward - reward.nanmean(1, keepdim=True)).nan_to_num(nan=0.0)
    assert rollout_checks.wrong_advantages(1.7 * centred.double(), reward.double()) == []
    wrong = centred.double().roll(1, 0)
    assert len(rollout_checks.wrong_advantages(wrong, reward.double())) == 1
