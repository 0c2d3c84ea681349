"""python -m tests.speed.rollouts --spec results/arithmetic/spec.yaml: processor time of generating
a training run's rollouts, ours against TRL's.

Both generate the same prompts with the experiment's base policy, in turns in one process. TRL's is
stock `GRPOTrainer._generate_single_turn`, which calls transformers' `generate`. The policy that is trained stays near the base policy in the length of its completions,
so one rollout after another of the base policy stands for a run. The experiment must have been
begun: its base policy and problems are read.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from trl.trainer.grpo_trainer import GRPOTrainer

from experiments.spec.experiment_file import load_experiment
from experiments.train import ignore_row, make_trainer


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--spec", type=Path, required=True)
    parser.add_argument("--rollouts", type=int, default=22)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    experiment = load_experiment(arguments.spec)
    arm, seed = next(iter(experiment.arms)), experiment.seeds[0]
    with tempfile.TemporaryDirectory() as out:
        inputs = arguments.spec.parent
        trainer = make_trainer(experiment, arm, seed, inputs, Path(out), ignore_row)
    prompts = list(cast(Any, trainer.train_dataset)["prompt"])
    random.Random(0).shuffle(prompts)
    size = experiment.training.prompts_per_rollout
    found: dict[str, list[tuple[float, int]]] = {"ours": [], "TRL": []}
    for rollout in range(arguments.rollouts):
        chosen = [prompts[(rollout * size + i) % len(prompts)] for i in range(size)]
        # Each takes the first turn every second time; the first two rollouts warm up.
        for name in sorted(found, reverse=bool(rollout % 2)):
            taken = generate(trainer, chosen, None if name == "ours" else GRPOTrainer)
            found[name] += [taken] * (rollout > 1)
    for name, rows in found.items():
        seconds, tokens = (statistics.mean(column) for column in zip(*rows, strict=True))
        print(f"{name:>5}: {1000 * seconds:.0f} ms a rollout of {tokens:.0f} tokens on average")
    report_ratio("per rollout", found, lambda seconds, tokens: seconds)
    report_ratio("per token", found, lambda seconds, tokens: seconds / tokens)


def generate(trainer: Any, prompts: list[str], stock: Any) -> tuple[float, int]:
    """(seconds, tokens) of one rollout. stock: TRL's trainer class, or None for ours."""
    group = trainer.num_generations
    ids, *_ = trainer._tokenize_prompts([text for text in prompts for _ in range(group)])
    start = time.process_time()
    made, _ = (stock or type(trainer))._generate_single_turn(trainer, ids, None, {}, group)
    return time.process_time() - start, sum(map(len, made))


def report_ratio(
    name: str, found: dict[str, list[tuple[float, int]]], cost: Callable[[float, int], float]
) -> None:
    pairs = zip(found["ours"], found["TRL"], strict=True)
    ratios = sorted(cost(*theirs) / cost(*mine) for mine, theirs in pairs)
    low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
    median = statistics.median(ratios)
    print(f"TRL / ours {name}: {median:.2f} (middle half: {low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
