"""Loads the base policy of a run and saves the trained one.

However a policy was trained (one process, shards, adapters), it is saved as one folder with whole
weights, which evaluation can load.
"""

import eval.sampling.lean_imports  # noqa: F401  # isort: skip

from pathlib import Path
from typing import Any

import torch
from accelerate.utils import is_peft_model
from torch.distributed.tensor import DTensor
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig
from transformers.utils.import_utils import is_flash_attn_2_available, is_flash_attn_3_available

from eval.files.errors import BadInput
from eval.sampling.policy_folder import check_weights, end_ids
from experiments.spec.policy_settings import HubPolicy, PretrainedPolicy
from experiments.spec.schema import Experiment
from experiments.spec.training_settings import Attention, Lora


def policy_source(experiment: Experiment, root: Path) -> dict[str, Any]:
    """Arguments of `from_pretrained` for the base policy.

    `root`: results folder of the experiment, whose base/policy is read. A policy that the
    experiment names as a folder is read from there.

    Raises:
        BadInput: the weights are pickles, which could run code when they are loaded.
    """
    model = experiment.model
    folder = (
        model.name
        if isinstance(model, HubPolicy) and model.is_folder
        else str(root / "base" / "policy")
    )
    check_weights(Path(folder))
    return {
        "pretrained_model_name_or_path": folder,
        "local_files_only": True,
        "use_safetensors": True,
    }


def load_policy(experiment: Experiment, attention: Attention, root: Path) -> tuple[Any, Any]:
    """(model, tokenizer) of the base policy, from the experiment's results folder `root`."""
    source = policy_source(experiment, root)
    dtype = experiment.model.dtype if isinstance(experiment.model, PretrainedPolicy) else "float32"
    attends = attention_for(attention, dtype)
    model = AutoModelForCausalLM.from_pretrained(**source, dtype=dtype, attn_implementation=attends)
    tokenizer = AutoTokenizer.from_pretrained(**source)
    use_own_sampling(model, tokenizer, Path(source["pretrained_model_name_or_path"]))
    return model, tokenizer


def use_own_sampling(model: Any, tokenizer: Any, folder: Path) -> None:
    """Replaces the generation settings that the policy came with by its end tokens alone.

    A generation_config.json may hold top_k, min_p, repetition_penalty, suppress_tokens, a
    max_length and more. Generation would obey them, evaluation would not, and the trained policy
    would be saved with them; the experiment's settings are the only ones here.

    Raises:
        BadInput: nothing names an end token.
    """
    ends = end_ids(folder, tokenizer)
    if tokenizer.eos_token_id is None:  # TRL pads with it and stops at it
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(ends[0])
    model.generation_config = GenerationConfig(eos_token_id=ends)


def attention_for(setting: Attention, dtype: str) -> str:
    """The attention that a setting means on this machine, by transformers' name.

    `auto` takes flash attention for bfloat16 weights only, because it does not compute in float32.

    Raises:
        BadInput: the setting names a flash attention that is not installed, or there is no GPU.
    """
    on_gpu = torch.cuda.is_available()
    available = {
        "flash_attention_2": on_gpu and is_flash_attn_2_available(),
        "flash_attention_3": on_gpu and is_flash_attn_3_available(),
    }
    if setting == "auto":
        return (
            "flash_attention_2"
            if available["flash_attention_2"] and dtype == "bfloat16"
            else "sdpa"
        )
    if not available.get(setting, True):
        package = "flash-attn" if setting == "flash_attention_2" else "flash-attn-3"
        raise BadInput(
            f"training.attention: {setting} needs a GPU and the package {package}: install it, or"
            " use auto"
        )
    return setting


def lora_config(lora: Lora | None) -> Any:
    """peft's configuration of the adapters; None if `lora` is None.

    Raises:
        BadInput: peft is not installed.
    """
    if lora is None:
        return None
    try:
        from peft import LoraConfig
    except ImportError:
        raise BadInput("training.lora needs the package peft: pip install -e '.[lora]'") from None
    targets = (
        lora.target_modules if isinstance(lora.target_modules, str) else list(lora.target_modules)
    )
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=0.0,
        target_modules=targets,
        task_type="CAUSAL_LM",
    )


def save_policy(trainer: Any, folder: Path, source: dict[str, Any]) -> None:
    """Writes the trained policy with whole weights, adapters merged in.

    Every process must call it; the main one writes.
    `source`: what `policy_source` returned for the base policy, to which adapters are added.
    """
    adapted = is_peft_model(trainer.accelerator.unwrap_model(trainer.model))
    target = folder / "adapter" if adapted else folder
    if trainer.is_fsdp_enabled:
        write_gathered(trainer, target)
    else:
        trainer.save_model(str(target))
    if trainer.accelerator.is_main_process:
        (target / "training_args.bin").unlink(missing_ok=True)  # a pickle that nothing here reads
        if adapted:
            # from files on the CPU: sharded weights cannot be merged in place
            merge(target, folder, source)
            trainer.processing_class.save_pretrained(folder)
    trainer.accelerator.wait_for_everyone()


def write_gathered(trainer: Any, folder: Path) -> None:
    """Writes a sharded policy as one state dict, gathered tensor by tensor.

    Checkpoints stay sharded; this is for the finished policy.
    """
    gathered: dict[str, torch.Tensor] = {}
    model = trainer.accelerator.unwrap_model(trainer.model)
    # tied weights appear here under one name, and in the state dict under two
    once = {name for name, _ in [*model.named_parameters(), *model.named_buffers()]}
    for name, value in model.state_dict().items():
        if name not in once:
            continue
        # full_tensor is a collective operation: every process must call it
        full = value.full_tensor() if isinstance(value, DTensor) else value
        if trainer.accelerator.is_main_process:
            gathered[name] = full.cpu()
    if trainer.accelerator.is_main_process:
        trainer._save(str(folder), state_dict=gathered)


def merge(adapter: Path, folder: Path, source: dict[str, Any]) -> None:
    """Writes the base policy's weights plus the adapter's, in float32.

    In bfloat16 most of an adapter would be lost to rounding.
    """
    from peft import PeftModel

    base = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    merged: Any = PeftModel.from_pretrained(base, str(adapter))
    merged.merge_and_unload().save_pretrained(folder)
