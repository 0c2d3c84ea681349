"""python -m tests.speed.study results/rare: where the seconds of a study went.

    python -m tests.speed.study results/rare --before old/rare --picture docs/images/study.png
    python -m tests.speed.study --run rare --seeds 1 --rollouts 30    # runs it, reduced, beforehand

It reads what the jobs have recorded: Snakemake's benchmark files (wall clock of each job),
run.json, the times in train.jsonl, and the line that sampling writes to the log. The seconds are
wall clock, summed over jobs: two jobs side by side count twice. `--run` also has Snakemake's own
processor time.

Share of the machine's rate: 2 · P floating-point operations per token of a forward pass and 6 · P
per token of an update, P parameters, over the seconds that generation or updates took; against a
product of two 1024 × 1024 matrices in float32 on one thread, now. Scoring is part of generation.
"""

import argparse
import csv
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from experiments.spec.experiment_file import load_experiment

SNAKEMAKE = """
import atexit, resource, sys, time
def say():
    used = resource.getrusage(resource.RUSAGE_SELF)
    print("own", used.ru_utime + used.ru_stime)
atexit.register(say)
sys.argv[0] = "snakemake"
from snakemake.cli import main
main()
"""
SAMPLED = re.compile(r"samples made, .* in ([0-9.]+) s$", re.MULTILINE)
PARTS = (
    "training: imports",
    "training: loading, saving",
    "training: generation",
    "training: updates",
    "training: between updates",
    "sampling",
    "scoring",
    "base policy",
    "problems",
    "analysis",
    "Snakemake itself",
)


Seconds = defaultdict[str, float]  # part of the study → seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("results", nargs="?", type=Path, help="results/<experiment>")
    parser.add_argument("--before", type=Path, help="another results folder, to compare with")
    parser.add_argument("--picture", type=Path, help="a PNG that is written")
    parser.add_argument("--run", metavar="EXPERIMENT", help="runs it in a temporary folder")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rollouts", type=int, default=0, help="per run; default: as it says")
    arguments = parser.parse_args()
    if (arguments.results is None) == (arguments.run is None):
        parser.error("give a results folder, or --run")
    with tempfile.TemporaryDirectory() as scratch:
        own = 0.0
        if arguments.run:
            arguments.results, own = run_study(arguments, Path(scratch))
        now = "now" if arguments.before else arguments.results.name
        found = {now: seconds_of(arguments.results)}
        found[now]["Snakemake itself"] = own
        if arguments.before:
            found = {"before": seconds_of(arguments.before)} | found
        print(table(found))
        print(rates(arguments.results))
        if arguments.picture:
            draw(found, arguments.picture)


def run_study(arguments: argparse.Namespace, scratch: Path) -> tuple[Path, float]:
    """(results folder, processor seconds of Snakemake's own process) of an experiment that has
    fewer seeds and rollouts.
    """
    content = load_experiment(arguments.run).model_dump(mode="json")
    content["seeds"] = content["seeds"][: arguments.seeds]
    rollouts = arguments.rollouts or content["training"]["rollouts"]
    content["training"] |= {"rollouts": rollouts, "checkpoint_every": max(1, rollouts // 2)}
    file = scratch / "experiment.yaml"
    file.write_text(yaml.safe_dump(content))
    options = ["all", "--config", f"experiment={file}", f"results={scratch / 'results'}"]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", SNAKEMAKE, *options], stdout=subprocess.PIPE, text=True, check=True
    )
    print(f"{time.perf_counter() - start:.0f} s from start to end")
    own = next(line for line in done.stdout.splitlines() if line.startswith("own "))
    return scratch / "results" / content["name"], float(own.split()[1])


def seconds_of(results: Path) -> Seconds:
    """Part of the study → seconds."""
    found: Seconds = defaultdict(float)
    for file in sorted((results / "benchmarks").glob("*.tsv")):
        job, seconds = file.stem, wall_clock(file)
        if job.endswith("_train"):
            arm, seed = job.removesuffix("_train").rsplit("_", 1)
            log = results / "logs" / f"{job}.log"
            for part, spent in of_a_run(results / arm / f"seed-{seed}", seconds, log).items():
                found[part] += spent
        else:
            found[part_of(job)] += seconds
    return found


def wall_clock(benchmark: Path) -> float:
    with benchmark.open() as file:
        return sum(float(row["s"]) for row in csv.DictReader(file, delimiter="\t"))


def part_of(job: str) -> str:
    named = {"base_policy": "base policy", "problems": "problems"}
    kinds = {"_sample": "sampling", "_score": "scoring"}
    return named.get(job) or next((p for end, p in kinds.items() if job.endswith(end)), "analysis")


def of_a_run(run: Path, seconds: float, log: Path) -> dict[str, float]:
    """`seconds`: of its job. What is left of them over the run's own clock is imports."""
    record, rows = json.loads((run / "run.json").read_text()), read_rows_of(run)
    spent = {
        name: sum(row[f"seconds_{name}"] for row in rows)
        for name in ("rollout", "scoring", "update", "rest")
    }
    # the last one: a job that was tried again has several
    sampled = float([*SAMPLED.findall(log.read_text()), 0.0][-1]) if log.exists() else 0.0
    return {
        "training: imports": max(0.0, seconds - record["seconds"] - sampled),
        "training: loading, saving": max(0.0, record["seconds"] - sum(spent.values())),
        "training: generation": spent["rollout"] + spent["scoring"],
        "training: updates": spent["update"],
        "training: between updates": spent["rest"],
        "sampling": sampled,
    }


def read_rows_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "train.jsonl").read_text().splitlines()]


def table(found: Mapping[str, Seconds]) -> str:
    head = ["part", *(f"{name}, s" for name in found)]
    lines = [head, ["---", *("---:" for _ in found)]]
    lines += [[part, *(f"{each[part]:.1f}" for each in found.values())] for part in PARTS]
    lines += [["all", *(f"{sum(each.values()):.1f}" for each in found.values())]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def rates(results: Path) -> str:
    """What generation and updates reach of the rate of a large matrix product."""
    from safetensors import safe_open

    file = results / "base" / "policy" / "model.safetensors"
    with safe_open(file, "pt") as weights:
        parameters = sum(weights.get_tensor(name).numel() for name in weights.keys())  # noqa: SIM118
    runs = [read_rows_of(path.parent) for path in sorted(results.glob("*/seed-*/run.json"))]
    tokens = sum(rows[-1]["tokens_generated"] for rows in runs)
    spent = [
        sum(row[f"seconds_{part}"] for rows in runs for row in rows)
        for part in ("rollout", "update")
    ]
    machine = matrix_rate()
    reached = [2 * parameters * tokens / spent[0], 6 * parameters * tokens / spent[1]]
    shares = ", ".join(
        f"{name} {rate / 1e9:.2f} ({100 * rate / machine:.2f} %)"
        for name, rate in zip(("generation", "updates"), reached, strict=True)
    )
    return f"10⁹ operations per second: matrix product {machine / 1e9:.1f}, {shares}"


def matrix_rate() -> float:
    """Floating-point operations per processor second."""
    import torch

    torch.set_num_threads(1)
    a = torch.randn(1024, 1024)
    seconds = []
    for _ in range(9):
        start = time.process_time()
        a @ a
        seconds.append(time.process_time() - start)
    return 2 * 1024**3 / statistics.median(seconds)


def draw(found: Mapping[str, Seconds], path: Path) -> None:
    """A bar per results folder, a colour per part."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 1.4 + 0.5 * len(found)), layout="constrained")
    left, colours = dict.fromkeys(found, 0.0), plt.get_cmap("tab20")
    for number, part in enumerate(PARTS):
        for name, each in found.items():
            label = part if name == [*found][-1] else None
            axes.barh(name, each[part], left=left[name], color=colours(number), label=label)
            left[name] += each[part]
    axes.invert_yaxis()
    axes.set_xlabel("seconds of all jobs")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
