"""Trains a tiny base policy: a Qwen3 of a quarter of a million parameters that answers questions of
a generated family. Training from scratch takes seconds to a minute on a CPU.

It learns from the demonstrations of the family (experiments/families), on questions of the stream
"base" alone. Every demonstration ends in \\boxed{}, the only place where the verifier looks.

    3+5+9=   3+5=8;8+9=7;\\boxed{7}

Source: our own. Departures from a usual language model: a vocabulary of some tens of tokens, in
which `\\boxed{` is a single token, and no other pre-training. The folder that it writes is an
ordinary Hugging Face model.

    python -m experiments.policies.tiny --spec results/arithmetic/spec.yaml \\
        --out results/arithmetic/base/policy
"""

from experiments.policies.command_line import policy_arguments  # isort: skip

if __name__ == "__main__":
    policy_arguments("tiny", __doc__)  # --help does not wait for the imports below

import eval.sampling.lean_imports  # noqa: F401  # isort: skip

import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from tqdm import trange
from transformers import Qwen3Config, Qwen3ForCausalLM
from transformers.utils import logging

from eval.files.errors import exit_with_message
from eval.files.marks import Record, known_parts
from eval.files.results_layout import ACCURACY, SKILL_RATES
from eval.verify.verifier import Verifier
from experiments.families import Arithmetic, Skills, TaughtFamily
from experiments.families.family import draw_problems, largest_draw, question_of_stream
from experiments.policies.folder import make_policy_folder
from experiments.policies.skill_rates import rates_of_skills
from experiments.policies.tiny_tokens import (
    END_OF_ANSWER,
    PADDING,
    PADDING_ID,
    encode,
    make_tiny_tokenizer,
    token_ids,
    tokens_of,
)
from experiments.spec.experiment_file import load_experiment
from experiments.spec.policy_settings import TinyPolicy
from experiments.workflow.layout import StudyLayout
from experiments.workflow.steps import base_parts

PARTS = 4  # into which a batch of different lengths is split
IGNORED = -100  # label of tokens without a loss: prompt and padding


def make_tiny_model(policy: TinyPolicy, family: TaughtFamily = Arithmetic()) -> Qwen3ForCausalLM:  # noqa: B008
    """An untrained Qwen3 of the policy's size. Its weights come from torch's global generator."""
    tokens = tokens_of(family)
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokens),
            hidden_size=policy.hidden_size,
            intermediate_size=2 * policy.hidden_size,
            num_hidden_layers=policy.layers,
            num_attention_heads=policy.heads,
            num_key_value_heads=policy.heads // 2,
            head_dim=policy.hidden_size // policy.heads,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokens.index(END_OF_ANSWER),
            pad_token_id=tokens.index(PADDING),
        )
    )


TaughtPair = tuple[list[int], list[int]]  # token ids of a question and of its answer


def draw_pair(
    family: TaughtFamily, codes: Mapping[str, int], progress: float, rng: random.Random
) -> TaughtPair:
    """A random question of the stream "base", and a demonstration that answers it.

    codes: token → its id.
    """
    level = family.level_to_teach(progress, rng)
    asked = question_of_stream(family, level, "base", rng)
    answer = family.demonstration(asked, progress, rng) + END_OF_ANSWER
    return encode(asked, codes), encode(answer, codes)


def draw_batch(
    family: TaughtFamily, size: int, progress: float, rng: random.Random
) -> list[tuple[Tensor, Tensor]]:
    """A batch of demonstrations as PARTS pairs (ids_BT, labels_BT).

    Each part has sequences of similar length, so that there is little padding.
    """
    codes = token_ids(family)
    drawn = [draw_pair(family, codes, progress, rng) for _ in range(size)]
    pairs = sorted(drawn, key=lambda pair: len(pair[0] + pair[1]))
    shortest, longest = (len(pairs[i][0] + pairs[i][1]) for i in (0, -1))
    part = len(pairs) if shortest == longest else math.ceil(len(pairs) / PARTS)
    return [pad(pairs[start : start + part]) for start in range(0, len(pairs), part)]


def pad(pairs: Sequence[TaughtPair]) -> tuple[Tensor, Tensor]:
    """(ids_BT, labels_BT), padded on the right. Only tokens of the answers have a loss."""
    longest = max(len(asked) + len(answer) for asked, answer in pairs)
    ids_BT = torch.full((len(pairs), longest), PADDING_ID)
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


def teach_policy(policy: TinyPolicy, family: TaughtFamily) -> Qwen3ForCausalLM:
    """Trains the model, on a GPU if there is one.

    On a CPU the same settings give the same weights bit for bit, on a GPU up to rounding.
    """
    torch.manual_seed(policy.seed)
    rng = random.Random(f"base policy/{policy.seed}")
    # The initial weights are drawn on the CPU, so that they are the same on every machine.
    model = make_tiny_model(policy, family)
    model.to("cuda" if torch.cuda.is_available() else "cpu")  # pyright: ignore[reportArgumentType]
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=policy.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, policy.learning_rate, total_steps=policy.steps, pct_start=0.15
    )
    bar = trange(policy.steps, desc="base policy", disable=None)
    for step in bar:
        loss = accumulate_gradient(
            model, draw_batch(family, policy.batch_size, step / policy.steps, rng)
        )
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        bar.set_postfix(loss=f"{loss:.3f}")
    return model


def accuracy_by_level(
    model: Any, family: TaughtFamily, seed: int, samples: int = 16
) -> dict[str, float]:
    """Share of correct answers in [0, 1] per level, at temperature 1 on new problems.

    `samples`: answers to each problem, of which there are at most 20 per level.
    """
    tokenizer = make_tiny_tokenizer(family)
    rates = {}
    with Verifier(workers=1) as verifier, torch.no_grad():
        for level in family.shown:
            count = min(20, largest_draw(family, level, "validation"))
            problems = draw_problems(family, [level], count, "validation", seed)
            asked = [problem.text for problem in problems for _ in range(samples)]
            prompts = tokenizer(asked, return_tensors="pt", padding=True).to(model.device)
            made = model.generate(
                input_ids=prompts["input_ids"],
                attention_mask=prompts["attention_mask"],
                do_sample=True,
                temperature=1.0,
                top_k=0,
                max_new_tokens=family.longest(level),
            )
            answers = tokenizer.batch_decode(
                made[:, prompts["input_ids"].shape[1] :], skip_special_tokens=True
            )
            golds = [problem.answer for problem in problems for _ in range(samples)]
            verdicts = verifier.verify(answers, golds)
            rates[str(level)] = sum(verdict.correct for verdict in verdicts) / len(verdicts)
    return rates


def make_tiny_policy(policy: TinyPolicy, family: TaughtFamily, folder: Path) -> Record:
    """Trains the policy and saves it in the folder; reports its accuracy by level, and the rates of
    its skills if the family has any.
    """
    model = teach_policy(policy, family)
    model.save_pretrained(folder)
    make_tiny_tokenizer(family).save_pretrained(folder)
    rates = accuracy_by_level(model.eval(), family, policy.seed)
    print("accuracy by level at temperature 1:", rates)
    if not isinstance(family, Skills):
        return {ACCURACY: rates}
    return {ACCURACY: rates, SKILL_RATES: rates_of_skills(model, family)}


def main() -> None:
    arguments = policy_arguments("tiny", __doc__)
    logging.disable_progress_bar()
    with exit_with_message():
        experiment = load_experiment(arguments.spec)
        policy = experiment.model
        assert isinstance(policy, TinyPolicy), "this module trains policies with source: tiny"
        parts = known_parts(base_parts(StudyLayout(experiment, arguments.spec.parent.parent)))
        family = experiment.task.generator
        assert isinstance(family, TaughtFamily), "the schema refuses others"
        make_policy_folder(
            arguments.out, parts, lambda folder: make_tiny_policy(policy, family, folder)
        )


if __name__ == "__main__":
    main()
