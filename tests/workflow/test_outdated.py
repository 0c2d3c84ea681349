"""What a start does again: the steps that were made from something else, and only those.

Marks are as the steps write them. Which steps a change concerns is written down here by hand.
"""

import json
import shutil
from collections.abc import Callable
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from eval.files import code_digest as code
from eval.files.marks import CHECKSUMS, known_parts, made_from, write_mark
from experiments.spec.experiment_file import load_experiment
from experiments.spec.resolved import write_spec
from experiments.spec.schema import Experiment
from experiments.workflow.layout import StudyLayout
from experiments.workflow.outdated import forget_outdated
from experiments.workflow.steps import steps
from tests.support.copied_code import answer_of, copy_code

SMOKE = load_experiment("smoke")
SETS = ("arithmetic_test", "train")
PROBLEMS, BASE = {f"problems/{CHECKSUMS}"}, {f"base/policy/{CHECKSUMS}"}
RUNS = {f"{arm}/seed-{seed}/{CHECKSUMS}" for arm in SMOKE.arms for seed in SMOKE.seeds}
AER = {run for run in RUNS if run.startswith("aer/")}


def evaluated(kind: str, *folders: str) -> set[str]:
    """Marks of all evaluations of a kind, or of those below the folders."""
    runs = {f"{Path(run).parent}/eval/arithmetic_test.{kind}" for run in RUNS}
    base = {f"base/eval/{name}.{kind}" for name in SETS}
    return {mark for mark in runs | base if not folders or mark.startswith(folders)}


SAMPLED, SCORED = evaluated("sampled"), evaluated("scored")
TABLES, FIGURES = {f"tables/{CHECKSUMS}"}, {f"figures/{CHECKSUMS}"}
REPORT = {f"report.{CHECKSUMS}"}
PAGES = TABLES | FIGURES | REPORT


def study_layout(results: Path, **changes: Any) -> StudyLayout:
    """The smoke experiment with some of its settings changed."""
    content = SMOKE.model_dump(mode="json")
    for path, value in changes.items():
        *parents, name = path.split("__")
        place = content
        for parent in parents:
            place = place[parent]
        place[name] = value
    return StudyLayout(Experiment.model_validate(content), results)


def finish_all(made: StudyLayout) -> None:
    """Leaves every mark of a study, each written after those that its step reads, as jobs do."""
    write_spec(made.experiment, made.spec)
    for number, step in enumerate(steps(made)):
        step.mark.parent.mkdir(parents=True, exist_ok=True)
        # A step's files, by which a later one knows it.
        for file in outputs(step.mark):
            file.write_text(file.name)
        # Again: the parts are known once the marks before this one are there.
        parts = next(islice(steps(made), number, None)).parts
        write_mark(step.mark, outputs(step.mark), known_parts(parts))


def outputs(mark: Path) -> list[Path]:
    name = mark.name.partition(".")[0]
    if mark.suffix == ".sampled":
        return [mark.with_name(f"{name}.samples.jsonl")]
    if mark.parent.name == "problems":
        return [mark.with_name(f"{each}.jsonl") for each in SETS]
    return []


@pytest.fixture
def done(tmp_path: Path) -> StudyLayout:
    made = study_layout(tmp_path / "results")
    finish_all(made)
    return made


def lost(done: StudyLayout, now: StudyLayout) -> set[str]:
    """Marks that a start of `now` takes away."""
    before = set(done.root.rglob("*"))
    forget_outdated(now)
    return {str(path.relative_to(done.root)) for path in before - set(done.root.rglob("*"))}


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({}, set()),
        ({"question": "Another?"}, PAGES),
        ({"arms__aer__method__eta": 0.7}, AER | PAGES),
        ({"evaluation__temperature": 0.5}, SAMPLED | PAGES),
        ({"evaluation__benchmarks__arithmetic_test__k": [1]}, SCORED | PAGES),
        ({"model__steps": 3}, BASE | RUNS | PAGES),
        ({"task__seed": 9}, PROBLEMS | RUNS | PAGES),
        ({"task__template": "plain"}, PROBLEMS | SAMPLED | RUNS | PAGES),
    ],
    ids=["nothing", "question", "arm", "sampling", "k", "model", "task", "template"],
)
def test_what_was_made_under_other_settings_loses_its_mark(
    done: StudyLayout, changes: dict[str, Any], gone: set[str]
) -> None:
    """And nothing else: Snakemake makes again what comes after it."""
    assert lost(done, study_layout(done.results, **changes)) == gone


def test_a_step_of_a_version_without_record_is_made_again_and_said(
    done: StudyLayout, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in RUNS:
        mark = done.root / name
        mark.write_text(json.dumps(json.loads(mark.read_text())["files"]))
    assert lost(done, done) == RUNS | PAGES
    told = capsys.readouterr().err.splitlines()[0]
    assert told == (
        f"{done.root}: 6 steps were made by a version that kept no record of what they were made"
        " from: they will run again"
    )


def test_a_step_whose_input_is_not_there_yet_keeps_its_mark(done: StudyLayout) -> None:
    """Snakemake makes the problems; the runs are compared with them by their own jobs."""
    (done.root / "problems" / CHECKSUMS).unlink()
    assert lost(done, done) == PAGES


def test_other_prompts_than_those_trained_on_are_seen(done: StudyLayout) -> None:
    folder = done.root / "problems"
    (folder / "train.jsonl").write_text("other prompts")
    parts = made_from(folder / CHECKSUMS)
    write_mark(folder / CHECKSUMS, outputs(folder / CHECKSUMS), parts)
    assert (
        lost(done, done)
        == RUNS
        | evaluated("sampled", "base/eval/train")
        | evaluated("scored", "base/eval/train")
        | PAGES
    )


def test_other_samples_than_those_judged_are_seen(done: StudyLayout) -> None:
    mark = done.root / "base" / "eval" / "arithmetic_test.sampled"
    (mark.parent / "arithmetic_test.samples.jsonl").write_text("other samples")
    write_mark(mark, outputs(mark), made_from(mark))
    assert lost(done, done) == {"base/eval/arithmetic_test.scored"}


def test_pages_without_some_of_the_runs_are_made_again(tmp_path: Path) -> None:
    """After a failure they are made from the runs that did finish, and keep their marks."""
    done = study_layout(tmp_path / "results")
    finish_all(done)
    for name in AER:
        (done.root / name).unlink()
    for step in steps(done):
        if str(step.mark.relative_to(done.root)) in PAGES:
            write_mark(step.mark, [], known_parts(step.parts))
    assert lost(done, done) == set()
    for step in steps(done):
        if str(step.mark.relative_to(done.root)) in AER:
            write_mark(step.mark, [], known_parts(step.parts))
    assert lost(done, done) == PAGES


def test_a_results_folder_can_be_moved_and_copied(done: StudyLayout, tmp_path: Path) -> None:
    shutil.copytree(done.results, tmp_path / "elsewhere")
    moved = study_layout(tmp_path / "elsewhere")
    assert lost(moved, moved) == set()


def test_policies_on_the_way_that_were_not_kept_are_trained_for(tmp_path: Path) -> None:
    """One that was kept and is no longer asked for is no reason to train again."""
    both = study_layout(tmp_path / "results", evaluation__checkpoints=[1, 2])
    finish_all(both)
    marks = [str(step.mark.relative_to(both.root)) for step in steps(both)]
    assert len([mark for mark in marks if "on_the_way" in mark]) == 6 * 2 * 2
    assert lost(both, both) == set()
    assert lost(both, study_layout(both.results, evaluation__checkpoints=[2])) == PAGES
    finish_all(both)
    for step in steps(both):
        if str(step.mark.relative_to(both.root)) in AER:
            parts = {name: d for name, d in step.parts.items() if not name.startswith("policy")}
            write_mark(step.mark, [], known_parts(parts))
    assert lost(both, both) == AER | PAGES


# ---- code


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code, which is edited."""
    return copy_code(tmp_path_factory.mktemp("checkout"))


CONCERNED = """
import json, sys
from pathlib import Path
from experiments.spec.experiment_file import load_experiment
from experiments.workflow.layout import StudyLayout
from experiments.workflow.steps import steps

study = StudyLayout(load_experiment("smoke"), Path("results"))
today = lambda: {str(step.mark.relative_to(study.root)): step.parts["code"] for step in steps(study)}
before, answers = today(), []
for edit in json.load(sys.stdin):
    kept = {file: Path(file).read_bytes() for file in edit}
    for file, text in edit.items():
        Path(file).write_text(text, encoding="utf-8")
    after = today()
    for file, content in kept.items():
        Path(file).write_bytes(content)
    answers.append([mark for mark in before if before[mark] != after[mark]])
print(json.dumps(answers))
"""


def concerned_by(checkout: Path, *edits: dict[str, str]) -> list[set[str]]:
    """For each edit (file → its new text) the marks of the steps whose digest of code changes."""
    return [set(marks) for marks in answer_of(checkout, CONCERNED, edits)]


ENTRIES: dict[tuple[str, ...], set[str]] = {
    ("experiments.tasks", "experiments.families.arithmetic"): PROBLEMS,
    ("experiments.policies.tiny", "experiments.families.arithmetic"): BASE,
    ("eval.sample",): SAMPLED,
    ("eval.score",): SCORED,
    ("experiments.train", "methods.aer"): AER,
    ("experiments.train", "methods.no_entropy"): {run for run in RUNS if run.startswith("none/")},
    ("experiments.train", "methods.clip_higher"): {
        run for run in RUNS if run.startswith("clip_higher/")
    },
    ("analysis.tables",): TABLES,
    ("analysis.figures",): FIGURES,
    ("analysis.report",): REPORT,
}


@cache
def closure(entries: tuple[str, ...]) -> set[str]:
    return code.closure(*entries, without={"eval.sampling.engine_vllm"})  # the other engine


def concerned(module: str) -> set[str]:
    """Marks of the steps whose closure has the module."""
    return {
        mark for entries, marks in ENTRIES.items() if module in closure(entries) for mark in marks
    }


def every_module() -> list[str]:
    files = [path for package in code.PACKAGES for path in (code.CHECKOUT / package).rglob("*.py")]
    names = [".".join(path.relative_to(code.CHECKOUT).with_suffix("").parts) for path in files]
    return [name.removesuffix(".__main__") for name in names if not name.endswith("__init__")]


def test_an_edit_of_any_module_concerns_the_steps_that_run_it_and_no_others(checkout: Path) -> None:
    modules = {module: code.module_file(module) for module in every_module()}
    files = {module: file for module, file in modules.items() if file.exists()}
    assert len(files) > 300
    edits = []
    for file in files.values():
        text = file.read_text(encoding="utf-8")
        edits.append({str(file.relative_to(code.CHECKOUT)): f"{text}\nEDITED = True\n"})
    found = concerned_by(checkout, *edits)
    for module, marks in zip(files, found, strict=True):
        assert marks == concerned(module), module
    assert set().union(*found) == RUNS | SAMPLED | SCORED | PAGES | PROBLEMS | BASE


@pytest.mark.parametrize(
    ("module", "marks"),
    [
        ("experiments.training.update.micro_batches", RUNS),
        ("experiments.training.rollout.generation", RUNS),
        ("experiments.training.rollout.data_order", RUNS),
        ("experiments.training.update.gradient_share", RUNS),
        ("experiments.policies.load_save", RUNS),
        ("experiments.train", RUNS),
        ("methods.common.objective", RUNS),
        ("methods.common.tokens", set()),  # no arm here selects tokens
        ("methods.aer", AER),
        ("eval.scoring.measures", SCORED),
        ("eval.scoring.pass_at_k", SCORED | PAGES),
        ("eval.score", SCORED),
        ("eval.sampling.engine_transformers", SAMPLED),
        ("eval.sampling.engine_vllm", set()),
        ("eval.verify.workers.worker", RUNS | SCORED | BASE),
        ("experiments.families.arithmetic", PROBLEMS | BASE),
        ("experiments.families.family", PROBLEMS | BASE),
        ("experiments.families.skills", set()),  # another family
        ("analysis.tables.scores", PAGES),
        ("analysis.report.html_page", REPORT),
        ("experiments.workflow.outdated", set()),
        ("experiments.spec.schema", set()),
        ("eval.files.errors", set()),
    ],
)
def test_what_an_edit_concerns_is_what_a_person_expects(module: str, marks: set[str]) -> None:
    """Written by hand, so that a closure that is too large or too small is seen."""
    assert concerned(module) == marks


def test_a_template_of_the_report_concerns_the_report(checkout: Path) -> None:
    page = "analysis/report/report.html"
    text = (checkout / page).read_text(encoding="utf-8")
    assert concerned_by(checkout, {page: f"{text}<!-- edited -->"}) == [REPORT]


def test_prose_and_formatting_concern_nothing(checkout: Path) -> None:
    """In every module at once: a comment, another docstring, other line breaks."""
    edits = {}
    for file in (path for package in code.PACKAGES for path in (checkout / package).rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        text = text.replace('"""', '"""Edited: ', 1) if text.startswith('"""') else text
        text = text.replace("(\n", "(  # edited\n\n").replace("\ndef ", "\n\n\n# edited\ndef ")
        edits[str(file.relative_to(checkout))] = text
    assert concerned_by(checkout, edits) == [set()]


def test_modules_without_effect_are_there_and_have_a_reason() -> None:
    for name, reason in code.NO_EFFECT.items():
        assert code.module_file(name).exists(), name
        assert len(reason) > 5


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("0.5", "0.25", 1),
        lambda text: text.replace("max(", "min(", 1),
        lambda text: text.replace("<=", "<", 1),
    ],
)
def test_a_changed_number_or_operator_is_another_meaning(
    edit: Callable[[str], str], tmp_path: Path
) -> None:
    text = 'def f(x):\n    """Says 0.5."""\n    return max(0.5, x) <= 1  # 0.5\n'
    (tmp_path / "a.py").write_text(text)
    (tmp_path / "b.py").write_text(text.replace("# 0.5", "# half").replace("Says 0.5", "Half"))
    edited = text.replace("Says 0.5.", "")
    (tmp_path / "c.py").write_text(edit(edited))
    assert code.meaning(tmp_path / "a.py") == code.meaning(tmp_path / "b.py")
    assert code.meaning(tmp_path / "a.py") != code.meaning(tmp_path / "c.py")


# ---- files of other places


def test_data_count_by_content_and_may_be_away(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "gsm8k_test.jsonl").write_text('{"answer": "1"}')
    gsm8k = {"samples": 4, "k": [1]}
    now = study_layout(
        tmp_path / "results", data_dir=str(data), evaluation__benchmarks__gsm8k=gsm8k
    )
    finish_all(now)
    assert lost(now, now) == set()
    (data / "gsm8k_test.jsonl").touch()
    assert lost(now, now) == set()
    data.rename(tmp_path / "away")
    assert lost(now, now) == set()
    data.mkdir()
    (data / "gsm8k_test.jsonl").write_text('{"answer": "2"}')
    assert lost(now, now) == PROBLEMS


def test_weights_of_a_local_policy_count(tmp_path: Path) -> None:
    policy = tmp_path / "local"
    policy.mkdir()
    (policy / "model.safetensors").write_text("one")
    now = study_layout(tmp_path / "results", model={"source": "pretrained", "name": str(policy)})
    finish_all(now)
    (policy / "model.safetensors").touch()
    assert lost(now, now) == set()
    (policy / "model.safetensors").write_text("two")
    assert lost(now, now) == RUNS | evaluated("sampled", "base/")
