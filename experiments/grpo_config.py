"""TRL's settings for one run: what the experiment says, plus what the shared objective needs switched off.

The experiment states its batches over all processes; TRL wants them per process and forward pass:

    completions of an update = processes x per_device_train_batch_size x gradient_accumulation_steps

The experiment's `per_device_train_batch_size` is an upper bound. Where a process' share of an update is not a multiple of
it, the largest divisor of the share below it is taken, so that one file runs on any number of processes.
"""

from pathlib import Path
from typing import Any

import torch
from trl.trainer.grpo_config import GRPOConfig

from eval.errors import BadInput
from experiments.processes import PATIENCE
from experiments.training_settings import Training

PASSED_ON = {
    "num_generations", "num_iterations", "max_completion_length", "temperature", "top_p", "learning_rate",
    "lr_scheduler_type", "warmup_steps", "weight_decay", "adam_beta1", "adam_beta2", "max_grad_norm", "scale_rewards",
    "bf16", "gradient_checkpointing", "vllm_server_host", "vllm_server_port", "vllm_server_timeout", "vllm_group_port",
    "vllm_gpu_memory_utilization", "vllm_tensor_parallel_size", "vllm_max_model_length", "vllm_enable_sleep_mode",
    "vllm_importance_sampling_correction", "vllm_importance_sampling_mode", "vllm_importance_sampling_clip_max",
    "vllm_importance_sampling_clip_min",
}  # fmt: skip
"""Settings that TRL has under the same name."""


def grpo_config(training: Training, seed: int, output_dir: Path, processes: int) -> GRPOConfig:
    """Raises: BadInput where the batch does not divide among the processes."""
    return GRPOConfig(
        **training.model_dump(include=PASSED_ON),
        **batch(training, processes),
        **generation(training),
        output_dir=str(output_dir),
        seed=seed,
        max_steps=training.rollouts * training.updates_per_rollout,
        reward_weights=[1.0, training.overlong_penalty] if training.overlong_buffer else None,
        loss_type="dapo",
        beta=0.0,
        entropy_coef=0.0,
        save_strategy="steps" if training.checkpoint_every else "no",
        save_steps=max(1, training.checkpoint_every * training.updates_per_rollout),
        save_total_limit=training.checkpoints_kept,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=not torch.cuda.is_available(),
        ddp_find_unused_parameters=False,
        ddp_timeout=int(PATIENCE.total_seconds()),
        remove_unused_columns=False,
    )


def batch(training: Training, processes: int) -> dict[str, int]:
    """The geometry per process and forward pass."""
    share, rest = divmod(training.completions_per_update, processes)
    if rest:
        raise BadInput(
            f"training: {processes} processes do not divide the {training.completions_per_update} completions of an update"
            " evenly: launch on a divisor of it, or change prompts_per_rollout or updates_per_rollout"
        )
    size = max(d for d in range(1, min(share, training.per_device_train_batch_size) + 1) if share % d == 0)
    return {
        "per_device_train_batch_size": size,
        "gradient_accumulation_steps": share // size,
        "steps_per_generation": training.completions_per_rollout // (processes * size),
    }


def generation(training: Training) -> dict[str, Any]:
    """Who generates. With vLLM the old policy's pass runs before the first update, and entropy is measured there."""
    return {"use_vllm": training.vllm != "none"} | ({} if training.vllm == "none" else {"vllm_mode": training.vllm})
