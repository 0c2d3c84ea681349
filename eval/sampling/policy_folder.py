"""Reads a policy's folder: the hash that identifies the policy, its end tokens, its weights.

`save_pretrained` writes such a folder: configuration, tokenizer, weights in safetensors.
"""

import hashlib
from pathlib import Path
from typing import Any

from eval.files.errors import BadInput
from eval.files.json_text import parse
from eval.files.marks import sha256
from eval.sampling.made_from import policy_files


def policy_hash(policy: Path) -> str:
    """SHA-256 over the configuration, tokenizer and weights; its first 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for file in policy_files(policy):
        digest.update(file.name.encode() + b"\0" + bytes.fromhex(sha256(file)))
    return digest.hexdigest()[:16]


def end_ids(policy: Path, tokenizer: Any) -> list[int]:
    """Ids of the tokens that end a completion: all that the tokenizer, generation_config.json and
    config.json name.

    Training and both engines take them from here, so that a completion ends at the same tokens
    everywhere. The union, because libraries write one file from another when they save a policy.

    Raises:
        BadInput: none of the three names one, or a file is damaged.
    """
    ids = {tokenizer.eos_token_id}
    for name in ("generation_config.json", "config.json"):
        ids.update(_ends_named_in(policy / name))
    ids.discard(None)
    if not ids:
        raise BadInput(
            f"{policy}: neither the tokenizer nor generation_config.json nor config.json names an"
            " end token: add eos_token to tokenizer_config.json"
        )
    return sorted(ids)


def _ends_named_in(file: Path) -> list[int]:
    if not file.is_file():
        return []
    try:
        content = parse(file.read_bytes())
    except (OSError, ValueError) as error:
        raise BadInput(f"{file}: cannot be read ({error}): restore the file") from None
    named = content.get("eos_token_id") if isinstance(content, dict) else None
    ids = named if isinstance(named, list) else [] if named is None else [named]
    if not all(type(each) is int and each >= 0 for each in ids):
        raise BadInput(f"{file}: eos_token_id is {named!r}: give a whole number or a list of them")
    return ids


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
