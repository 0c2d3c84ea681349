"""Trains the tiny base policy of the default experiment: a Qwen3 of a quarter of a million
parameters that adds chains of digits. Training from scratch takes about a minute on a CPU.

It learns from mixed demonstrations: most add step by step, some repeat a step, some answer without
steps, some contain a mistake. The result is a policy whose accuracy differs between levels and
which has entropy to lose; on both the compared methods act. Part of its entropy is in choices that
do not matter (how a step is punctuated), as in natural language, and part in choices between right
and wrong. Every demonstration ends in \\boxed{}, the only place where the verifier looks.

    3+5+9=   3+5=8;8+9=7;\\boxed{7}      sums are modulo 10

Source: our own. Departures from a usual language model: a vocabulary of 18 tokens, in which
`\\boxed{` is a single token, and no other pre-training. The folder that it writes is an ordinary
Hugging Face model.

    python -m experiments.policies.tiny --spec results/arithmetic/spec.yaml \\
        --out results/arithmetic/base/policy
"""

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

from eval.files.command_line import command_parser
from eval.files.errors import exit_with_message
from eval.files.marks import Record, known_parts
from eval.questions.arithmetic import arithmetic, largest_draw, stream_of
from eval.verify.verifier import Verifier
from experiments.policies.folder import make_policy_folder
from experiments.spec.schema import TinyPolicy, load_experiment
from experiments.workflow.layout import StudyLayout
from experiments.workflow.steps import base_parts

PADDING, END_OF_ANSWER = "<pad>", "<end>"
SEPARATORS = {";": 0.9, ",": 0.1}  # how a step can end: probability in the demonstrations
VOCABULARY = [PADDING, END_OF_ANSWER, *"0123456789", "+", "=", *SEPARATORS, "\\boxed{", "}"]
TOKEN = r"\\boxed\{|<end>|."
CURRICULUM = 0.5  # share of the steps after which all levels are taught
PARTS = 4  # into which a batch is split by length
IGNORED = -100  # label of tokens without a loss: prompt and padding


def make_tiny_tokenizer() -> PreTrainedTokenizerFast:
    """One token per character, and one for `\\boxed{`. Decoding joins tokens without blanks."""
    core = Tokenizer(
        models.WordLevel({token: i for i, token in enumerate(VOCABULARY)}, unk_token=PADDING)
    )
    core.pre_tokenizer = pre_tokenizers.Split(Regex(TOKEN), behavior="isolated")
    core.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PADDING,
        eos_token=END_OF_ANSWER,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def make_tiny_model(policy: TinyPolicy) -> Qwen3ForCausalLM:
    """An untrained Qwen3 of the policy's size. Its weights come from torch's global generator."""
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
            eos_token_id=VOCABULARY.index(END_OF_ANSWER),
            pad_token_id=VOCABULARY.index(PADDING),
        )
    )


def demonstration(digits: Sequence[int], policy: TinyPolicy, rng: random.Random) -> str:
    """A random answer to "d0+d1+...=" from the mixture that the policy's settings describe."""
    total, steps = digits[0], ""
    for digit in digits[1:]:
        result = rng.randrange(10) if rng.random() < policy.wrong else (total + digit) % 10
        separator = rng.choices(list(SEPARATORS), weights=list(SEPARATORS.values()))[0]
        step = f"{total}+{digit}={result}{separator}"
        steps += step * (2 if rng.random() < policy.repeated else 1)
        total = result
    reasoning = "" if rng.random() < policy.direct else steps
    return f"{reasoning}\\boxed{{{total}}}{END_OF_ANSWER}"


def levels_at(policy: TinyPolicy, progress: float) -> Sequence[int]:
    """The levels taught after this share of the steps: the easiest first, all from CURRICULUM on.

    With all levels from the start, the policy learns to add two digits in one sudden step, whose
    time depends on chance.
    """
    return policy.levels[: 1 + int(len(policy.levels) * progress / CURRICULUM)]


def draw_digits(levels: Sequence[int], rng: random.Random) -> list[int]:
    """The digits of a random chain of a uniformly drawn level.

    Only chains of the stream "base" are taught; those of other streams are kept for training
    prompts, validation and test.
    """
    level = rng.choice(levels)
    while True:
        digits = [rng.randrange(10) for _ in range(level + 1)]
        if stream_of(question(digits)) == "base":
            return digits


def question(digits: Sequence[int]) -> str:
    return "+".join(map(str, digits)) + "="


def encode(text: str) -> list[int]:
    return [VOCABULARY.index(token) for token in re.findall(TOKEN, text)]


TaughtPair = tuple[list[int], list[int]]  # token ids of a question and of its answer


def draw_pair(policy: TinyPolicy, progress: float, rng: random.Random) -> TaughtPair:
    digits = draw_digits(levels_at(policy, progress), rng)
    return encode(question(digits)), encode(demonstration(digits, policy, rng))


def draw_batch(
    policy: TinyPolicy, progress: float, rng: random.Random
) -> list[tuple[Tensor, Tensor]]:
    """A batch of demonstrations as PARTS pairs (ids_BT, labels_BT).

    Each part has sequences of similar length, so that there is little padding.
    """
    drawn = [draw_pair(policy, progress, rng) for _ in range(policy.batch_size)]
    pairs = sorted(drawn, key=lambda pair: len(pair[0] + pair[1]))
    size = math.ceil(len(pairs) / PARTS)
    return [pad(pairs[start : start + size]) for start in range(0, len(pairs), size)]


def pad(pairs: Sequence[TaughtPair]) -> tuple[Tensor, Tensor]:
    """(ids_BT, labels_BT), padded on the right. Only tokens of the answers have a loss."""
    longest = max(len(asked) + len(answer) for asked, answer in pairs)
    ids_BT = torch.full((len(pairs), longest), VOCABULARY.index(PADDING))
    labels_BT = torch.full((len(pairs), longest), IGNORED)
    for i, (asked, answer) in enumerate(pairs):
        end = len(asked) + len(answer)
        ids_BT[i, :end] = torch.tensor(asked + answer)
        labels_BT[i, len(asked) : end] = torch.tensor(answer)
    return ids_BT, labels_BT


def accumulate_gradient(model: Qwen3ForCausalLM, parts: Sequence[tuple[Tensor, Tensor]]) -> float:
    """Adds the gradient of a batch's mean loss per answer token; returns that loss, nats."""
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


def teach_policy(policy: TinyPolicy) -> Qwen3ForCausalLM:
    """Trains the model, on a GPU if there is one.

    On a CPU the same settings give the same weights bit for bit, on a GPU up to rounding.
    """
    torch.manual_seed(policy.seed)
    rng = random.Random(f"base policy/{policy.seed}")
    # The initial weights are drawn on the CPU, so that they are the same on every machine.
    model = make_tiny_model(policy)
    model.to("cuda" if torch.cuda.is_available() else "cpu")  # pyright: ignore[reportArgumentType]
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=policy.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, policy.learning_rate, total_steps=policy.steps, pct_start=0.15
    )
    bar = trange(policy.steps, desc="base policy", disable=None)
    for step in bar:
        loss = accumulate_gradient(model, draw_batch(policy, step / policy.steps, rng))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        bar.set_postfix(loss=f"{loss:.3f}")
    return model


def accuracy_by_level(model: Any, policy: TinyPolicy, samples: int = 16) -> dict[str, float]:
    """Share of correct answers in [0, 1] per level, at temperature 1 on new problems.

    `samples`: answers to each problem, of which there are at most 20 per level.
    """
    tokenizer = make_tiny_tokenizer()
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
                max_new_tokens=12 * level + 8,  # enough for every step twice
            )
            answers = tokenizer.batch_decode(
                made[:, prompts["input_ids"].shape[1] :], skip_special_tokens=True
            )
            golds = [problem.answer for problem in problems for _ in range(samples)]
            verdicts = verifier.verify(answers, golds)
            rates[str(level)] = sum(verdict.correct for verdict in verdicts) / len(verdicts)
    return rates


def make_tiny_policy(policy: TinyPolicy, folder: Path) -> Record:
    """Trains the policy and saves it in the folder; reports its accuracy by level."""
    model = teach_policy(policy)
    model.save_pretrained(folder)
    make_tiny_tokenizer().save_pretrained(folder)
    rates = accuracy_by_level(model.eval(), policy)
    print("accuracy by level at temperature 1:", rates)
    return {"accuracy.json": rates}


def main() -> None:
    parser = command_parser("experiments.policies.tiny", __doc__)
    parser.add_argument("--spec", required=True, type=Path, help="experiment name or YAML file")
    parser.add_argument("--out", type=Path, required=True, help="folder of the policy")
    arguments = parser.parse_args()
    logging.disable_progress_bar()
    with exit_with_message():
        experiment = load_experiment(arguments.spec)
        policy = experiment.model
        assert isinstance(policy, TinyPolicy), "this module trains policies with source: tiny"
        parts = known_parts(base_parts(StudyLayout(experiment, arguments.spec.parent.parent)))
        make_policy_folder(arguments.out, parts, lambda folder: make_tiny_policy(policy, folder))


if __name__ == "__main__":
    main()
