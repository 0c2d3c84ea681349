"""What is trained and tested on: every problem of an experiment as files, and the training data set.

    python -m experiments.tasks --spec results/arithmetic/spec.yaml --out results/arithmetic/problems

writes `train.jsonl` (the prompts), one file per benchmark, and what of the training set stands in a benchmark
(`contamination.csv`, `contamination.json`: see eval/contamination.py); all later stages read these and never the hub.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset

from eval.arithmetic import arithmetic
from eval.checksums import mark_folder
from eval.contamination import Examination, examine, write_report
from eval.csv_text import read_csv
from eval.duplicates import Repeats
from eval.durable import locked
from eval.errors import BadInput, exit_with_message
from eval.problems import Problem, load_counted, load_set, write_problems
from eval.prompts import render
from experiments.data_folder import load_ready
from experiments.graph import Graph
from experiments.made_from import leave
from experiments.schema import Benchmark, Experiment, Task

UNKNOWN = -1  # code of a prompt without level or stratum


def training_problems(
    experiment: Experiment, benchmarks: Mapping[str, Sequence[Problem]]
) -> tuple[list[Problem], Examination]:
    """The prompts of the RL runs, and what was found in the set that they come from.

    Repeated, conflicting and overlapping rows go first, then the first `limit` of the rest are taken. Arithmetic
    streams share no problem by construction; they are examined all the same.
    """
    task = experiment.task
    if task.prompts == "arithmetic":
        drawn, repeats = arithmetic(required(task.levels), required(task.per_level), "train", task.seed), Repeats(0, 0)
    else:
        drawn, repeats = load_counted(task.prompts, data_dir(experiment))
    found = examine(task.prompts, drawn, benchmarks, task.contamination)
    before = {"rows": len(drawn) + sum(repeats), **repeats._asdict()}  # loading has dropped them
    kept = {row["id"] for row in found.rows}
    return [p for p in drawn if p.id in kept][: task.limit], found._replace(report=found.report | before)


def benchmark_problems(name: str, benchmark: Benchmark, experiment: Experiment) -> list[Problem]:
    """The questions of one benchmark."""
    if benchmark.levels is not None:
        levels, count = benchmark.levels, required(benchmark.per_level)
        return arithmetic(levels, count, benchmark.stream, experiment.task.seed)
    return load_set(name, data_dir(experiment))[: benchmark.limit]


def data_dir(experiment: Experiment) -> Path | None:
    return None if experiment.data_dir is None else Path(experiment.data_dir)


def required(value: Any) -> Any:
    """A setting that the schema has made sure of."""
    assert value is not None
    return value


def make_dataset(
    problems: Sequence[Problem], task: Task, tokenizer: Any, strata: Mapping[str, int]
) -> tuple[Dataset, list[str]]:
    """(data set, level names): prompt, answer, and the codes of level and stratum; see EntropyControlTrainer."""
    levels = sorted({p.level for p in problems if p.level}, key=lambda level: (len(level), level))
    rows = [
        {
            "prompt": render(task.template, problem.text, tokenizer),
            "answer": problem.answer,
            "level": levels.index(problem.level) if problem.level else UNKNOWN,
            "stratum": strata.get(problem.id, UNKNOWN),
        }
        for problem in problems
    ]
    return Dataset.from_list(rows), levels


def read_counts(counts: Path) -> list[dict[str, Any]]:
    """The rows of a counts file: problem_id, and n, correct, truncated and tokens as numbers."""
    numbers = ("n", "correct", "truncated", "tokens")
    rows: dict[str, dict[str, Any]] = {}
    for where, row in read_csv(counts, ("problem_id", *numbers)):
        if not all(row[key].isdecimal() and len(row[key]) < 20 for key in numbers):
            raise BadInput(f"{where}: counts must be whole numbers: delete the file, and it is made again")
        found: dict[str, Any] = {"problem_id": row["problem_id"]} | {key: int(row[key]) for key in numbers}
        if found["correct"] > found["n"] or row["problem_id"] in rows:
            raise BadInput(f"{where}: more right than answered, or twice: delete the file, and it is made again")
        rows[row["problem_id"]] = found
    return [*rows.values()]


def read_pass_rates(counts: Path) -> dict[str, float]:
    """Problem id → pass rate, from a counts file of the base policy."""
    return {row["problem_id"]: row["correct"] / row["n"] for row in read_counts(counts) if row["n"]}


def write_all(experiment: Experiment, out: Path) -> None:
    """BadInput where another process is writing them."""
    with locked(out.with_name(f".{out.name}.lock")):
        source = Graph(experiment, out.parent.parent).problems_hash()  # first: what is edited meanwhile is made again
        write_problem_files(experiment, out)
        leave(out, source)
        mark_folder(out)


def write_problem_files(experiment: Experiment, out: Path) -> None:
    sets = experiment.evaluation.benchmarks
    benchmarks = {name: benchmark_problems(name, benchmark, experiment) for name, benchmark in sets.items()}
    train, found = training_problems(experiment, benchmarks)
    for name, problems in {**benchmarks, "train": train}.items():
        write_problems(out / f"{name}.jsonl", problems)
    write_report(out / "contamination.csv", found)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--spec", required=True, help="experiment name or YAML file")
    parser.add_argument("--out", type=Path, required=True, help="folder for the problem files")
    arguments = parser.parse_args()
    with exit_with_message():
        write_all(load_ready(arguments.spec), arguments.out)


if __name__ == "__main__":
    main()
