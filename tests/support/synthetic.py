"""A results folder made of formulas: collapse, explosion and a held target, in seconds and without
a model.

The shapes are those of real runs, the numbers are invented: `none` collapses, `fixed_high` explodes
and loses its reward, `aer` falls to its target and holds it with a moving alpha, `clip_higher`
clips above, `fixed_low` does little.
"""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

INITIAL, TARGET = 0.24, 0.12  # nats
LEVELS = ("2", "3", "4", "5")
RATES = ("0", "(0, 0.25]", "(0.25, 0.5]", "(0.5, 1)", "1")
GAIN = {
    "none": 0.9,
    "fixed_low": 1.0,
    "fixed_high": -3.5,
    "clip_higher": 1.2,
    "aer": 1.6,
}  # logits of accuracy
METHODS: dict[str, dict[str, Any]] = {
    "none": {"name": "no_entropy", "clip": [0.2, 0.2]},
    "fixed_low": {"name": "fixed_coefficient", "coefficient": 0.003},
    "fixed_high": {"name": "fixed_coefficient", "coefficient": 0.3},
    "clip_higher": {"name": "clip_higher", "epsilon_low": 0.2, "epsilon_high": 0.28},
    "aer": {"name": "aer", "tau": 0.5, "alpha_max": 0.3},
}
BENCHMARKS: dict[str, dict[str, Any]] = {
    "arithmetic_test": {"samples": 16, "k": [1, 4, 8]},
    "arithmetic_hard": {"samples": 16, "k": [1, 8]},
}


def make(
    root: Path, seeds: tuple[int, ...] = (0, 1, 2), rollouts: int = 40, questions: int = 30
) -> Path:
    """Writes a whole results folder under root and returns it."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "spec.yaml").write_text(yaml.safe_dump(spec(root.name, seeds), sort_keys=False))
    for benchmark in BENCHMARKS:
        write_evaluation(root / "base" / "eval", benchmark, 0.0, questions, seed=99)
    for arm in METHODS:
        for seed in seeds:
            write_run(root, arm, seed, rollouts)
            for benchmark in BENCHMARKS:
                write_evaluation(
                    root / arm / f"seed-{seed}" / "eval", benchmark, GAIN[arm], questions, seed
                )
    overlaps = {
        "rows": 400,
        "action": "drop",
        "conflicting": 2,
        "repeated": 0,
        "benchmarks": {name: {"exact": 0, "near": 0} for name in BENCHMARKS},
    }
    write_json(root / "problems" / "contamination.json", overlaps)
    return root


def spec(name: str, seeds: tuple[int, ...]) -> dict[str, Any]:
    return {
        "name": name,
        "question": "Does holding entropy at a target make the policy reason better?",
        "reference": "none",
        "model": {"source": "tiny", "steps": 250},
        "task": {"prompts": "arithmetic", "template": "arithmetic", "levels": [2, 3, 4, 5]},
        "training": {"learning_rate": 0.0002, "num_generations": 8},
        "arms": {arm: {"method": method} for arm, method in METHODS.items()},
        "seeds": list(seeds),
        "evaluation": {
            "benchmarks": BENCHMARKS,
            "temperature": 1.0,
            "top_p": 1.0,
            "max_tokens": 48,
            "engine": "transformers",
        },
        "analysis": {"draws": 200, "seed": 0},
    }


def write_run(root: Path, arm: str, seed: int, rollouts: int) -> None:
    folder = root / arm / f"seed-{seed}"
    rows = log(arm, seed, rollouts)
    folder.mkdir(parents=True)
    write_completions(folder / "completions", rows)
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_json(
        folder / "run.json",
        {
            "experiment": root.name,
            "arm": arm,
            "seed": seed,
            "method": METHODS[arm],
            "reconstruction": arm == "aer",
            "spec_hash": "5" * 64,
            "git_revision": "a" * 40,
            "versions": {"torch": "2.13.0", "trl": "1.16.0", "math-verify": "0.9.0"},
            "host": "synthetic",
            "started": "2026-01-01T00:00:00+00:00",
            "finished": "2026-01-01T00:01:00+00:00",
            "seconds": 60.0 + seed,
            "tokens_generated": rows[-1]["tokens_generated"],
            "updates": rows[-1]["updates"],
            "updates_per_rollout": 4,
            "rollouts": rollouts,
            "status": "finished",
        },
    )


def log(arm: str, seed: int, rollouts: int) -> list[dict[str, Any]]:
    """Rows of train.jsonl: a smooth course per arm with seeded noise."""
    rng = np.random.default_rng([seed, list(METHODS).index(arm)])
    t = np.arange(rollouts) / (rollouts - 1)
    entropy = course(arm, t) * np.exp(rng.normal(0, 0.04, rollouts))
    accuracy = np.clip(climb(arm, t) + rng.normal(0, 0.015, rollouts), 0, 1)
    length = 22 + 6 * t + (20 * t if arm == "fixed_high" else 0) + rng.normal(0, 0.5, rollouts)
    alpha = np.clip(0.1 / (1 + np.exp(-14 * (t - 0.35))) + rng.normal(0, 0.004, rollouts), 0, 0.3)
    tokens = np.cumsum(length * 256)
    return [
        row(arm, i, entropy[i], accuracy[i], length[i], alpha[i], int(tokens[i]))
        for i in range(rollouts)
    ]


def write_completions(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Of the first, a middle and the last rollout: two prompts with four completions each, whose
    tokens have entropies of a wide range around the rollout's.
    """
    folder.mkdir()
    for row in (rows[0], rows[len(rows) // 2], rows[-1]):
        rng = np.random.default_rng(row["rollout"])
        found = [completion(row, group, i, rng) for group in range(2) for i in range(4)]
        text = "".join(json.dumps(each) + "\n" for each in found)
        path = folder / f"rollout-{row['rollout']:04d}.jsonl.gz"
        path.write_bytes(gzip.compress(text.encode(), mtime=0))


def completion(row: dict[str, Any], group: int, i: int, rng: np.random.Generator) -> dict[str, Any]:
    pieces = [*f"{12 + group}+{30 + i}=4{i}\n\\boxed{{4{i}}}", "<end>"]
    entropy = np.minimum(row["entropy"] * rng.lognormal(0, 2, len(pieces)), 5.0)
    right = group == 1 and i == 2
    return {
        "rollout": row["rollout"],
        "group": group,
        "prompt": f"What is {12 + group} + 30?\n",
        "answer": str(42 + group),
        "text": "".join(pieces[:-1]),
        "verdict": float(right),
        "reward": float(right),
        "advantage": 1.5 if right else -0.5 * group,
        "length": len(pieces),
        "truncated": False,
        "tokens": list(range(len(pieces))),
        "pieces": pieces,
        "entropy": [round(value, 4) for value in entropy.tolist()],
        "logp": [round(-value, 4) for value in entropy.tolist()],
    }


def course(arm: str, t: np.ndarray) -> np.ndarray:
    """Entropy in nats against the share of training done."""
    falling = INITIAL * np.exp(-2.6 * t)
    return {
        "none": falling,
        "fixed_low": INITIAL * np.exp(-2.2 * t),
        "fixed_high": INITIAL + 2.8 / (1 + np.exp(-12 * (t - 0.4))),
        "clip_higher": INITIAL * np.exp(-1.4 * t),
        "aer": TARGET + (INITIAL - TARGET) * np.exp(-7 * t) * np.cos(9 * t),
    }[arm]


def climb(arm: str, t: np.ndarray) -> np.ndarray:
    """Training accuracy against the share of training done."""
    if arm == "fixed_high":
        return 0.45 * np.exp(-6 * np.clip(t - 0.15, 0, None))
    return 0.45 + (0.3 + 0.05 * GAIN[arm]) * (1 - np.exp(-4 * t))


def row(
    arm: str, i: int, entropy: float, accuracy: float, length: float, alpha: float, tokens: int
) -> dict[str, Any]:
    weight = max(0.15, 1 - accuracy / 0.75)
    coefficient = {"fixed_low": 0.003, "fixed_high": 0.3, "aer": alpha * weight}.get(arm, 0.0)
    state = {
        "alpha": alpha,
        "target": TARGET,
        "initial_entropy": INITIAL,
        "difficulty_weight": weight,
    }
    return {
        "rollout": i,
        "updates": 4 * (i + 1),
        "tokens_generated": tokens,
        "entropy": entropy,
        "entropy_update": entropy * 0.98,
        "entropy_mc": entropy * 1.01,
        "reward": accuracy,
        "accuracy": accuracy,
        "length_mean": length,
        "length_median": length - 1,
        "length_p95": length + 15,
        "length_terminated": length - 1,
        "truncated": min(1.0, max(0.0, (length - 24) / 30)),
        "clip_low": 0.004,
        "clip_high": 0.012 if arm == "clip_higher" else 0.006,
        "groups_all_right": max(0.0, accuracy - 0.3),
        "groups_all_wrong": max(0.0, 0.6 - accuracy),
        "coefficient_mean": coefficient,
        "coefficient_max": coefficient * 1.5,
        "rows_weighted": 1.0 if coefficient else 0.0,
        "entropy_term_all_wrong": 0.3 if coefficient else None,
        "gradient_share": min(0.9, coefficient * 4) if i % 5 == 0 else None,
        "grad_norm": 0.4,
        "levers": {"clip": {"touched": 0.012}} if arm == "clip_higher" else {},
        "state": state if arm == "aer" else {},
        "levels": {name: part(entropy, accuracy, length, j) for j, name in enumerate(LEVELS)},
        "strata": {
            name: part(entropy, accuracy, length, j) for j, name in enumerate(reversed(RATES))
        },
        "groups": {name: part(entropy, accuracy, length, 4 - j) for j, name in enumerate(RATES)},
        "seconds_rollout": 0.9,
        "seconds_update": 0.5,
        "seconds_rest": 0.1,
    }


def part(entropy: float, accuracy: float, length: float, harder: int) -> dict[str, float]:
    return {
        "rows": 64,
        "entropy": entropy * (0.7 + 0.25 * harder),
        "length": length + 3 * harder,
        "accuracy": accuracy / (1 + 0.8 * harder),
    }


def write_evaluation(folder: Path, benchmark: str, gain: float, questions: int, seed: int) -> None:
    """counts.csv and measures.json: binomial counts at a question's difficulty plus the arm's
    gain.
    """
    folder.mkdir(parents=True, exist_ok=True)
    difficulty = np.random.default_rng(len(benchmark)).normal(
        -0.5 if benchmark.endswith("test") else -2.0, 1.5, questions
    )
    rng = np.random.default_rng([seed, int(100 * abs(gain)), len(benchmark), questions])
    rate = 1 / (1 + np.exp(-(difficulty + gain + rng.normal(0, 0.15))))
    n = BENCHMARKS[benchmark]["samples"]
    correct = rng.binomial(n, rate)
    rows = [
        count_row(f"{benchmark}-{q}", LEVELS[q % len(LEVELS)], n, int(c))
        for q, c in enumerate(correct)
    ]
    with (folder / f"{benchmark}.counts.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    write_json(
        folder / f"{benchmark}.measures.json", {"maj_at_k": {"8": float((correct > n / 2).mean())}}
    )


def count_row(problem: str, level: str, n: int, correct: int) -> dict[str, Any]:
    return {
        "problem_id": problem,
        "level": level,
        "subject": "",
        "n": n,
        "correct": correct,
        "strict_correct": correct,
        "disagreements": 0,
        "truncated": (n - correct) // 4,
        "correct_finished": correct,
        "unparsed": 0,
        "timeouts": 0,
        "errors": 0,
        "tokens": n * 25,
    }


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")
