"""Before any job runs: steps that were done under other settings lose their marks, and so are done
again.

Snakemake sees a change by itself where it has a record of the job's parameters. A results folder
that was copied without .snakemake/, or whose job outlived Snakemake, has none, and what stands in
it would pass for the outcome of any settings. What the folder says of itself is compared instead:
its spec.yaml, what problems and base policy were made from, and each run.json. A base policy that
is no job's output is compared with what the last start saw of it.
"""

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from eval.files.checksums import CHECKSUMS
from eval.files.errors import BadInput
from eval.files.json_text import parse
from experiments.spec.schema import load_experiment, run_spec, spec_hash
from experiments.workflow.contents import changed, remember
from experiments.workflow.layout import Graph
from experiments.workflow.made_from import made_from


def forget_outdated(graph: Graph) -> None:
    """Takes the marks away, and says how many."""
    marks = {path for path in outdated(graph) if path.exists()}
    for mark in marks:
        mark.unlink()
    remember([*graph.data_files(), *graph.policy_files()], graph.root)
    if marks:
        print(
            f"{graph.root}: {len(marks)} steps were done under other settings: done again",
            file=sys.stderr,
        )


def outdated(graph: Graph) -> Iterator[Path]:
    """Marks of steps whose settings are no longer those that they were done with."""
    for arm, seed in (
        (arm, seed) for arm in graph.experiment.arms for seed in graph.experiment.seeds
    ):
        run = graph.root / arm / f"seed-{seed}"
        if spec_of(run / "run.json") not in (
            None,
            spec_hash(run_spec(graph.experiment, arm, seed)),
        ):
            yield run / CHECKSUMS
    yield from made_of_other(graph)
    with suppress(BadInput, FileNotFoundError):  # of another version, or of no run yet
        yield from since(Graph(load_experiment(graph.spec), graph.results), graph)


def spec_of(record: Path) -> str | None:
    """The hash of the settings that a run was trained with; None where nobody says."""
    try:
        return parse(record.read_bytes()).get("spec_hash")
    except (OSError, ValueError, AttributeError):
        return None


def made_of_other(graph: Graph) -> Iterator[Path]:
    """Marks of problems and base policy that are not made from what they would be made from
    today.
    """
    for folder, source in (
        (graph.root / "problems", graph.problems_hash()),
        (graph.root / "base" / "policy", graph.base_source()),
    ):
        if made_from(folder) != source:
            yield folder / CHECKSUMS
    if changed(graph.policy_files(), graph.root):
        yield from graph.root.glob("base/eval/*.sampled")
        yield from graph.root.glob(f"*/seed-*/{CHECKSUMS}")


def since(before: Graph, graph: Graph) -> Iterator[Path]:
    """Marks of what is made from the runs."""
    if before.experiment.evaluation != graph.experiment.evaluation:
        for kind in ("sampled", "scored"):
            yield from graph.root.glob(f"base/eval/*.{kind}")
            yield from graph.root.glob(f"*/seed-*/eval/*.{kind}")
    if before.hash() != graph.hash():
        yield from map(Path, graph.analysis_marks)
