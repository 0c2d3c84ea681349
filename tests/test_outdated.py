"""A results folder of which Snakemake has no record: what its settings say counts."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from eval.files.checksums import CHECKSUMS
from experiments.spec.resolved import write_spec
from experiments.spec.schema import Experiment, load_experiment, run_spec, spec_hash
from experiments.workflow import layout as module
from experiments.workflow.layout import Graph
from experiments.workflow.made_from import MADE_FROM, leave
from experiments.workflow.outdated import forget_outdated

RUNS = {
    f"{arm}/seed-{seed}"
    for arm in load_experiment("smoke").arms
    for seed in load_experiment("smoke").seeds
}
EVALUATED = {
    f"{run}/eval/arithmetic_test.{kind}"
    for run in RUNS | {"base"}
    for kind in ("sampled", "scored")
}
PAGES = {f"tables/{CHECKSUMS}", f"figures/{CHECKSUMS}", f"report.{CHECKSUMS}"}


def graph(results: Path, **changes: Any) -> Graph:
    """The smoke experiment with some of its settings changed."""
    content = load_experiment("smoke").model_dump(mode="json")
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
    marks = {
        f"problems/{CHECKSUMS}",
        f"base/policy/{CHECKSUMS}",
        *(f"{run}/{CHECKSUMS}" for run in RUNS),
    }
    for name in marks | EVALUATED | PAGES:
        (made.root / name).parent.mkdir(parents=True, exist_ok=True)
        (made.root / name).write_text("{}")
    for run in RUNS:
        arm, _, seed = run.partition("/seed-")
        record = {"spec_hash": spec_hash(run_spec(made.experiment, arm, int(seed)))}
        (made.root / run / "run.json").write_text(json.dumps(record))
    leave(made.root / "problems", made.problems_hash())
    leave(made.root / "base" / "policy", made.base_source())
    write_spec(made.experiment, made.spec)
    return made


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({}, set()),
        ({"question": "Another?"}, PAGES),
        (
            {"arms__aer__method__eta": 0.7},
            {f"aer/seed-{seed}/{CHECKSUMS}" for seed in load_experiment("smoke").seeds} | PAGES,
        ),
        ({"evaluation__temperature": 0.5}, EVALUATED | PAGES),
        (
            {"model__steps": 3},
            {f"base/policy/{CHECKSUMS}", *(f"{run}/{CHECKSUMS}" for run in RUNS)} | PAGES,
        ),
        (
            {"task__seed": 9},
            {f"problems/{CHECKSUMS}", *(f"{run}/{CHECKSUMS}" for run in RUNS)} | PAGES,
        ),
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


def lost(done: Graph, now: Graph) -> set[str]:
    """Marks that a start of `now` takes away."""
    before = set(done.root.rglob("*"))
    forget_outdated(now)
    return {str(path.relative_to(done.root)) for path in before - set(done.root.rglob("*"))}


@pytest.mark.parametrize(
    "file",
    [
        "experiments/tasks/problem_files.py",
        "eval/questions/arithmetic.py",
        "eval/questions/contamination.py",
    ],
)
def test_the_code_that_makes_the_problems_counts(
    done: Graph,
    file: str,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checkout = tmp_path_factory.mktemp("checkout")
    for part in ("eval", "experiments", "methods"):
        shutil.copytree(module.CHECKOUT / part, checkout / part)
    monkeypatch.setattr(module, "CHECKOUT", checkout)
    assert lost(done, done) == set()
    with (checkout / file).open("a") as source:
        source.write("# edited\n")
    assert lost(done, done) == {f"problems/{CHECKSUMS}"}


@pytest.mark.parametrize("name", ["problems", "base/policy"])
def test_a_step_that_does_not_say_what_it_was_made_from_is_done_again(
    done: Graph, name: str
) -> None:
    (done.root / name / MADE_FROM).unlink()
    assert lost(done, done) == {f"{name}/{CHECKSUMS}"}


def test_what_a_job_of_older_settings_leaves_behind_is_not_taken(done: Graph) -> None:
    """Its Snakemake had died; the start with other settings had written the spec already."""
    now = graph(done.results, model__steps=3)
    forget_outdated(now)
    write_spec(now.experiment, now.spec)
    leave(done.root / "base" / "policy", done.base_source())
    (done.root / "base" / "policy" / CHECKSUMS).write_text("{}")
    assert lost(done, now) == {f"base/policy/{CHECKSUMS}"}


def test_data_counts_by_content_and_may_be_away(done: Graph, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    gsm8k = {"samples": 4, "k": [1]}
    now = graph(done.results, data_dir=str(data), evaluation__benchmarks__gsm8k=gsm8k)
    (data / "gsm8k_test.jsonl").write_text('{"answer": "1"}')
    forget_outdated(now)
    write_spec(now.experiment, now.spec)
    leave(now.root / "problems", now.problems_hash())
    (now.root / "problems" / CHECKSUMS).write_text("{}")
    (data / "gsm8k_test.jsonl").touch()
    assert lost(done, now) == set()
    data.rename(tmp_path / "away")
    assert lost(done, now) == set()
    data.mkdir()
    (data / "gsm8k_test.jsonl").write_text('{"answer": "2"}')
    assert lost(done, now) == {f"problems/{CHECKSUMS}"}


def test_weights_of_a_local_policy_count(done: Graph, tmp_path: Path) -> None:
    policy = tmp_path / "local"
    policy.mkdir()
    (policy / "model.safetensors").write_text("one")
    now = graph(done.results, model={"source": "pretrained", "name": str(policy)})
    before = now.base_hash()
    forget_outdated(now)
    write_spec(now.experiment, now.spec)
    for run in RUNS:  # done again with the local policy
        (done.root / run / CHECKSUMS).write_text("{}")
        arm, _, seed = run.partition("/seed-")
        record = {"spec_hash": spec_hash(run_spec(now.experiment, arm, int(seed)))}
        (done.root / run / "run.json").write_text(json.dumps(record))
    (policy / "model.safetensors").touch()
    assert now.base_hash() == before
    assert lost(done, now) == set()
    (policy / "model.safetensors").write_text("two")
    assert now.base_hash() != before
    assert lost(done, now) == {
        "base/eval/arithmetic_test.sampled",
        *(f"{run}/{CHECKSUMS}" for run in RUNS),
    }


@pytest.mark.parametrize("text", ["{", "[" * 100_000])
def test_a_spec_or_record_that_cannot_be_read_stops_nothing(done: Graph, text: str) -> None:
    Path(done.spec).write_text("not: [an experiment")
    (done.root / "aer" / "seed-1" / "run.json").write_text(text)
    forget_outdated(done)
    assert (done.root / "aer" / "seed-1" / CHECKSUMS).exists()
