r"""Writes all problems of an experiment as files.

    python -m experiments.tasks --spec results/arithmetic/spec.yaml \
        --out results/arithmetic/problems

writes `train.jsonl` (the training prompts), one file per benchmark, and a report of training
problems that overlap a benchmark (`contamination.csv`, `contamination.json`: see
eval/questions/contamination.py). Later steps read these files and never the hub.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.files.command_line import command_parser
from eval.files.errors import exit_with_message
from eval.files.locks import locked
from eval.files.marks import known_parts, mark_folder
from eval.questions.contamination import Examination, examine, write_report
from eval.questions.duplicates import Repeats
from eval.questions.problems import Problem, load_counted, load_set, write_problems
from experiments.families import FAMILIES, TaughtFamily
from experiments.families.family import draw_problems
from experiments.spec.data_folder import load_ready
from experiments.spec.evaluation_settings import Benchmark
from experiments.spec.schema import Experiment
from experiments.workflow.layout import StudyLayout
from experiments.workflow.steps import problem_parts


def training_problems(
    experiment: Experiment, benchmarks: Mapping[str, Sequence[Problem]]
) -> tuple[list[Problem], Examination]:
    """The training prompts, and the report on the set that they come from.

    Duplicate, conflicting and overlapping rows are removed before the first `limit` rows are taken.
    Generated streams have no problem in common by construction, but are examined, too. Families
    without demonstrations are compared with named sets only: the check ignores signs and counts
    shared words, so it would call different problems of such a family (5+3, 5-3) duplicates.
    """
    task = experiment.task
    is_generated = task.prompts in FAMILIES
    has_signs = is_generated and not isinstance(task.generator, TaughtFamily)
    if has_signs:
        sets = experiment.evaluation.benchmarks
        benchmarks = {name: benchmarks[name] for name in benchmarks if not sets[name].levels}
    if is_generated:
        levels, count = required(task.levels), required(task.per_level)
        drawn = draw_problems(task.generator, levels, count, "train", task.seed)
        repeats = Repeats(0, 0)
    else:
        drawn, repeats = load_counted(task.prompts, data_dir(experiment))
    found = examine(task.prompts, drawn, benchmarks, task.contamination, distinct=has_signs)
    before = {"rows": len(drawn) + sum(repeats), **repeats._asdict()}  # loading removed duplicates
    kept = {row["id"] for row in found.rows}
    return [p for p in drawn if p.id in kept][: task.limit], found._replace(
        report=found.report | before
    )


def benchmark_problems(name: str, benchmark: Benchmark, experiment: Experiment) -> list[Problem]:
    """The questions of one benchmark."""
    if benchmark.levels is not None:
        levels, count = benchmark.levels, required(benchmark.per_level)
        task = experiment.task
        return draw_problems(task.generator, levels, count, benchmark.stream, task.seed)
    return load_set(name, data_dir(experiment))[: benchmark.limit]


def data_dir(experiment: Experiment) -> Path | None:
    return None if experiment.data_dir is None else Path(experiment.data_dir)


def required(value: Any) -> Any:
    """A setting that the schema guarantees for this kind of prompts, without its None."""
    assert value is not None
    return value


def write_all(experiment: Experiment, out: Path) -> None:
    """Writes and marks the files. BadInput if another process is writing them."""
    with locked(out.with_name(f".{out.name}.lock")):
        # First: what is edited while this runs makes the files again at the next start.
        parts = problem_parts(StudyLayout(experiment, out.parent.parent))
        write_problem_files(experiment, out)
        mark_folder(out, known_parts(parts))


def write_problem_files(experiment: Experiment, out: Path) -> None:
    sets = experiment.evaluation.benchmarks
    benchmarks = {
        name: benchmark_problems(name, benchmark, experiment) for name, benchmark in sets.items()
    }
    train, found = training_problems(experiment, benchmarks)
    for name, problems in {**benchmarks, "train": train}.items():
        write_problems(out / f"{name}.jsonl", problems)
    write_report(out / "contamination.csv", found)


def main() -> None:
    parser = command_parser("experiments.tasks", __doc__)
    parser.add_argument("--spec", required=True, help="experiment name or YAML file")
    parser.add_argument("--out", type=Path, required=True, help="folder for the problem files")
    arguments = parser.parse_args()
    with exit_with_message():
        write_all(load_ready(arguments.spec), arguments.out)
