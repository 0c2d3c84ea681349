"""Before any job runs: steps that were done under other settings lose their marks, and so are done again.

Snakemake sees a change by itself where it has a record of the job's parameters. A results folder that was copied without
.snakemake/, or whose job outlived Snakemake, has none, and what stands in it would pass for the outcome of any settings.
What the folder says of itself is compared instead: its spec.yaml, and each run.json.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from eval.checksums import CHECKSUMS
from eval.errors import BadInput
from experiments.graph import Graph
from experiments.schema import load, run_spec, spec_hash


def forget_outdated(graph: Graph) -> None:
    """Takes the marks away, and says how many."""
    marks = {path for path in outdated(graph) if path.exists()}
    for mark in marks:
        mark.unlink()
    if marks:
        print(f"{graph.root}: {len(marks)} steps were done under other settings: done again", file=sys.stderr)


def outdated(graph: Graph) -> Iterator[Path]:
    """Marks of steps whose settings are no longer those that they were done with."""
    for arm, seed in ((arm, seed) for arm in graph.experiment.arms for seed in graph.experiment.seeds):
        run = graph.root / arm / f"seed-{seed}"
        if spec_of(run / "run.json") not in (None, spec_hash(run_spec(graph.experiment, arm, seed))):
            yield run / CHECKSUMS
    with suppress(BadInput, FileNotFoundError):  # of another version, or of no run yet
        yield from since(Graph(load(graph.spec), graph.results), graph)


def spec_of(record: Path) -> str | None:
    """The hash of the settings that a run was trained with; None where nobody says."""
    try:
        return json.loads(record.read_text(encoding="utf-8")).get("spec_hash")
    except (OSError, ValueError, AttributeError):
        return None


def since(before: Graph, graph: Graph) -> Iterator[Path]:
    """Marks of what is shared by all runs, and of what is made from them."""
    if before.problems_hash() != graph.problems_hash():
        yield graph.root / "problems" / CHECKSUMS
    if before.base_hash() != graph.base_hash():
        yield graph.root / "base" / "policy" / CHECKSUMS
    if before.experiment.evaluation != graph.experiment.evaluation:
        for kind in ("sampled", "scored"):
            yield from graph.root.glob(f"base/eval/*.{kind}")
            yield from graph.root.glob(f"*/seed-*/eval/*.{kind}")
    if before.hash() != graph.hash():
        yield from map(Path, graph.analysis_marks)
