"""Prompts: the exact texts, and what is refused."""

import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.files.errors import BadInput
from eval.sampling.prompts import TEMPLATES, prompt_hash, render_prompt


class Chat:
    """A tokenizer's chat template, reduced to what a prompt needs."""

    chat_template: str | None = "a template that reads enable_thinking"
    bos_token = "<bos>"

    def apply_chat_template(self, turns: list[dict[str, str]], **options: Any) -> str:
        assert options.pop("strftime_now")("%Y") == "2026"
        if not options.pop("enable_thinking", True):
            turns = [*turns, {"role": "no thinking", "content": ""}]
        assert options == {"tokenize": False, "add_generation_prompt": True}
        return "".join(f"<{turn['role']}>{turn['content']}" for turn in turns) + "<assistant>"


def test_templates_by_hand() -> None:
    assert render_prompt("arithmetic", "3+5=") == "3+5="
    assert render_prompt("plain", "Q?") == (
        "Q?\n\nPlease reason step by step, and put your final answer within \\boxed{}.\n\n"
    )
    assert render_prompt("qwen_boxed", "Q?") == (
        "<|im_start|>system\n"
        "Please reason step by step, and put your final answer within \\boxed{}.<|im_end|>\n"
        "<|im_start|>user\nQ?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert render_prompt("boxed_chat", "Q?", Chat()) == (
        "<user>Q?\n\nPlease reason step by step, and put your final answer within"
        " \\boxed{}.<assistant>"
    )


@settings(deadline=None)
@given(st.sampled_from(list(TEMPLATES)), st.text())
def test_the_problem_stands_in_the_prompt_unchanged(template: str, text: str) -> None:
    assert text in render_prompt(template, text, Chat())  # also with braces and markers of any kind


def test_unknown_names_and_missing_chat_templates_are_refused() -> None:
    with pytest.raises(BadInput, match="unknown prompt template 'boxed': choose one of arithmetic"):
        render_prompt("boxed", "Q?")
    without = Chat()
    without.chat_template = None
    for tokenizer in (None, without):
        with pytest.raises(BadInput, match="'boxed_chat' needs a tokenizer with a chat template"):
            render_prompt("boxed_chat", "Q?", tokenizer)


def test_hash_is_the_head_of_sha256() -> None:
    assert prompt_hash("") == "e3b0c44298fc1c14"
    assert prompt_hash("é") == hashlib.sha256(b"\xc3\xa9").hexdigest()[:16]
    assert prompt_hash("\ud800") != prompt_hash("\ud801")
