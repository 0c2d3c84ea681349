"""What a policy's folder holds: the hash that names the policy, its end tokens, its weights.

A policy is a folder written by `save_pretrained`: configuration, tokenizer, weights in safetensors.
"""

import hashlib
from pathlib import Path
from typing import Any

from eval.files.errors import BadInput
from eval.sampling.made_from import policy_files


def policy_hash(policy: Path) -> str:
    """sha256 over the folder's configuration, tokenizer and weights, cut to 64 bits."""
    digest = hashlib.sha256()
    for file in policy_files(policy):
        with file.open("rb") as stream:
            digest.update(
                file.name.encode() + b"\0" + hashlib.file_digest(stream, "sha256").digest()
            )
    return digest.hexdigest()[:16]


def end_ids(policy: Path, tokenizer: Any) -> list[int]:
    """Tokens that end a completion: those of the generation config, and the tokenizer's end
    token.
    """
    from transformers import GenerationConfig

    ids = {tokenizer.eos_token_id}
    if (policy / "generation_config.json").is_file():
        named = GenerationConfig.from_pretrained(policy).eos_token_id
        ids.update(named if isinstance(named, list) else [named])
    ids.discard(None)
    if not ids:
        raise BadInput(
            f"{policy}: neither generation_config.json nor the tokenizer names an end token: add"
            " eos_token"
        )
    return sorted(ids)


def check_weights(policy: Path) -> None:
    """BadInput where a folder has no weights in safetensors. Other formats are pickles, which run
    code when they are read.
    """
    if not any(policy.glob("*.safetensors")):
        other = sorted(
            path.name for kind in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in policy.glob(kind)
        )
        found = f"only {other[0]}, a pickle that could run code" if other else "none"
        raise BadInput(
            f"{policy}: weights are read from *.safetensors alone, and there is {found}: convert"
            " or fetch them"
        )
