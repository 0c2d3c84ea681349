"""The `training` block of an experiment. Settings that TRL has keep TRL's names.

Batch sizes are totals over all processes (prompts per rollout, updates per rollout), so that the
same file describes the same run on any number of processes. `experiments/training/grpo_config.py`
computes TRL's settings per process from them.
"""

from typing import Annotated, Literal, Self

from annotated_types import Ge, Le
from pydantic import BaseModel, model_validator

from experiments.spec.policy_settings import Count, Natural
from methods.common.ranges import Fraction, NonNegative, Positive, Share

Port = Annotated[int, Ge(1), Le(65535)]
Correction = Literal["token_truncate", "token_mask", "sequence_truncate", "sequence_mask"]
Attention = Literal["auto", "eager", "sdpa", "flash_attention_2", "flash_attention_3"]

MACHINE = {
    "vllm_server_host",
    "vllm_server_port",
    "vllm_server_timeout",
    "vllm_group_port",
    "vllm_gpu_memory_utilization",
    "checkpoint_every",
    "checkpoints_kept",
    "completions_every",
}
"""Settings of the machine, which do not determine a run and are left out of its spec: where the
vLLM engine is and how much memory it gets, how often a run and its completions are saved.

Settings that save memory during updates (per_device_train_batch_size, gradient_checkpointing,
vllm_enable_sleep_mode) do belong to the spec. They change a result by rounding, and two runs of one
spec on one CPU must be equal bit for bit.
"""


class Lora(BaseModel, extra="forbid", frozen=True):
    """Low-rank adapters on frozen weights (arXiv 2106.09685), merged into the saved policy."""

    rank: Count = 32
    alpha: Count = 64  # an adapter's output is scaled by alpha / rank
    # names of layers; not lm_head
    target_modules: Literal["all-linear"] | tuple[str, ...] = "all-linear"

    @model_validator(mode="after")
    def head_stays(self) -> Self:
        if self.target_modules != "all-linear" and (
            not self.target_modules or "lm_head" in self.target_modules
        ):
            raise ValueError(
                f"target_modules {list(self.target_modules)}: name at least one layer, and not"
                " lm_head: the loss reads its weights directly and would ignore an adapter"
            )
        return self


class Training(BaseModel, extra="forbid", frozen=True):
    """Settings of one GRPO run: budget and batch first, then TRL's settings."""

    rollouts: Count  # how often completions are generated and then trained on
    prompts_per_rollout: Count  # over all processes
    num_generations: Annotated[int, Ge(2)]  # completions per prompt: the group
    updates_per_rollout: Count = 1  # optimizer steps on each rollout
    num_iterations: Count = 1  # passes over the completions of each rollout
    per_device_train_batch_size: Count  # completions per forward pass and process, at most
    max_completion_length: Count  # tokens
    temperature: Positive = 1.0
    top_p: Fraction = 1.0
    learning_rate: Positive
    lr_scheduler_type: Literal["constant", "constant_with_warmup", "linear", "cosine"] = "constant"
    warmup_steps: Natural = 0  # optimizer steps
    weight_decay: NonNegative = 0.0
    adam_beta1: Share = 0.9
    adam_beta2: Share = 0.999
    max_grad_norm: Positive = 1.0
    scale_rewards: Literal["group", "batch", "none"] = "group"
    # share of the verdicts that are flipped, in training only; 0.5 = rewards at random
    flipped_verdicts: Share = 0.0
    # leave truncated completions out of the loss; their entropy is measured nevertheless
    mask_truncated_completions: bool = False
    # tokens before max_completion_length over which the overlong penalty grows; 0 = none
    overlong_buffer: Natural = 0
    # reward lost by a completion of max_completion_length tokens
    overlong_penalty: NonNegative = 1.0
    bf16: bool = False  # mixed precision: activations in bfloat16
    gradient_checkpointing: bool = False
    # auto = flash_attention_2 for bfloat16 weights on a GPU if it is installed; else sdpa
    attention: Attention = "auto"
    lora: Lora | None = None  # None = all weights are trained
    vllm: Literal["none", "colocate", "server"] = "none"  # what generates: none = transformers
    # server; may differ between machines, so not part of the run's spec
    vllm_server_host: str = "127.0.0.1"
    vllm_server_port: Port = 8000  # server; not part of the run's spec
    vllm_group_port: Port = 51216  # server: port for weights; not part of the spec
    # server: seconds to wait for it; not part of the run's spec
    vllm_server_timeout: Positive = 240.0
    # colocate: share of each GPU's memory; not part of the run's spec
    vllm_gpu_memory_utilization: Fraction = 0.3
    vllm_tensor_parallel_size: Count = 1  # colocate: GPUs per engine; a server sets its own
    # colocate: tokens of prompt and completion; None = the model's
    vllm_max_model_length: Count | None = None
    vllm_enable_sleep_mode: bool = False  # colocate: frees the engine's memory during updates
    # multiply the policy term by π_trainer / π_engine
    vllm_importance_sampling_correction: bool = True
    # ratio per token or per completion; truncate caps it, mask drops what is above the cap
    vllm_importance_sampling_mode: Correction = "sequence_mask"
    vllm_importance_sampling_clip_max: Positive | None = 3.0
    vllm_importance_sampling_clip_min: Positive | None = None
    # share of log(vocabulary): a run explodes above it, if also above twice its initial entropy
    exploded_entropy: Share = 0.5
    exploded_rollouts: Count = 5  # how many rollouts in a row must be above it
    # a run with rewards explodes, too, when so many rollouts in a row have none
    unrewarded_rollouts: Count = 20
    stop_exploded: bool = False  # end an exploded run early; tables then flag its budget
    # rollouts between measurements of the entropy term's share of the gradient; 0 = never
    gradient_share_every: Natural = 0
    checkpoint_every: Natural = 10  # rollouts between checkpoints; 0 = none
    checkpoints_kept: Count = 2
    # rollouts between those whose completions are kept to be read, the last one always; 0 = none;
    # not part of the run's spec
    completions_every: Natural = 20

    @property
    def completions_per_rollout(self) -> int:
        return self.prompts_per_rollout * self.num_generations

    @property
    def completions_per_update(self) -> int:
        return self.completions_per_rollout * self.num_iterations // self.updates_per_rollout

    @model_validator(mode="after")
    def batches_fit(self) -> Self:
        if self.updates_per_rollout % self.num_iterations:
            raise ValueError(
                f"updates_per_rollout {self.updates_per_rollout} is not divisible by num_iterations"
                f" {self.num_iterations}: every pass over a rollout takes the same number of"
                " updates"
            )
        if self.completions_per_rollout * self.num_iterations % self.updates_per_rollout:
            raise ValueError(
                f"the batch of {self.prompts_per_rollout} prompts x {self.num_generations}"
                f" generations is not divisible by updates_per_rollout {self.updates_per_rollout}:"
                " change one of the three"
            )
        if self.completions_per_update % self.per_device_train_batch_size:
            raise ValueError(
                f"per_device_train_batch_size {self.per_device_train_batch_size} does not divide"
                f" the {self.completions_per_update} completions of an update: choose a divisor"
            )
        if self.completions_per_update % self.num_generations:
            raise ValueError(
                f"an update of {self.completions_per_update} completions is not divisible by the"
                f" group of {self.num_generations}: use fewer updates_per_rollout or more"
                " prompts_per_rollout"
            )
        return self

    @model_validator(mode="after")
    def overlong_fits(self) -> Self:
        if self.overlong_buffer >= self.max_completion_length:
            raise ValueError(
                f"overlong_buffer {self.overlong_buffer} is not below max_completion_length"
                f" {self.max_completion_length}, so every completion would be penalised: lower it"
            )
        return self

    @model_validator(mode="after")
    def engine_fits(self) -> Self:
        if self.vllm != "colocate" and self.vllm_tensor_parallel_size > 1:
            raise ValueError(
                "vllm_tensor_parallel_size is for vllm: colocate only: leave it out (a server takes"
                " --tensor-parallel-size on its own command line)"
            )
        if self.vllm == "none" or not self.vllm_importance_sampling_correction:
            return self
        low, high = self.vllm_importance_sampling_clip_min, self.vllm_importance_sampling_clip_max
        if low is not None and high is not None and low >= high:
            raise ValueError(
                f"vllm_importance_sampling_clip_min {low} is not below"
                f" vllm_importance_sampling_clip_max {high}: lower it"
            )
        if low is None and high is None and self.vllm_importance_sampling_mode.endswith("truncate"):
            raise ValueError(
                f"vllm_importance_sampling_mode {self.vllm_importance_sampling_mode} needs a bound:"
                " set vllm_importance_sampling_clip_max or vllm_importance_sampling_clip_min"
            )
        if self.top_p < 1:
            raise ValueError(
                f"top_p {self.top_p} with vLLM: the engine's probabilities are those of the"
                " truncated distribution, the trainer's those of the full one, so their ratio"
                " corrects nothing: set top_p to 1, or vllm_importance_sampling_correction to"
                " false"
            )
        return self
