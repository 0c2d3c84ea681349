"""python -m tests.speed.memory: peak memory of real training runs beside what
experiments/plan/memory.py says of them.

Each configuration trains two rollouts with two updates each of two micro-batches, in a process of
its own, with random weights and the project's trainer. On the CPU the peak is that of the process'
resident memory above what it was before the policy was made, after a smaller run has loaded all
code; glibc is told to hand freed memory back at once, so that resident is what is in use. On a GPU
it is torch's own peak of allocated memory. Printed: MB measured and estimated while completions are
generated and scored, and while the policy is updated, and their ratio.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from experiments.plan.geometry import Geometry
from experiments.plan.memory import Launch, Load, estimate_memory

Phases = dict[str, float]  # generation, update: MB


@dataclass(frozen=True)
class Configuration:
    """A policy and how it is trained."""

    vocabulary: int = 8192
    rows: int = 4  # sequences per forward pass; a rollout has four times as many
    completion: int = 96  # tokens
    hidden_size: int = 256
    layers: int = 4
    gradient_checkpointing: bool = False
    dtype: Literal["float32", "bfloat16"] = "float32"
    bf16: bool = False

    @property
    def shape(self) -> Geometry:
        width = self.hidden_size
        return Geometry(
            width, self.layers, width // 64, width // 128, 64, 3 * width, self.vocabulary, tied=True
        )


PROMPT = 32  # tokens
PLAIN = Configuration()
CONFIGURATIONS = {
    "float32": PLAIN,
    "checkpointing": replace(PLAIN, gradient_checkpointing=True),
    "longer": replace(PLAIN, completion=224),
    "longer, checkpointing": replace(PLAIN, completion=224, gradient_checkpointing=True),
    "larger vocabulary": replace(PLAIN, vocabulary=32_768, gradient_checkpointing=True),
    "bfloat16 weights": replace(PLAIN, dtype="bfloat16"),
    "mixed precision": replace(PLAIN, bf16=True),
    "mixed, checkpointing": replace(PLAIN, bf16=True, gradient_checkpointing=True),
}
WARM_UP = Configuration(vocabulary=64, rows=2, completion=8, hidden_size=128, layers=1)


def estimated(configuration: Configuration) -> Phases:
    load = Load(
        shape=configuration.shape,
        dtype=configuration.dtype,
        bf16=configuration.bf16,
        gradient_checkpointing=configuration.gradient_checkpointing,
        attention="sdpa",
        rows=configuration.rows,
        generated_rows=4 * configuration.rows,
        prompt=PROMPT,
        completion=configuration.completion,
    )
    parts = estimate_memory(load, Launch("single"), "cuda" if torch.cuda.is_available() else "cpu")
    always = parts.weights + parts.optimizer
    return {
        "generation": (always + parts.generation) / 1e6,
        "update": (always + parts.update) / 1e6,
    }


# ---- in a process of its own
# ------------------------------------------------------------------------------------------


def resident(field: Literal["VmRSS", "VmHWM"]) -> float:
    """Resident memory of this process in MB: now, or the most since the last reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024 / 1e6


def reset_peak() -> None:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> float:
    """MB since the last reset."""
    return (
        torch.cuda.max_memory_allocated() / 1e6 if torch.cuda.is_available() else resident("VmHWM")
    )


def measured(configuration: Configuration, folder: Path) -> Phases:
    """Peaks of the second update, when the optimizer's moments are there, and of the generation of
    a second rollout.
    """
    train(WARM_UP, folder / "warm")
    gc.collect()
    before = 0.0 if torch.cuda.is_available() else resident("VmRSS")
    return {phase: most - before for phase, most in train(configuration, folder / "run").items()}


def train(configuration: Configuration, folder: Path) -> Phases:
    """Two rollouts; the most memory in each phase of the second."""
    trainer = make_trainer(configuration, folder)
    peaks: Phases = {}
    generate, step = trainer._generate_and_score_completions, trainer.training_step

    def generating(*arguments: Any) -> Any:
        reset_peak()
        batch = generate(*arguments)
        peaks["generation"] = peak()
        reset_peak()
        return batch

    def stepping(*arguments: Any, **more: Any) -> Any:
        loss = step(*arguments, **more)
        peaks["update"] = peak()
        return loss

    trainer._generate_and_score_completions, trainer.training_step = generating, stepping
    trainer.train()
    return peaks


def make_trainer(configuration: Configuration, folder: Path) -> Any:
    from datasets import Dataset
    from transformers import Qwen3Config, Qwen3ForCausalLM

    from experiments.policies.tiny_tokens import make_tiny_tokenizer
    from experiments.spec.training_settings import Training
    from experiments.training.grpo_config import grpo_config
    from experiments.training.trainer import EntropyControlTrainer
    from methods import FixedCoefficient

    shape = configuration.shape
    torch.manual_seed(0)
    model: Any = Qwen3ForCausalLM(
        Qwen3Config(
            **shape.qwen3(),
            eos_token_id=1,
            pad_token_id=0,
        )
    )
    settings = Training(
        rollouts=2,
        prompts_per_rollout=configuration.rows,
        num_generations=4,
        updates_per_rollout=2,
        per_device_train_batch_size=configuration.rows,
        max_completion_length=configuration.completion,
        learning_rate=1e-6,
        bf16=configuration.bf16,
        gradient_checkpointing=configuration.gradient_checkpointing,
    )
    # of two lengths, so that the mask has padding, as it has in any real batch
    prompts = ["1" * (PROMPT - i % 2 * 4) for i in range(16)]
    rows = [{"prompt": prompt, "answer": "", "level": 0, "stratum": 0} for prompt in prompts]
    return EntropyControlTrainer(
        method=FixedCoefficient(coefficient=1e-3),
        labels={"level": ["0"], "stratum": ["0"]},
        on_row=lambda row: None,
        model=model.to(getattr(torch, configuration.dtype)),
        processing_class=make_tiny_tokenizer(),
        reward_funcs=[lambda completions, **_: [float(i % 2) for i in range(len(completions))]],
        args=grpo_config(settings, 0, folder, processes=1),
        train_dataset=Dataset.from_list(rows),
    )


# ---- and together
# -----------------------------------------------------------------------------------------------------


def in_a_process(name: str) -> Phases:
    # freed memory goes back at once, and nothing small enough to hide in an arena is large enough
    # to matter
    allocator = {
        "MALLOC_MMAP_THRESHOLD_": "65536",
        "MALLOC_TRIM_THRESHOLD_": "0",
        "MALLOC_ARENA_MAX": "1",
    }
    command = [sys.executable, __file__, "--one", name]
    done = subprocess.run(
        command,
        env={**os.environ, **allocator},
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument(
        "--one", choices=CONFIGURATIONS, help="measure this configuration here; print JSON"
    )
    parser.add_argument("--only", nargs="+", choices=CONFIGURATIONS, default=list(CONFIGURATIONS))
    arguments = parser.parse_args()
    if arguments.one:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measured(CONFIGURATIONS[arguments.one], Path(folder))))
        return
    print(
        "| configuration | generation: measured, estimated, MB | ratio | update: measured,"
        " estimated, MB | ratio |"
    )
    print("|---|---:|---:|---:|---:|")
    for name in arguments.only:
        seen, said = in_a_process(name), estimated(CONFIGURATIONS[name])
        cells = [
            f"{seen[p]:,.0f}, {said[p]:,.0f} | {said[p] / seen[p]:.2f}"
            for p in ("generation", "update")
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
