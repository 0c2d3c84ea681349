"""Recomputes the update that ended a run with NaN or infinity, from the files that the run dumped.

    python -m experiments.reproduce results/arithmetic/aer/seed-1/fault

Prints loss and entropy of every micro-batch and the gradient norm, as the run found them and as
computed now, by the same trainer in one process. On a CPU they are equal bit for bit. The exit code
is 1 if a number that was not finite is finite now: then the machine is faulty, and not the
mathematics. experiments/run/fault_dump.py describes the dump.
"""

from experiments.run.command_line import reproduce_arguments  # isort: skip

if __name__ == "__main__":
    reproduce_arguments(__doc__)  # --help does not wait for the imports below

import math
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from eval.files.errors import exit_with_message
from experiments.policies.load_save import attention_for
from experiments.run.fault_dump import Batch, Fault, read_batches, read_fault, undamaged
from experiments.run.numerics import fault_words
from experiments.spec.training_settings import Training
from experiments.training.grpo_config import grpo_config
from experiments.training.rollout.rollout_in_progress import EMPTY, RolloutInProgress, Scores
from experiments.training.trainer import EntropyControlTrainer
from methods import Control

Numbers = list[tuple[str, float, float]]  # name, found, computed now


def reproduce(dump: Path) -> tuple[Numbers, int]:
    """(numbers of the update as found and as computed now, number of weights that are not finite).

    `dump`: folder `fault` of a run.

    Raises:
        BadInput: the folder is not a dump, or is damaged.
    """
    fault = read_fault(dump)
    batches = read_batches(dump, fault.processes)
    with tempfile.TemporaryDirectory() as scratch:
        trainer = rebuild_trainer(dump, fault, Path(scratch))
        broken = sum(int((~p.isfinite()).sum()) for p in trainer.model.parameters())  # pyright: ignore[reportOptionalMemberAccess]
        return list(compare_numbers(trainer, fault, batches)), broken


def rebuild_trainer(dump: Path, fault: Fault, scratch: Path) -> EntropyControlTrainer:
    """The run's trainer with the dumped weights, between a rollout and its updates.

    The dumped micro-batches have everything that the rollout computed, so method, rewards and
    prompts are placeholders.
    """
    training = fault.training.model_copy(update={"vllm": "none", "lora": None})
    with undamaged(dump / "policy"):
        tokenizer, model = load_dumped_policy(dump / "policy", training)
    trainer = EntropyControlTrainer(
        method=fault.method,
        labels={},
        on_row=lambda row: None,
        mask_truncated=training.mask_truncated_completions,
        model=model,
        processing_class=tokenizer,
        reward_funcs=[lambda completions, **_: [0.0] * len(completions)],
        args=grpo_config(training, fault.seed, scratch, processes=1),
        train_dataset=Dataset.from_list([{"prompt": ""}]),
    )
    trainer.model.train()  # pyright: ignore[reportOptionalMemberAccess]
    # Entropy was measured before the update: there is nothing to note.
    trainer.rollout = RolloutInProgress(scores=Scores(EMPTY, EMPTY, None))
    return trainer


def load_dumped_policy(folder: Path, training: Training) -> tuple[Any, Any]:
    """(tokenizer, model) of the dump."""
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    dtype = str(AutoConfig.from_pretrained(folder, local_files_only=True).dtype).removeprefix(
        "torch."
    )
    attention = attention_for(training.attention, dtype)
    return tokenizer, AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation=attention, local_files_only=True
    )


def compare_numbers(
    trainer: EntropyControlTrainer, fault: Fault, batches: list[Batch]
) -> Iterator[Any]:
    """(name, found, computed now) of each number, in nats or loss units."""
    model: Any = trainer.model
    for number, batch in enumerate(batches):
        found = {name: batch.pop(f"found.{name}") for name in ("loss", "entropy", "tokens", "clip")}
        inputs = {name: value.to(trainer.accelerator.device) for name, value in batch.items()}
        trainer.rollout.control = Control(inputs["weight"], tuple(found["clip"].tolist()))
        trainer._tokens_per_update = partial(
            always, found["tokens"]
        )  # of all the processes that the run had
        with trainer.compute_loss_context_manager():
            loss = trainer._compute_loss(model, inputs)
        (loss / fault.processes).backward()
        now = trainer.guard.batches[-1]
        for name in ("loss", "entropy"):
            yield f"{name} of micro-batch {number}", found[name].item(), now[f"found.{name}"].item()
    gradients = [p.grad.norm() for p in model.parameters() if p.grad is not None]
    if gradients:
        yield "gradient norm", fault.gradient_norm, torch.stack(gradients).norm().item()


def always(value: Tensor, tokens_of_rollout: Tensor) -> Tensor:
    return value


def main() -> None:
    dump = reproduce_arguments(__doc__).dump
    logging.disable_progress_bar()
    with exit_with_message():
        fault = read_fault(dump)
        found, broken = reproduce(dump)
    print(fault_words(fault.where, fault.rollout, fault.update, fault.what))
    for name, then, now in found:
        print(f"{name:30} found {then:<24.17g} now {now:.17g}")
    print(f"{broken} weights are not finite")
    sys.exit(int(any(math.isfinite(now) and not math.isfinite(then) for _, then, now in found)))


if __name__ == "__main__":
    main()
