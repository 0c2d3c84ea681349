"""The policy of a run: where its weights are read from, how it attends, its adapters, and how it is
written down.

Whatever trained it (one process, shards, adapters), what is written is one whole policy folder that
evaluation can load.
"""

from pathlib import Path
from typing import Any

import torch
from accelerate.utils import is_peft_model
from torch.distributed.tensor import DTensor
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils.import_utils import is_flash_attn_2_available, is_flash_attn_3_available

from eval.files.errors import BadInput
from eval.sampling.policy_folder import check_weights
from experiments.spec.schema import Experiment, HubPolicy
from experiments.spec.training_settings import Attention, Lora


def policy_source(experiment: Experiment, root: Path) -> dict[str, Any]:
    """Arguments of from_pretrained for the base policy. BadInput where its weights are pickles."""
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
    """(model, tokenizer) of the base policy."""
    source = policy_source(experiment, root)
    dtype = experiment.model.dtype if isinstance(experiment.model, HubPolicy) else "float32"
    attends = attention_for(attention, dtype)
    model = AutoModelForCausalLM.from_pretrained(**source, dtype=dtype, attn_implementation=attends)
    return model, AutoTokenizer.from_pretrained(**source)


def attention_for(setting: Attention, dtype: str) -> str:
    """What `attention: auto` means on this machine; flash attention has no float32.

    Raises:
        BadInput: flash attention is asked for by name and is not there.
    """
    on_gpu = torch.cuda.is_available()
    there = {
        "flash_attention_2": on_gpu and is_flash_attn_2_available(),
        "flash_attention_3": on_gpu and is_flash_attn_3_available(),
    }
    if setting == "auto":
        return "flash_attention_2" if there["flash_attention_2"] and dtype == "bfloat16" else "sdpa"
    if not there.get(setting, True):
        package = "flash-attn" if setting == "flash_attention_2" else "flash-attn-3"
        raise BadInput(
            f"training.attention: {setting} needs a GPU and the package {package}: install it, or"
            " use auto"
        )
    return setting


def lora_config(lora: Lora | None) -> Any:
    """peft's configuration of the adapters; None without.

    Raises:
        BadInput: peft is not installed.
    """
    if lora is None:
        return None
    try:
        from peft import LoraConfig
    except ImportError:
        raise BadInput(
            "training.lora needs the package peft: pip install 'entropy-control[lora]'"
        ) from None
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
    """Writes the whole policy, adapters merged in. Called on every process; the main one writes.

    source: of the base policy. Merging happens on the CPU, from files, because shards of weights
    cannot be merged where they are.
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
            merge(target, folder, source)
            trainer.processing_class.save_pretrained(folder)
    trainer.accelerator.wait_for_everyone()


def write_gathered(trainer: Any, folder: Path) -> None:
    """A sharded policy as one, put together tensor by tensor. The checkpoints' own format stays
    sharded.
    """
    gathered: dict[str, torch.Tensor] = {}
    model = trainer.accelerator.unwrap_model(trainer.model)
    once = {
        name for name, _ in [*model.named_parameters(), *model.named_buffers()]
    }  # tied weights under one name
    for name, value in model.state_dict().items():
        if name not in once:
            continue
        full = (
            value.full_tensor() if isinstance(value, DTensor) else value
        )  # every process takes part
        if trainer.accelerator.is_main_process:
            gathered[name] = full.cpu()
    if trainer.accelerator.is_main_process:
        trainer._save(str(folder), state_dict=gathered)


def merge(adapter: Path, folder: Path, source: dict[str, Any]) -> None:
    """Writes the weights of the base policy plus its adapter, in float32: bfloat16 would round most
    of an adapter away.
    """
    from peft import PeftModel

    base = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    merged: Any = PeftModel.from_pretrained(base, str(adapter))
    merged.merge_and_unload().save_pretrained(folder)
