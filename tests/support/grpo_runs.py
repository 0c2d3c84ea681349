"""Miniature GRPO runs for the parity tests: one stock TRL trainer, one of ours, on the same tiny
random policy and the same completions.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from datasets import Dataset
from torch import Tensor
from transformers import Qwen3ForCausalLM
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from experiments.policies.tiny import make_tiny_model
from experiments.policies.tiny_tokens import make_tiny_tokenizer
from experiments.run.processes import world
from experiments.spec.policy_settings import TinyPolicy
from experiments.spec.training_settings import Training
from experiments.training.grpo_config import grpo_config
from experiments.training.rollout.generation import complete_prompts
from experiments.training.trainer import EntropyControlTrainer
from methods import Method

PROMPTS = [f"{a}+{b}=" for a in range(4) for b in range(4)]


def small_policy() -> Qwen3ForCausalLM:
    """A random policy that ends its answers at different lengths."""
    torch.manual_seed(0)
    return make_tiny_model(TinyPolicy(source="tiny", hidden_size=32, layers=2, heads=2))


def training(**changes: Any) -> Training:
    settings: dict[str, Any] = {
        "rollouts": 3,
        "prompts_per_rollout": 4,
        "num_generations": 4,
        "updates_per_rollout": 1,
        "per_device_train_batch_size": 16,
        "max_completion_length": 12,
        "learning_rate": 1e-2,
    }
    return Training.model_validate(settings | changes)


def digits_reward(completions: list[str], **_: Any) -> list[float | None]:
    """Any rule will do: here, whether more than a third of the answer is digits."""
    return [float(3 * sum(c.isdigit() for c in text) > len(text)) for text in completions]


def dataset() -> Dataset:
    rows = [
        {"prompt": p, "answer": "", "level": i % 2, "stratum": i % 5} for i, p in enumerate(PROMPTS)
    ]
    return Dataset.from_list(rows)


def ours(
    method: Method,
    settings: Training,
    out: Path,
    on_row: Callable[[dict[str, Any]], None] = lambda row: None,
    **more: Any,
) -> EntropyControlTrainer:
    return EntropyControlTrainer(**trainer_arguments(method, settings, out, on_row) | more)


def trainer_arguments(
    method: Method,
    settings: Training,
    out: Path,
    on_row: Callable[[dict[str, Any]], None] = lambda row: None,
) -> dict[str, Any]:
    """Of a trainer of ours, on as many processes as there are."""
    return {
        "method": method,
        "labels": {"level": ["even", "odd"], "stratum": ["a", "b", "c", "d", "e"]},
        "on_row": on_row,
        "mask_truncated": settings.mask_truncated_completions,
        "gradient_share_every": settings.gradient_share_every,
        "model": small_policy(),
        "processing_class": make_tiny_tokenizer(),
        "reward_funcs": [digits_reward],
        "args": grpo_config(settings, 7, out, world().num_processes),
        "train_dataset": dataset(),
    }


class StockUpdates(GRPOTrainer):
    """TRL's trainer, whose completions alone come from our generation."""

    def _generate_single_turn(
        self, prompt_ids: list[list[int]], *args: Any, **kwargs: Any
    ) -> tuple[list[list[int]], None]:
        steps = cast(Any, self.args).steps_per_generation * self.num_iterations
        updates = steps // self.args.gradient_accumulation_steps
        rollout = self.state.global_step // updates
        return complete_prompts(self, self.model, prompt_ids, rollout), None


def stock(
    settings: Training, out: Path, kind: type[GRPOTrainer] = StockUpdates, **changes: Any
) -> GRPOTrainer:
    """TRL's trainer with the same arguments, and `changes` of them. kind: `StockUpdates`, or
    GRPOTrainer, which draws its completions from torch's global generator.
    """
    arguments: dict[str, Any] = (
        grpo_config(settings, 7, out, processes=1).to_dict() | changes | NOT_ARGUMENTS
    )
    config = GRPOConfig(**arguments)
    return kind(
        model=small_policy(),
        processing_class=make_tiny_tokenizer(),
        reward_funcs=[digits_reward],
        args=config,
        train_dataset=dataset(),
    )


# to_dict() holds the derived batch size beside the settings it was derived from; TRL takes one of
# the two.
NOT_ARGUMENTS = {"generation_batch_size": None}


def weights_after(trainer: GRPOTrainer) -> dict[str, Tensor]:
    """Trains to the end; every parameter of the policy."""
    trainer.train()
    return weights(trainer)


def weights(trainer: GRPOTrainer) -> dict[str, Tensor]:
    assert trainer.model is not None
    return {name: p.detach().clone() for name, p in trainer.model.named_parameters()}


def differences(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    """Largest difference of any weight; 0.0 = equal bit for bit."""
    return max((a[name] - b[name]).abs().max().item() for name in a)
