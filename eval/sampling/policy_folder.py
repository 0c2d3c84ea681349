"""Reads a policy's folder: the hash that identifies the policy, its end tokens, its weights.

`save_pretrained` writes such a folder: configuration, tokenizer, weights in safetensors.
"""

import hashlib
from pathlib import Path
from typing import Any

from eval.files.errors import BadInput
from eval.sampling.made_from import policy_files


def policy_hash(policy: Path) -> str:
    """SHA-256 over the configuration, tokenizer and weights; its first 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for file in policy_files(policy):
        with file.open("rb") as stream:
            digest.update(
                file.name.encode() + b"\0" + hashlib.file_digest(stream, "sha256").digest()
            )
    return digest.hexdigest()[:16]


def end_ids(policy: Path, tokenizer: Any) -> list[int]:
    """Ids of the tokens that end a completion, of generation_config.json and of the tokenizer.

    Raises:
        BadInput: neither names one.
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
    """Raises BadInput if the folder has no weights in safetensors. Other formats are pickles, which
    can run code when they are read.
    """
    if not any(policy.glob("*.safetensors")):
        other = sorted(
            path.name for kind in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in policy.glob(kind)
        )
        found = f"only {other[0]}, a pickle that could run code" if other else "none"
        raise BadInput(
            f"{policy}: weights are read from *.safetensors only, and there is {found}: convert the"
            " weights, or fetch them in this format"
        )
