"""Turns a problem into the prompt that the policy sees: a literal table of named templates.

All arms of an experiment use one template. Every sample records its name and the prompt's hash.
`qwen_boxed` has the wording of the Qwen2.5-Math evaluation (its prompt type
qwen25-math-cot) with the chat markup written out, so that it also fits a base model, whose
tokenizer may have no chat template or another one. A prompt holds the special tokens it needs, and
`encode_prompts` adds none; training and evaluation both use it.

Two settings of the policy are part of a template's name, so that they cannot differ between
training and evaluation: whether a reasoning model is asked to think (`enable_thinking` of its chat
template) and whether a beginning-of-sequence token is written before a prompt without chat markup.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from eval.files.errors import BadInput

BOXED_INSTRUCTION = "Please reason step by step, and put your final answer within \\boxed{}."


@dataclass(frozen=True)
class Template:
    """Text before and after the problem. With `chat`, the result is the user's turn of the
    tokenizer's chat template.
    """

    before: str
    after: str
    chat: bool = False
    thinking: bool | None = None  # enable_thinking of the chat template; None = its own default
    bos: bool = False  # the tokenizer's beginning-of-sequence token comes first


TEMPLATES: dict[str, Template] = {
    "arithmetic": Template("", ""),
    "bare": Template("", ""),
    "boxed_chat": Template("", f"\n\n{BOXED_INSTRUCTION}", chat=True),
    "boxed_chat_thinking": Template("", f"\n\n{BOXED_INSTRUCTION}", chat=True, thinking=True),
    "boxed_chat_no_thinking": Template("", f"\n\n{BOXED_INSTRUCTION}", chat=True, thinking=False),
    "qwen_boxed": Template(
        f"<|im_start|>system\n{BOXED_INSTRUCTION}<|im_end|>\n<|im_start|>user\n",
        "<|im_end|>\n<|im_start|>assistant\n",
    ),
    "sum_one_shot": Template(
        "<|im_start|>user\n5 + 3 =<|im_end|>\n<|im_start|>assistant\n5 + 3 = 8, so \\boxed{8}"
        "<|im_end|>\n<|im_start|>user\n",
        "<|im_end|>\n<|im_start|>assistant\n",
    ),
    "plain": Template("", f"\n\n{BOXED_INSTRUCTION}\n\n"),
    "plain_bos": Template("", f"\n\n{BOXED_INSTRUCTION}\n\n", bos=True),
}

# What a chat template that prints today's date prints here, whatever the day: runs of different
# days must see the same prompt.
TODAY = datetime(2026, 1, 1, tzinfo=UTC)


def render_prompt(template: str, text: str, tokenizer: Any = None) -> str:
    """The prompt for a problem. `tokenizer` is needed by templates with chat markup or BOS.

    Raises:
        BadInput: unknown template, or the tokenizer has no chat template or token that it needs, or
            its chat template fails or leaves the problem out.
    """
    if template not in TEMPLATES:
        raise BadInput(
            f"unknown prompt template {template!r}: choose one of {', '.join(TEMPLATES)}"
        )
    chosen = TEMPLATES[template]
    prompt = chosen.before + text + chosen.after
    if chosen.chat:
        return _user_turn(prompt, tokenizer, template, chosen.thinking)
    return _bos(tokenizer, template) + prompt if chosen.bos else prompt


def _bos(tokenizer: Any, template: str) -> str:
    token = getattr(tokenizer, "bos_token", None)
    if token is None:
        raise BadInput(
            f"prompt template {template!r} begins with the tokenizer's bos_token, and this one has"
            " none: use 'plain'"
        )
    return token


def _user_turn(content: str, tokenizer: Any, template: str, thinking: bool | None) -> str:
    chat = getattr(tokenizer, "chat_template", None)
    if chat is None:
        raise BadInput(
            f"prompt template {template!r} needs a tokenizer with a chat template, and this one has"
            " none: use 'plain' or 'qwen_boxed' for a base model"
        )
    if thinking is not None and "enable_thinking" not in str(chat):
        raise BadInput(
            f"prompt template {template!r} sets enable_thinking, and the tokenizer's chat template"
            " does not read it: use 'boxed_chat'"
        )
    options = {} if thinking is None else {"enable_thinking": thinking}
    turns = [{"role": "user", "content": content}]
    try:
        prompt = tokenizer.apply_chat_template(
            turns,
            tokenize=False,
            add_generation_prompt=True,
            strftime_now=TODAY.strftime,
            **options,
        )
    # A template is a program of somebody else's, and can raise anything.
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise BadInput(
            f"the tokenizer's chat template fails on a single user turn ({why}): correct it, or use"
            " the prompt template 'plain' or 'qwen_boxed'"
        ) from None
    if content.strip() not in prompt:
        raise BadInput(
            "the tokenizer's chat template leaves the problem out of the prompt, or changes it:"
            " correct it, or use the prompt template 'plain' or 'qwen_boxed'"
        )
    return prompt


def encode_prompts(texts: Sequence[str], tokenizer: Any) -> list[list[int]]:
    """Token ids of rendered prompts, without the special tokens that a tokenizer would add."""
    if not texts:
        return []
    return tokenizer(text=list(texts), add_special_tokens=False)["input_ids"]


def prompt_hash(prompt: str) -> str:
    """First 16 hexadecimal digits of the prompt's SHA-256 (UTF-8; lone surrogates are hashed as
    they are).
    """
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()[:16]
