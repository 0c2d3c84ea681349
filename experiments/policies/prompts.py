"""Checks before a run that its prompts are those of its evaluation, and that they fit the policy.

The trained policy is evaluated with the tokenizer that was saved beside it, so a tokenizer that
changes when it is saved would evaluate another policy than was trained.
"""

from collections.abc import Sequence
from tempfile import TemporaryDirectory
from typing import Any

from transformers import AutoTokenizer

from eval.files.errors import BadInput
from eval.sampling.prompts import encode_prompts, prompt_hash, render_prompt

RENDERED = 64
"""Problems whose prompts are rendered by both tokenizers."""


def check_context(
    prompts: Sequence[str], tokenizer: Any, config: Any, max_completion_length: int
) -> None:
    """Checks that every prompt has a token and that its longest completion fits the context.

    config: of the model; max_completion_length: tokens.

    Raises:
        BadInput: a prompt is empty, or leaves too little of the context to a completion.
    """
    encoded = encode_prompts(prompts, tokenizer)
    if empty := [number for number, ids in enumerate(encoded, start=1) if not ids]:
        raise BadInput(
            f"prompt {empty[0]} of the training set has no token: correct its problem or the"
            " tokenizer"
        )
    limit = getattr(config.get_text_config(), "max_position_embeddings", None)
    longest = max(map(len, encoded), default=0)
    if limit is not None and longest + max_completion_length > limit:
        raise BadInput(
            f"training.max_completion_length {max_completion_length} does not fit: the longest"
            f" prompt has {longest} tokens and the policy's context {limit}: lower it to"
            f" {max(0, limit - longest)}, or choose another policy"
        )


def check_reloaded(template: str, texts: Sequence[str], tokenizer: Any) -> None:
    """Checks that a saved and loaded tokenizer gives the same prompts and tokens.

    texts: of training problems; the first RENDERED are checked.

    Raises:
        BadInput: the tokenizer gives other prompts or tokens once it has been saved and loaded.
    """
    texts = texts[:RENDERED]
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        saved = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    unlike = sum(
        a != b
        for a, b in zip(
            _seen(template, texts, tokenizer), _seen(template, texts, saved), strict=True
        )
    )
    if unlike:
        raise BadInput(
            f"{unlike} of {len(texts)} training prompts differ once the tokenizer has been saved"
            " and loaded, so evaluation would see another policy than was trained: correct its chat"
            " template or its version"
        )


def _seen(template: str, texts: Sequence[str], tokenizer: Any) -> list[tuple[str, list[int]]]:
    """(hash, tokens) of each prompt."""
    prompts = [render_prompt(template, text, tokenizer) for text in texts]
    return list(zip(map(prompt_hash, prompts), encode_prompts(prompts, tokenizer), strict=True))
