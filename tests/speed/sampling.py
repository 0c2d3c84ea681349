"""python -m tests.speed.sampling: completions per second of the transformers back end, on this CPU.

The policy has the size of that of `arithmetic` (width 96, 3 layers, 16 tokens) and random weights: a
completion ends after 16 tokens on average, 48 at most. `generate` is stock `model.generate` on the
same rows.
"""

import argparse
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from eval.sampling.engine_interface import Key, Request, Sampling, sample_seed
from eval.sampling.engine_transformers import TransformersEngine


def write_policy(folder: Path, width: int, layers: int) -> PreTrainedTokenizerFast:
    """A random Qwen3 over 16 characters, and its tokenizer."""
    torch.manual_seed(0)
    vocabulary = ["<pad>", "<end>", *"0123456789+=;}"]
    core = Tokenizer(
        models.WordLevel({token: i for i, token in enumerate(vocabulary)}, unk_token="<pad>")
    )
    core.pre_tokenizer = pre_tokenizers.Split(Regex("."), behavior="isolated")
    core.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="<end>")
    config = Qwen3Config(
        vocab_size=len(vocabulary), hidden_size=width, intermediate_size=3 * width, num_hidden_layers=layers,
        num_attention_heads=4, num_key_value_heads=2, head_dim=width // 4, max_position_embeddings=256,
        eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    Qwen3ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return tokenizer


def make_requests(tokenizer: PreTrainedTokenizerFast, problems: int, samples: int) -> list[Request]:
    """Sums of two to seven digits, the short ones first."""
    random.seed(0)
    texts = [
        "+".join(random.choices("0123456789", k=2 + 6 * i // problems)) + "="
        for i in range(problems)
    ]
    return [
        Request(Key(text, i), tuple(tokenizer(text)["input_ids"]), sample_seed(0, "speed", text, i))
        for text in texts
        for i in range(samples)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    for name, default in {
        "problems": 64,
        "samples": 64,
        "batch": 512,
        "width": 96,
        "layers": 3,
        "threads": 1,
    }.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = write_policy(Path(folder), arguments.width, arguments.layers)
        requests = make_requests(tokenizer, arguments.problems, arguments.samples)
        for top_p in (1.0, 0.95):
            engine = TransformersEngine(
                Path(folder), tokenizer, Sampling(1.0, top_p, 48), arguments.batch
            )
            start = time.perf_counter()
            made = [
                completion for rows in engine.complete(requests, set()) for _, completion in rows
            ]
            report(
                f"own loop, top_p {top_p}",
                len(made),
                sum(c.tokens for c in made),
                time.perf_counter() - start,
            )
        model: Any = AutoModelForCausalLM.from_pretrained(folder)
        start = time.perf_counter()
        rows, tokens = 0, 0
        for at in range(0, len(requests), arguments.batch):
            batch = [list(request.prompt_ids) for request in requests[at : at + arguments.batch]]
            inputs = tokenizer.pad({"input_ids": batch}, padding_side="left", return_tensors="pt")
            new = model.generate(**inputs, do_sample=True, max_new_tokens=48)[
                :, inputs["input_ids"].shape[1] :
            ]
            rows, tokens = rows + len(new), tokens + int((new != 0).sum())
        report("model.generate", rows, tokens, time.perf_counter() - start)


def report(name: str, completions: int, tokens: int, seconds: float) -> None:
    rates = f"{completions / seconds:6.0f} completions/s {tokens / seconds:8.0f} tokens/s"
    print(f"{name:>22}: {rates}  ({seconds:.1f} s)")


if __name__ == "__main__":
    main()
