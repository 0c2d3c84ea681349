"""Turns a problem into the prompt that the policy sees: a literal table of named templates.

All arms of an experiment use one template. Every sample records its name and the prompt's hash.
`qwen_boxed` has the wording of the Qwen2.5-Math evaluation (its prompt type
qwen25-math-cot) with the chat markup written out, so that it also fits a base model, whose
tokenizer may have no chat template or another one. A prompt of the chat templates holds the special
tokens it needs: tokenize it with add_special_tokens=False.
"""

import hashlib
from dataclasses import dataclass
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


TEMPLATES: dict[str, Template] = {
    "arithmetic": Template("", ""),
    "bare": Template("", ""),
    "boxed_chat": Template("", f"\n\n{BOXED_INSTRUCTION}", chat=True),
    "qwen_boxed": Template(
        f"<|im_start|>system\n{BOXED_INSTRUCTION}<|im_end|>\n<|im_start|>user\n",
        "<|im_end|>\n<|im_start|>assistant\n",
    ),
    "plain": Template("", f"\n\n{BOXED_INSTRUCTION}\n\n"),
}


def render_prompt(template: str, text: str, tokenizer: Any = None) -> str:
    """The prompt for a problem. `tokenizer` is needed by chat templates only.

    Raises:
        BadInput: unknown template, or a chat template is asked for and the tokenizer has none.
    """
    if template not in TEMPLATES:
        raise BadInput(
            f"unknown prompt template {template!r}: choose one of {', '.join(TEMPLATES)}"
        )
    chosen = TEMPLATES[template]
    prompt = chosen.before + text + chosen.after
    return _user_turn(prompt, tokenizer, template) if chosen.chat else prompt


def _user_turn(content: str, tokenizer: Any, template: str) -> str:
    if getattr(tokenizer, "chat_template", None) is None:
        raise BadInput(
            f"prompt template {template!r} needs a tokenizer with a chat template, and this one has"
            " none: use 'plain' or 'qwen_boxed' for a base model"
        )
    turns = [{"role": "user", "content": content}]
    return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)


def prompt_hash(prompt: str) -> str:
    """First 16 hexadecimal digits of the prompt's SHA-256 (UTF-8; lone surrogates are hashed as
    they are).
    """
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()[:16]
