"""What a method with a `shape` costs, against plain GRPO in the same process.

    python -m tests.speed.shape [--rollouts 6] > table.md

Both train the same random policy, of the size of that of `arithmetic`, on the same prompts, 128
completions of up to 52 tokens per rollout. They take turns: plain, method, method, plain. A rollout
is everything between two rows of train.jsonl; the first of each turn is left out. With four updates
per rollout TRL scores it anyway, with one the pass is made for `shape` alone, and its own share of
the rollout is printed.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import torch

from experiments.policies.tiny import make_tiny_model
from experiments.spec.policy_settings import TinyPolicy
from methods import STARE, STEER, ClipCov, EightyTwenty, EntropyAdvantage, Method, NoEntropy
from tests.support.grpo_runs import ours, training

METHODS: list[Any] = [
    EightyTwenty(clip=(0.2, 0.2)),
    EntropyAdvantage(),
    ClipCov(rho=0.01, omega_low=0.0),
    STARE(target=9.0),
    STEER(),
]
KEYS = ("seconds_rollout", "seconds_scoring", "seconds_update", "seconds_rest")


def rollouts(method: Method, updates: int, count: int) -> list[tuple[float, float]]:
    """(seconds, of these the extra scoring pass) of each rollout but the first."""
    rows: list[dict[str, Any]] = []
    settings = training(
        rollouts=count + 1,
        prompts_per_rollout=16,
        num_generations=8,
        updates_per_rollout=updates,
        per_device_train_batch_size=32,
        max_completion_length=52,
        learning_rate=1e-5,
    )
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as out:
        model = make_tiny_model(TinyPolicy(source="tiny"))
        ours(method, settings, Path(out), rows.append, model=model).train()
    return [(sum(row[key] for key in KEYS), row["seconds_scoring"]) for row in rows[1:]]


def compared(method: Method, updates: int, count: int) -> tuple[float, float]:
    """(median rollout over plain GRPO's, share of the scoring pass in it)."""
    turns = [NoEntropy(), method, method, NoEntropy()]
    taken = [rollouts(each, updates, count) for each in turns]
    plain, shaped = taken[0] + taken[3], taken[1] + taken[2]
    ratio = median(s for s, _ in shaped) / median(s for s, _ in plain)
    return ratio, median(scoring / seconds for seconds, scoring in shaped)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--rollouts", type=int, default=6, help="per turn")
    count = parser.parse_args().rollouts
    print("| method | updates per rollout | rollout / plain GRPO's | share of the extra pass |")
    print("|---|---:|---:|---:|")
    for updates in (4, 1):
        for method in METHODS:
            ratio, share = compared(method, updates, count)
            print(f"| `{method.name}` | {updates} | {ratio:.2f} | {share:.1%} |", flush=True)


if __name__ == "__main__":
    main()
