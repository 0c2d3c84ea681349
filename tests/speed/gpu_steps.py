"""Time and peak memory of an optimizer step: the project's trainer against stock TRL's, on given
completions.

    python -m tests.speed.gpu_steps --out steps.jsonl            on a GPU: Qwen3-0.6B and 4B, random weights, bfloat16
    python -m tests.speed.gpu_steps --out steps.jsonl --toy      on the CPU, miniature

Both trainers get the same settings and, through TRL's `rollout_func`, the same completions, so
nothing is generated. A step's clock runs from the reward, the first thing that happens to given
completions, to the end of the step: what each trainer prepares, forward and backward passes of all
micro-batches, the optimizer, what each trainer writes down. In every cell the trainers take turns
in one process, in the order ours, stock, stock, ours, each time with new weights. "With the entropy
term" is `fixed_coefficient` here and `entropy_coef` there. One JSON line per turn, written at its
end.
"""

import argparse
import gc
import itertools
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # the warning about rollout_func

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, PrinterCallback, Qwen3Config, TrainerCallback
from transformers.utils import logging
from trl.trainer.grpo_trainer import GRPOTrainer

from eval.files.errors import BadInput, exit_with_message
from experiments.plan.geometry import QWEN3, Geometry
from experiments.policies.tiny_tokens import make_tiny_tokenizer
from experiments.spec.training_settings import Training
from experiments.training.grpo_config import grpo_config
from experiments.training.trainer import EntropyControlTrainer
from methods import FixedCoefficient, NoEntropy

COEFFICIENT = 0.01  # loss units per nat; its size is of no consequence to time
TURNS = ("ours", "stock", "stock", "ours")
GROUP = 4  # completions per prompt
PROMPT = 1 / 8  # of a sequence
PAD, END = 0, 1  # as the tokenizer has them; no given completion ends


@dataclass(frozen=True)
class Cell:
    """What one comparison is made on."""

    policy: str
    length: int  # tokens of a sequence, prompt included
    entropy_term: bool
    sequences: int  # per optimizer step
    per_pass: int  # sequences per forward pass


@dataclass(frozen=True)
class Plan:
    """All cells, and how they are measured."""

    cells: list[Cell]
    device: str
    warm_up: int = 1  # steps
    steps: int = 3


def cells(policies: list[str], lengths: list[int], tokens: int, per_pass: int) -> list[Cell]:
    """Every combination, small ones first: equal `tokens` per step, and `per_pass` of them per
    forward pass.
    """
    return [
        Cell(policy, length, term, tokens // length, per_pass // length)
        for policy, length, term in itertools.product(policies, lengths, (False, True))
    ]


GPU = Plan(
    cells(["Qwen/Qwen3-0.6B", "Qwen/Qwen3-4B"], [1024, 4096], tokens=16384, per_pass=4096), "cuda"
)
TOY = Plan(cells(["toy"], [32], tokens=256, per_pass=128), "cpu", steps=2)
GEOMETRY = QWEN3 | {"toy": Geometry(32, 2, 2, 1, 16, 64, 256, tied=True)}


def make_model(policy: str, device: str) -> Any:
    """Random weights, made where they are used: bfloat16 on a GPU, float32 on the CPU, which is
    slow at bfloat16.
    """
    shape = GEOMETRY[policy]
    config = Qwen3Config(
        **shape.qwen3(),
        bos_token_id=None,
        eos_token_id=END,
        pad_token_id=PAD,
    )
    torch.manual_seed(0)
    with torch.device(device):
        return AutoModelForCausalLM.from_config(
            config, dtype=torch.bfloat16 if device == "cuda" else torch.float32
        )


@dataclass
class Given(TrainerCallback):
    """The same completions in every rollout, a reward, and the clock between that reward and the
    end of the step.
    """

    rollout: dict[str, Any]
    cuda: bool
    seconds: list[float] = field(default_factory=list)  # of each step
    peak_bytes: list[int] = field(
        default_factory=list
    )  # allocated on the GPU in each step, weights included
    start: float = 0.0

    def complete(self, prompts: list[str], trainer: Any) -> dict[str, Any]:
        return dict(self.rollout)

    def reward(self, completions: list[str], **_: Any) -> list[float | None]:
        if self.cuda:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        self.start = time.perf_counter()
        return [float(i % 2) for i in range(len(completions))]

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        if self.cuda:
            torch.cuda.synchronize()
            self.peak_bytes.append(torch.cuda.max_memory_allocated())
        self.seconds.append(time.perf_counter() - self.start)


def make_rollout(cell: Cell, vocabulary: int) -> dict[str, Any]:
    """Random tokens: a prompt per group, completions of equal length."""
    ids_BT = torch.randint(
        END + 1,
        vocabulary,
        (cell.sequences, cell.length),
        generator=torch.Generator().manual_seed(0),
    )
    prompt = int(PROMPT * cell.length)
    prompt_BT = ids_BT[::GROUP, :prompt].repeat_interleave(GROUP, dim=0)
    return {
        "prompt_ids": prompt_BT.tolist(),
        "completion_ids": ids_BT[:, prompt:].tolist(),
        "logprobs": None,
    }


def settings(cell: Cell, plan: Plan) -> Training:
    """One update per rollout, so that a step is a whole rollout's."""
    return Training(
        rollouts=plan.warm_up + plan.steps,
        prompts_per_rollout=cell.sequences // GROUP,
        num_generations=GROUP,
        per_device_train_batch_size=cell.per_pass,
        max_completion_length=cell.length,
        learning_rate=1e-6,
        bf16=plan.device == "cuda",
        gradient_checkpointing=True,
    )


def make_trainer(
    cell: Cell, plan: Plan, turn: str, given: Given, model: Any, out: Path
) -> GRPOTrainer:
    config = grpo_config(settings(cell, plan), 0, out, processes=1)
    rows = [{"prompt": "1+1=", "answer": "", "level": 0, "stratum": 0}] * (cell.sequences // GROUP)
    shared: dict[str, Any] = {
        "model": model,
        "args": config,
        "processing_class": make_tiny_tokenizer(),
        "reward_funcs": [given.reward],
        "train_dataset": Dataset.from_list(rows),
        "rollout_func": given.complete,
    }
    coefficient = COEFFICIENT * cell.entropy_term
    if turn == "stock":
        config.entropy_coef = coefficient
        return GRPOTrainer(**shared)
    return EntropyControlTrainer(
        method=FixedCoefficient(coefficient) if coefficient else NoEntropy(),
        labels={"level": ["0"], "stratum": ["0"]},
        on_row=lambda row: None,
        **shared,
    )


def measure(cell: Cell, plan: Plan, turn: str) -> dict[str, Any]:
    """Seconds and peak bytes of each step after the warm-up."""
    model = make_model(cell.policy, plan.device)
    given = Given(make_rollout(cell, model.config.vocab_size), plan.device == "cuda")
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(cell, plan, turn, given, model, Path(folder))
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(
            given
        )  # last, so that what ours writes down at a step's end is inside the clock
        trainer.train()
    return {
        "parameters": model.num_parameters(),
        "seconds": given.seconds[plan.warm_up :],
        "peak_bytes": given.peak_bytes[plan.warm_up :],
    }


def measurements(plan: Plan) -> Iterator[dict[str, Any]]:
    """A row per turn; a cell that does not fit into memory says so in `error` and the next one is
    tried.
    """
    for cell in plan.cells:
        for turn in TURNS:
            row = asdict(cell) | {"trainer": turn, "device": plan.device}
            try:
                yield row | measure(cell, plan, turn)
            except torch.cuda.OutOfMemoryError:
                yield row | {"error": "out of memory"}
            gc.collect()
            torch.cuda.empty_cache()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="file of JSON lines, appended to")
    parser.add_argument("--toy", action="store_true", help="on the CPU, miniature")
    arguments = parser.parse_args()
    logging.disable_progress_bar()
    with exit_with_message():
        if not arguments.toy and not torch.cuda.is_available():
            raise BadInput("torch finds no GPU here: run it where there is one, or with --toy")
        for row in measurements(TOY if arguments.toy else GPU):
            with arguments.out.open("a") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
