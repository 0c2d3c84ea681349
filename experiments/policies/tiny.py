"""The tiny base policy that the default experiment starts from: a Qwen3 of a quarter of a million
parameters, taught chains of one-digit additions from scratch, on the CPU in about a minute.

It learns from demonstrations that are as mixed as a real base model's knowledge: most reason step
by step, some repeat a step, some answer at once, some contain a mistake. So it starts with accuracy
spread over the levels and with entropy to lose, which is what the compared methods act on. Part of
that entropy is in choices that cost nothing (how a step is punctuated), as in natural language, and
part in choices between right and wrong. Every demonstration ends in \\boxed{}, the one place where
the verifier looks.

    3+5+9=   3+5=8;8+9=7;\\boxed{7}      sums are modulo 10

Source: our own. Departure from a language model: a vocabulary of 18 tokens, in which `\\boxed{` is
a single token, and no pre-training on anything else. The folder it writes is an ordinary Hugging
Face model.

    python -m experiments.policies.tiny --spec results/arithmetic/spec.yaml --out
    results/arithmetic/base/policy
"""

import argparse
import math
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor
from torch.nn.functional import cross_entropy
from tqdm import trange
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
from transformers.utils import logging

from eval.files.errors import exit_with_message
from eval.files.marks import Record, known_parts
from eval.questions.arithmetic import arithmetic, largest_draw, stream_of
from eval.verify.verifier import Verifier
from experiments.policies.folder import make_policy_folder
from experiments.spec.schema import TinyPolicy, load
from experiments.workflow.layout import Graph
from experiments.workflow.steps import base_parts

PAD, END = "<pad>", "<end>"
SEPARATORS = {";": 0.9, ",": 0.1}  # how a step may end, and how often the demonstrations end one so
VOCABULARY = [PAD, END, *"0123456789", "+", "=", *SEPARATORS, "\\boxed{", "}"]
TOKEN = r"\\boxed\{|<end>|."
CURRICULUM = 0.5  # share of the training after which every level is taught
PARTS = 4  # of a batch, by length
IGNORED = -100  # label of tokens that are not learnt: the prompt and padding


def make_tokenizer() -> PreTrainedTokenizerFast:
    """One token per character, and one for `\\boxed{`. Decoding joins tokens without blanks."""
    core = Tokenizer(
        models.WordLevel({token: i for i, token in enumerate(VOCABULARY)}, unk_token=PAD)
    )
    core.pre_tokenizer = pre_tokenizers.Split(Regex(TOKEN), behavior="isolated")
    core.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=END,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def make_model(policy: TinyPolicy) -> Qwen3ForCausalLM:
    """An untrained Qwen3 of the policy's size; draws its weights from torch's global generator."""
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(VOCABULARY),
            hidden_size=policy.hidden_size,
            intermediate_size=2 * policy.hidden_size,
            num_hidden_layers=policy.layers,
            num_attention_heads=policy.heads,
            num_key_value_heads=policy.heads // 2,
            head_dim=policy.hidden_size // policy.heads,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=VOCABULARY.index(END),
            pad_token_id=VOCABULARY.index(PAD),
        )
    )


def demonstration(digits: Sequence[int], policy: TinyPolicy, rng: random.Random) -> str:
    """One way to answer "d0+d1+...=", drawn from the policy's mixture."""
    total, steps = digits[0], ""
    for digit in digits[1:]:
        result = rng.randrange(10) if rng.random() < policy.wrong else (total + digit) % 10
        separator = rng.choices(list(SEPARATORS), weights=list(SEPARATORS.values()))[0]
        step = f"{total}+{digit}={result}{separator}"
        steps += step * (2 if rng.random() < policy.repeated else 1)
        total = result
    reasoning = "" if rng.random() < policy.direct else steps
    return f"{reasoning}\\boxed{{{total}}}{END}"


def levels_at(policy: TinyPolicy, progress: float) -> Sequence[int]:
    """The levels taught at this share of the training: the easiest first, all of them from
    CURRICULUM on.

    One digit plus another is learnt in a sudden step, early or late by luck, where all levels come
    at once.
    """
    return policy.levels[: 1 + int(len(policy.levels) * progress / CURRICULUM)]


def draw_digits(levels: Sequence[int], rng: random.Random) -> list[int]:
    """A chain of the base stream, its level uniform over those given."""
    level = rng.choice(levels)
    while True:
        digits = [rng.randrange(10) for _ in range(level + 1)]
        if stream_of(question(digits)) == "base":
            return digits


def question(digits: Sequence[int]) -> str:
    return "+".join(map(str, digits)) + "="


def encode(text: str) -> list[int]:
    return [VOCABULARY.index(token) for token in re.findall(TOKEN, text)]


Pair = tuple[list[int], list[int]]  # token ids of a question and of its answer


def draw_pair(policy: TinyPolicy, progress: float, rng: random.Random) -> Pair:
    digits = draw_digits(levels_at(policy, progress), rng)
    return encode(question(digits)), encode(demonstration(digits, policy, rng))


def draw_batch(
    policy: TinyPolicy, progress: float, rng: random.Random
) -> list[tuple[Tensor, Tensor]]:
    """A batch in parts of like length, so that little of it is padding: (ids_BT, labels_BT)
    each.
    """
    drawn = [draw_pair(policy, progress, rng) for _ in range(policy.batch_size)]
    pairs = sorted(drawn, key=lambda pair: len(pair[0] + pair[1]))
    size = math.ceil(len(pairs) / PARTS)
    return [pad(pairs[start : start + size]) for start in range(0, len(pairs), size)]


def pad(pairs: Sequence[Pair]) -> tuple[Tensor, Tensor]:
    """(ids_BT, labels_BT), padded on the right; only the answers are learnt."""
    longest = max(len(asked) + len(answer) for asked, answer in pairs)
    ids_BT = torch.full((len(pairs), longest), VOCABULARY.index(PAD))
    labels_BT = torch.full((len(pairs), longest), IGNORED)
    for i, (asked, answer) in enumerate(pairs):
        end = len(asked) + len(answer)
        ids_BT[i, :end] = torch.tensor(asked + answer)
        labels_BT[i, len(asked) : end] = torch.tensor(answer)
    return ids_BT, labels_BT


def learn(model: Qwen3ForCausalLM, parts: Sequence[tuple[Tensor, Tensor]]) -> float:
    """Accumulates the gradient of a batch's mean loss per answer token; returns that loss, nats."""
    tokens = sum(int((labels_BT != IGNORED).sum()) for _, labels_BT in parts)
    total = 0.0
    for part in parts:
        ids_BT, labels_BT = (tensor_BT.to(model.device) for tensor_BT in part)
        logits_NV = model(input_ids=ids_BT).logits[:, :-1].flatten(0, 1)
        loss = (
            cross_entropy(
                logits_NV, labels_BT[:, 1:].flatten(), ignore_index=IGNORED, reduction="sum"
            )
            / tokens
        )
        loss.backward()
        total += loss.item()
    return total


def train(policy: TinyPolicy) -> Qwen3ForCausalLM:
    """The taught model, on the GPU if there is one; the same settings give the same weights, there
    up to rounding.
    """
    torch.manual_seed(policy.seed)
    rng = random.Random(f"base policy/{policy.seed}")
    model = make_model(
        policy
    )  # its first weights are drawn on the CPU, so that they are the same everywhere
    model.to("cuda" if torch.cuda.is_available() else "cpu")  # pyright: ignore[reportArgumentType]
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=policy.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, policy.learning_rate, total_steps=policy.steps, pct_start=0.15
    )
    bar = trange(policy.steps, desc="base policy", disable=None)
    for step in bar:
        loss = learn(model, draw_batch(policy, step / policy.steps, rng))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        bar.set_postfix(loss=f"{loss:.3f}")
    return model


def accuracy(model: Any, policy: TinyPolicy, samples: int = 16) -> dict[str, float]:
    """Share of right answers per level at temperature 1, on new problems: whether it has learnt,
    and what is left.
    """
    tokenizer = make_tokenizer()
    rates = {}
    with Verifier(workers=1) as verifier, torch.no_grad():
        for level in policy.levels:
            problems = arithmetic(
                [level], min(20, largest_draw(level, "validation")), "validation", policy.seed
            )
            asked = [problem.text for problem in problems for _ in range(samples)]
            prompts = tokenizer(asked, return_tensors="pt", padding=True).to(model.device)
            made = model.generate(
                input_ids=prompts["input_ids"],
                attention_mask=prompts["attention_mask"],
                do_sample=True,
                temperature=1.0,
                top_k=0,
                max_new_tokens=12 * level + 8,  # every step twice
            )
            answers = tokenizer.batch_decode(
                made[:, prompts["input_ids"].shape[1] :], skip_special_tokens=True
            )
            golds = [problem.answer for problem in problems for _ in range(samples)]
            verdicts = verifier.verify(answers, golds)
            rates[str(level)] = sum(verdict.correct for verdict in verdicts) / len(verdicts)
    return rates


def make(policy: TinyPolicy, folder: Path) -> Record:
    """Trains the policy and saves it in the folder."""
    model = train(policy)
    model.save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    rates = accuracy(model.eval(), policy)
    print("accuracy by level at temperature 1:", rates)
    return {"accuracy.json": rates}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--spec", required=True, type=Path, help="experiment name or YAML file")
    parser.add_argument("--out", type=Path, required=True, help="folder of the policy")
    arguments = parser.parse_args()
    logging.disable_progress_bar()
    with exit_with_message():
        experiment = load(arguments.spec)
        policy = experiment.model
        assert isinstance(policy, TinyPolicy), "only a tiny base policy is trained here"
        parts = known_parts(base_parts(Graph(experiment, arguments.spec.parent.parent)))
        make_policy_folder(arguments.out, parts, lambda folder: make(policy, folder))


if __name__ == "__main__":
    main()
