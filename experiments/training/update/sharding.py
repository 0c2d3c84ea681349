"""What a run whose parameters are sharded needs set otherwise, and what it may not ask for.

accelerate 1.15 gives FSDP2 under `bf16: true` one type for everything: weights of a forward pass,
sums of gradients over processes, and whatever the model returns. TRL's fused head returns float32
log-probabilities and entropies, and rounded to bfloat16 (8 significant bits) most ratios of an
update are 1 or noise. Under `ddp` accelerate returns float32, and so does FSDP2 here: only the
forward pass is bfloat16.
"""

from typing import Any

import torch
from accelerate.utils import is_peft_model
from torch.distributed.fsdp import MixedPrecisionPolicy

from eval.files.errors import BadInput


def prepare_shards(trainer: Any) -> None:
    """Sets up sharding. Call it after TRL's trainer is built, before training starts.

    Raises:
        BadInput: the gradient's share is asked for (gradient_share.py says why not), or adapters
            would have to be merged on shards for vLLM.
    """
    if trainer.is_fsdp_enabled and trainer.args.bf16:
        plugin = trainer.accelerator.state.fsdp_plugin
        plugin.mixed_precision_policy = MixedPrecisionPolicy(
            param_dtype=torch.bfloat16, reduce_dtype=torch.float32
        )
    sharded = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
    if sharded and trainer.gradient_share_every:
        raise BadInput(
            "training.gradient_share_every cannot be measured on sharded parameters (FSDP,"
            " DeepSpeed): set it to 0,"
            " or launch with ddp"
        )
    if sharded and trainer.use_vllm and is_peft_model(trainer.model):
        raise BadInput(
            "training.lora with vllm on sharded parameters (fsdp2, zero3) is not supported: TRL"
            " 1.16 merges adapters on shards and calls that untested. Launch with ddp, or set"
            " vllm: none"
        )
