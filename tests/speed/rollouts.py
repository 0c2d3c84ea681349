"""python -m tests.speed.rollouts --spec results/arithmetic/spec.yaml: what generating a training
run's rollouts costs, ours against TRL's.

Both generate the same prompts with the experiment's base policy, in turns in one process, by
processor time. TRL's is stock `GRPOTrainer._generate_single_turn`, which calls transformers'
`generate`. The policy that is trained stays near the base policy in the length of its completions,
so one rollout after another of the base policy stands for a run. The experiment must have been
begun: its base policy and problems are read.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from trl.trainer.grpo_trainer import GRPOTrainer

from experiments.spec.schema import load_experiment
from experiments.train import ignore_row, make_trainer


def processor_seconds(generate: Callable[[], Any]) -> tuple[float, int]:
    """(seconds, tokens) of one rollout."""
    start = time.process_time()
    completions, _ = generate()
    return time.process_time() - start, sum(map(len, completions))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--spec", type=Path, required=True)
    parser.add_argument("--rollouts", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    experiment = load_experiment(arguments.spec)
    arm, seed = next(iter(experiment.arms)), experiment.seeds[0]
    with tempfile.TemporaryDirectory() as out:
        inputs = arguments.spec.parent
        trainer = make_trainer(experiment, arm, seed, inputs, Path(out), ignore_row)
    prompts = trainer.train_dataset["prompt"]
    group, size = trainer.num_generations, experiment.training.prompts_per_rollout
    found: dict[str, list[tuple[float, int]]] = {"ours": [], "TRL": []}
    for rollout in range(-1, arguments.rollouts):
        chosen = [prompts[(rollout * size + i) * 7 % len(prompts)] for i in range(size)]
        ids, *_ = trainer._tokenize_prompts([text for text in chosen for _ in range(group)])
        asked: Any = (ids, None, {}, group)
        ours = processor_seconds(lambda: trainer._generate_single_turn(*asked))
        stock = processor_seconds(lambda: GRPOTrainer._generate_single_turn(trainer, *asked))
        if rollout >= 0:  # the first warms up
            found["ours"].append(ours)
            found["TRL"].append(stock)
    for name, rows in found.items():
        seconds, tokens = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"{name:>5}: {seconds:.3f} s of processor time per rollout of {tokens:.0f} tokens")
    ratios = sorted(b[0] / a[0] for a, b in zip(found["ours"], found["TRL"], strict=True))
    print(f"ratio: {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
