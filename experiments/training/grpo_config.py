"""TRL's settings for one run: what the experiment says, plus what the shared objective needs
switched off.

experiments/training/update/micro_batches.py computes TRL's batch sizes.
"""

from pathlib import Path
from typing import Any

import torch
from accelerate.utils import parse_flag_from_env
from trl.trainer.grpo_config import GRPOConfig

from experiments.run.processes import PATIENCE
from experiments.spec.training_settings import Training
from experiments.training.update.micro_batches import batch

PASSED_ON = {
    "num_generations", "num_iterations", "max_completion_length", "temperature", "top_p",
    "learning_rate", "lr_scheduler_type", "warmup_steps", "weight_decay", "adam_beta1",
    "adam_beta2", "max_grad_norm", "scale_rewards", "bf16", "gradient_checkpointing",
    "vllm_server_host", "vllm_server_port", "vllm_server_timeout", "vllm_group_port",
    "vllm_gpu_memory_utilization", "vllm_tensor_parallel_size", "vllm_max_model_length",
    "vllm_enable_sleep_mode", "vllm_importance_sampling_correction",
    "vllm_importance_sampling_mode", "vllm_importance_sampling_clip_max",
    "vllm_importance_sampling_clip_min",
}  # fmt: skip
"""Settings that TRL has under the same name."""


def grpo_config(training: Training, seed: int, output_dir: Path, processes: int) -> GRPOConfig:
    """Raises: BadInput where the batch does not divide among the processes."""
    return GRPOConfig(
        **training.model_dump(include=PASSED_ON),
        **batch(training, processes),
        **generation(training),
        **accumulation(),
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


def accumulation() -> dict[str, Any]:
    """How the gradients of an update's forward passes are summed: sharded, each pass' go to the
    shards at once.

    FSDP2 would otherwise keep them whole on every GPU until the last pass, and sum them in bfloat16
    under `bf16: true`; the shards are float32.
    """
    if not parse_flag_from_env("ACCELERATE_USE_FSDP"):  # set by the launcher
        return {}
    return {"accelerator_config": {"gradient_accumulation_kwargs": {"sync_each_batch": True}}}


def generation(training: Training) -> dict[str, Any]:
    """Who generates. With vLLM the old policy's pass runs before the first update, and entropy is
    measured there.
    """
    return {"use_vllm": training.vllm != "none"} | (
        {} if training.vllm == "none" else {"vllm_mode": training.vllm}
    )
