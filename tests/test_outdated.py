"""A results folder of which Snakemake has no record: what its settings say counts."""

import json
from pathlib import Path
from typing import Any

import pytest

from eval.checksums import CHECKSUMS
from experiments.graph import Graph
from experiments.outdated import forget_outdated
from experiments.resolve import write_spec
from experiments.schema import Experiment, load, run_spec, spec_hash

RUNS = {f"{arm}/seed-{seed}" for arm in load("smoke").arms for seed in load("smoke").seeds}
EVALUATED = {f"{run}/eval/arithmetic_test.{kind}" for run in RUNS | {"base"} for kind in ("sampled", "scored")}
PAGES = {f"tables/{CHECKSUMS}", f"figures/{CHECKSUMS}", f"report.{CHECKSUMS}"}


def graph(results: Path, **changes: Any) -> Graph:
    """The smoke experiment with some of its settings changed."""
    content = load("smoke").model_dump(mode="json")
    for path, value in changes.items():
        *parents, name = path.split("__")
        place = content
        for parent in parents:
            place = place[parent]
        place[name] = value
    return Graph(Experiment.model_validate(content), results)


@pytest.fixture
def done(tmp_path: Path) -> Graph:
    """The marks of the whole experiment, and what they are compared by."""
    made = graph(tmp_path)
    marks = {f"problems/{CHECKSUMS}", f"base/policy/{CHECKSUMS}", *(f"{run}/{CHECKSUMS}" for run in RUNS)}
    for name in marks | EVALUATED | PAGES:
        (made.root / name).parent.mkdir(parents=True, exist_ok=True)
        (made.root / name).write_text("{}")
    for run in RUNS:
        arm, _, seed = run.partition("/seed-")
        record = {"spec_hash": spec_hash(run_spec(made.experiment, arm, int(seed)))}
        (made.root / run / "run.json").write_text(json.dumps(record))
    write_spec(made.experiment, made.spec)
    return made


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({}, set()),
        ({"question": "Another?"}, PAGES),
        ({"arms__aer__method__eta": 0.7}, {f"aer/seed-{seed}/{CHECKSUMS}" for seed in load("smoke").seeds} | PAGES),
        ({"evaluation__temperature": 0.5}, EVALUATED | PAGES),
        ({"model__steps": 3}, {f"base/policy/{CHECKSUMS}", *(f"{run}/{CHECKSUMS}" for run in RUNS)} | PAGES),
        ({"task__seed": 9}, {f"problems/{CHECKSUMS}", *(f"{run}/{CHECKSUMS}" for run in RUNS)} | PAGES),
    ],
    ids=["nothing", "question", "arm", "evaluation", "model", "task"],
)
def test_what_was_done_under_other_settings_loses_its_mark(
    done: Graph, changes: dict[str, Any], gone: set[str]
) -> None:
    before = {str(path.relative_to(done.root)) for path in done.root.rglob("*") if path.is_file()}
    forget_outdated(graph(done.results, **changes))
    after = {str(path.relative_to(done.root)) for path in done.root.rglob("*") if path.is_file()}
    assert before - after == gone


def test_a_spec_or_record_that_cannot_be_read_stops_nothing(done: Graph) -> None:
    Path(done.spec).write_text("not: [an experiment")
    (done.root / "aer" / "seed-1" / "run.json").write_text("{")
    forget_outdated(done)
    assert (done.root / "aer" / "seed-1" / CHECKSUMS).exists()
