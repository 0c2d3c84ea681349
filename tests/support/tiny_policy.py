"""A random Qwen3 that is right now and then: digits, `+`, `=`, and a whole box as a single
token.
"""

from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from eval.questions.problems import Problem, write_problems

VOCABULARY = ["<pad>", "<end>", *"0123456789+=", *(f"\\boxed{{{digit}}}" for digit in range(10))]


def write_policy(folder: Path, seed: int = 0, sharpness: float = 4.0) -> Path:
    """The folder of a policy of width 32 and 2 layers. `sharpness` scales its logits: 0 is
    uniform.
    """
    torch.manual_seed(seed)
    core = Tokenizer(
        models.WordLevel({token: i for i, token in enumerate(VOCABULARY)}, unk_token="<pad>")
    )
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r"\\boxed\{.\}|."), behavior="isolated")
    core.decoder = decoders.Fuse()
    config = Qwen3Config(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        max_position_embeddings=256,
        eos_token_id=1,
        pad_token_id=0,
        tie_word_embeddings=False,
    )
    model = Qwen3ForCausalLM(config)
    torch.nn.init.normal_(model.lm_head.weight, std=sharpness / config.hidden_size**0.5)
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", eos_token="<end>"
    ).save_pretrained(folder)
    return folder


def write_sums(path: Path, count: int) -> Path:
    """A problems file of `count` sums of two to four digits, in no order of length."""
    terms = [[(3 * i + j) % 10 for j in range(2 + i % 3)] for i in range(count)]
    problems = [
        Problem(
            f"sum-{i}",
            "+".join(map(str, digits)) + "=",
            str(sum(digits) % 10),
            str(len(digits) - 1),
        )
        for i, digits in enumerate(terms)
    ]
    write_problems(path, problems)
    return path
