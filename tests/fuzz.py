"""Fuzzing of everything that reads text from outside: a table of target, inputs and outcome on
stdout.

    python -m tests.fuzz [--inputs 10000] [--seed 0] [--only TARGET ...]        also: make fuzz

An input passes where the target reads it or refuses it with BadInput, within LIMIT_S seconds and
MEMORY_GB of address space, and where what comes out holds the target's rule (no formula, no tag, no
path out of the folder, …). The first input of a target that does not is shrunk and printed, and the
exit code is 1. Equal seeds give equal inputs.
"""

import argparse
import csv
import io
import json
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from analysis.bring.findings.curves import run_series
from analysis.bring.gather import gather_sources
from analysis.bring.mapping_file.mapping import BringFile, read_mapping
from analysis.bring.writing.study import make_study
from analysis.bring.writing.written import write_study
from analysis.figures import command as figures
from analysis.figures import style
from analysis.report import command as report
from analysis.results.counts import read_run_counts
from analysis.results.folder import load_results as load_results
from analysis.sweep import command as sweep
from analysis.sweep.study_files import read_sweep as read_study
from analysis.tables import cells, render
from analysis.tables import layouts as tables
from eval.files.csv_text import GUARDED, csv_text
from eval.files.errors import BadInput
from eval.files.jsonl import dump, read_rows
from eval.files.marks import CHECKSUMS, damage, listed_files, write_mark
from eval.files.yaml_file import read_yaml
from eval.questions import hub
from eval.questions.problems import read_problems, write_problems
from eval.score import read_samples
from eval.verify.comparing.compare import compare
from eval.verify.kinds.text_answers import is_words, same_words
from eval.verify.outcome import NeedsAlgebra
from eval.verify.spelling import normal_form, normalise
from eval.verify.spelling.extract import extract
from eval.verify.verifier import Verifier
from experiments.run.fault_dump import INPUTS, read_batches, read_fault
from experiments.spec.experiment_file import load_experiment as load_experiment
from experiments.spec.resolved import resolved_yaml
from experiments.sweep.sweep_file import TuningStudy, load_study
from experiments.tasks.strata import read_pass_rates
from experiments.tracking.metrics import metric_name, row_points
from tests.support.foreign_files import FILES_BY_TOOL, ForeignFile
from tests.support.hostile import COMPLETIONS, LATEX, TEXT, bitten, json_bytes, mutated, yaml_bytes
from tests.support.synthetic import log, make
from tests.sweep import synthetic_sweep
from tests.sweep.test_sweep_study import SMOKE as SMOKE_STUDY
from tests.training.test_numerics import a_dump

LIMIT_S = 20.0  # processor time of one input
MEMORY_GB = 6
ROOT = Path(__file__).parents[1]
PLACE = Path(tempfile.mkdtemp(prefix="fuzz-"))
PROBLEM = {"id": "a-1", "text": "What is $1+1$?", "answer": "2", "level": "3", "subject": "algebra"}
SAMPLE = {
    "problem_id": "a-1",
    "index": 0,
    "text": r"\boxed{2}",
    "tokens": 3,
    "finish_reason": "stop",
    "seed": 2**52,
    "arm": "a",
}
HEADING = ["problem_id", "level", "n", "correct", "truncated", "tokens"]
COUNTS = csv_text([HEADING, ["a-1", "3", 4, 2, 0, 9], ["=1", "", 4, 0, 1, 9]]).encode()


@dataclass(frozen=True)
class Target:
    """What is fuzzed, with what, by which rule, and how many inputs for each ten thousand of a
    cheap one.
    """

    name: str
    inputs: st.SearchStrategy[Any]
    check: Callable[[Any], None]
    share: int = 10_000


def file(data: bytes, name: str) -> Path:
    path = PLACE / name
    path.write_bytes(data)
    return path


def extractor(text: str) -> None:
    answer = extract(text)
    assert answer is None or (answer and answer == answer.strip() and answer in text)
    cleaned = normalise.clean(answer or text)
    assert isinstance(normal_form.normal(cleaned), str)
    assert (normal_form.integer(cleaned) or "0").lstrip("-").isdecimal()
    normal_form.is_parsable(cleaned)
    if is_words(cleaned):
        assert same_words(cleaned, cleaned)
    with suppress(NeedsAlgebra):
        compare(cleaned, cleaned)


def last_box(text: str) -> None:
    found = hub.last_boxed(text)
    assert found == found.strip()
    assert found in text


def verifier(pairs: list[tuple[str, str]]) -> None:
    found = VERIFIER.verify(
        [rf"so \boxed{{{answer}}}" for _, answer in pairs], [gold for gold, _ in pairs]
    )
    assert all(each.status in ("ok", "unparsed", "timeout", "error") for each in found)
    assert all(each.status == "ok" and each.answer for each in found if each.correct)


def rows(data: bytes) -> None:
    for row in read_rows(file(data, "x.jsonl"), torn_ok=True):
        assert json.loads(dump(row)) == row


def problems(data: bytes) -> None:
    found = read_problems(file(data, "x.jsonl"))
    assert all(each.text.strip() and each.answer.strip() and each.id.strip() for each in found)
    write_problems(PLACE / "y.jsonl", found)
    assert read_problems(PLACE / "y.jsonl") == found


def samples(data: bytes) -> None:
    (PLACE / "known.jsonl").write_bytes(json_bytes(PROBLEM) + b"\n")
    read_samples(file(data, "x.samples.jsonl"), read_problems(PLACE / "known.jsonl"))


def counts(data: bytes) -> None:
    path = file(data, "x.counts.csv")
    with suppress(BadInput):
        assert all(0 <= rate <= 1 for rate in read_pass_rates(path).values())
    assert all(0 <= right <= n for n, right in read_run_counts(path).values())


def schema(data: bytes) -> None:
    found = load_experiment(file(data, "x.yaml"))
    names = [found.name, *found.arms, *found.evaluation.benchmarks]
    assert all(name.isidentifier() and name.isascii() for name in names)
    text = resolved_yaml(found)
    assert load_experiment(file(text.encode(), "y.yaml")) == found


def study_schema(data: bytes) -> None:
    study, _ = load_study(file(data, "x.yaml"))
    assert all(
        0 < len(search.grid()) <= study.trials
        for search in study.searches.values()
        if search.grid_points
    )
    assert TuningStudy.model_validate(study.model_dump(mode="json")) == study


def mark(data: bytes) -> None:
    path = PLACE / "marked" / CHECKSUMS
    path.write_bytes(data)
    wrong = damage(path)
    if wrong:
        raise BadInput(str(wrong))
    assert set(listed_files(path)) <= {MARKED}


def fault_dump(files: dict[str, bytes]) -> None:
    root = changed(DUMP, files)
    fault = read_fault(root)
    assert all(set(INPUTS) <= set(batch) for batch in read_batches(root, fault.processes))


def yaml_reader(data: bytes) -> None:
    json.dumps(read_yaml(file(data, "x.yaml")), allow_nan=False).encode("ascii")


class Tags(HTMLParser):
    """Fails at a tag or attribute that no form of ours has."""

    ALLOWED = (
        "figure",
        "figcaption",
        "div",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "ul",
        "li",
        "strong",
        "span",
    )

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.ALLOWED, tag
        assert {name for name, _ in attrs} <= {"class", "id", "scope", "data-sort"}


def forms(texts: list[str]) -> None:
    frame = pd.DataFrame({"name": texts, "score": [0.5] * len(texts)})
    columns = (tables.text_column("name", "name"), cells.Column("score", "score", cells.points))
    table = cells.Table("t", texts[0], frame, columns, tuple(texts))
    shown = {form: make_form(table) for form, make_form in render.TABLE_FORMS.items()}
    read = list(csv.reader(io.StringIO(shown["csv"], newline=""), strict=True))
    assert len(read) == len(texts) + 1
    assert not any(cell.startswith(GUARDED[:-1]) for row in read for cell in row)
    Tags().feed(shown["html"])
    assert not set("<>") & set(shown["md"].replace("&lt;", "").replace("&gt;", ""))
    tex = render.escape_tex(texts[0])
    for known in sorted(set(render.TEX_ESCAPES.values()), key=len, reverse=True):
        tex = tex.replace(known, "")
    assert not set(tex) & set("\\&%$#_{}~^")
    assert all(
        character.isprintable() or character == "\n"
        for form in ("md", "tex")
        for character in shown[form]
    )


def changed(whole: Path, files: dict[str, bytes]) -> Path:
    """A copy of a folder in which some files are not what they were."""
    root = PLACE / "changed" / whole.name
    shutil.rmtree(root.parent, ignore_errors=True)
    shutil.copytree(whole, root)
    for name, data in files.items():
        (root / name).write_bytes(data)
    return root


def folder(files: dict[str, bytes]) -> None:
    """Tables and page of a results folder."""
    results = load_results(changed(WHOLE, files))
    for name in tables.LAYOUTS:
        for form in render.TABLE_FORMS.values():
            form(tables.build_table(name, results)).encode("utf-8", "backslashreplace")
    safe(report.report_page(results))


def drawn(files: dict[str, bytes]) -> None:
    """Figures of a results folder."""
    results = load_results(changed(WHOLE, files))
    for name in figures.FIGURES:
        figures.save_figure(name, results)
    unharmed(results.folder)


def swept(files: dict[str, bytes]) -> None:
    """Tables, figures and page of a sweep's folder."""
    root = changed(SWEEP, files)
    sweep.write_sweep_report(read_study(root))
    safe((root / "report.html").read_text("utf-8"))
    unharmed(root)


def safe(page: str) -> None:
    assert page.count("<script>") == 1
    assert "<img src=x" not in page


def unharmed(root: Path) -> None:
    """No formula in what was written for a spreadsheet, and nothing beside the folder."""
    for path in root.glob("figures/*.csv"):
        read = csv.reader(io.StringIO(path.read_text("utf-8"), newline=""), strict=True)
        assert not any(
            cell.startswith(GUARDED[:-1]) and not is_number(cell) for row in read for cell in row
        ), path.name
    assert [each.name for each in root.parent.iterdir()] == [root.name]


def brought(tool: str) -> Callable[[bytes], None]:
    """Reads a file of that tool, and keeps its rules: names are no paths, numbers are finite."""
    known = FILES_BY_TOOL[tool]
    answers = {"arm": "a", "seed": 1} if tool not in ("counts_csv", "scores_csv", "suite") else {}
    entry = {"path": "*", "tool": tool, **answers, **known.answers}
    mapping = BringFile.model_validate({"name": "x", "base": None, "sources": [entry]})

    def check(data: bytes) -> None:
        found = gather_sources(mapping, {known.name: file(data, known.name)}, []).found
        for place in found.places():
            assert not set(f"{place.arm}{place.benchmark}") & set("/\\\0")
            assert not place.arm.startswith(".")
        series, _ = run_series(found)
        json.dumps([list(rows.values()) for rows in series.values()], allow_nan=False)

    return check


def brought_whole(data: bytes) -> None:
    """The results folder that comes of counts, and its tables and page."""
    text = "name: x\nreference: a\nbase: null\ncheckpoint: last\ncount: claimed\narms:\n  a: {model: m,"
    text += " prompt: p, temperature: 1.0}\nsources:\n- {path: '*', tool: counts_csv}\n"
    mapping = read_mapping(file(text.encode(), "bring.yaml"))
    study = make_study(gather_sources(mapping, {"c.csv": file(data, "c.csv")}, []), mapping)
    root = PLACE / "brought" / "x"
    shutil.rmtree(root.parent, ignore_errors=True)
    write_study(study, root)
    results = load_results(root)
    for name in tables.LAYOUTS:
        tables.build_table(name, results)
    safe(report.report_page(results))
    assert [each.name for each in root.parent.iterdir()] == [root.name]


def foreign(known: ForeignFile) -> st.SearchStrategy[bytes]:
    """Its bytes bitten; of JSON, a row of it changed, too."""
    if isinstance(known.content, bytes):
        return bitten(known.content)
    row = known.content[0] if isinstance(known.content, list) else known.content
    return lines(row) | bitten(known.data())


def is_number(cell: str) -> bool:
    with suppress(ValueError):
        float(cell)
        return True
    return False


def tracking(rows_found: list[dict[str, Any]]) -> None:
    points = [point for row in row_points(PLACE / "train.jsonl", rows_found, 1e9) for point in row]
    assert all(len(point.name) <= 250 and ".." not in point.name.split("/") for point in points)


def metric_names(text: str) -> None:
    from mlflow.utils.validation import _validate_metric_name

    _validate_metric_name(f"levels/{metric_name(text)}/entropy")


def mapping_file(data: bytes) -> None:
    read_mapping(file(data, "bring.yaml"))


def smoke() -> dict[str, Any]:
    return read_yaml(ROOT / "experiments" / "smoke.yaml")


def either(real: Any, write: Callable[[Any], bytes]) -> st.SearchStrategy[bytes]:
    """A real value changed and written, or written and bitten."""
    return mutated(real).map(write) | bitten(write(real))


def lines(row: dict[str, Any]) -> st.SearchStrategy[bytes]:
    return (
        st.lists(either(row, json_bytes), min_size=1, max_size=3)
        .map(b"\n".join)
        .map(lambda data: data + b"\n")
    )


MAPPING = read_yaml(ROOT / "tests" / "analysis" / "foreign" / "xling.yaml")
WHOLE = make(PLACE / "whole", seeds=(0,), rollouts=3, questions=4)
VERIFIER = Verifier(workers=2, limit_s=2)
FILES = st.fixed_dictionaries(
    {},
    optional={
        "spec.yaml": either(read_yaml(WHOLE / "spec.yaml"), yaml_bytes),
        "aer/seed-0/run.json": either(
            json.loads((WHOLE / "aer/seed-0/run.json").read_text()), json_bytes
        ),
        "aer/seed-0/train.jsonl": lines(log("aer", 0, 3)[0]),
        "aer/seed-0/eval/arithmetic_test.counts.csv": bitten(
            (WHOLE / "aer/seed-0/eval/arithmetic_test.counts.csv").read_bytes()
        ),
        "aer/seed-0/eval/arithmetic_test.measures.json": either(
            {"maj_at_k": {"8": 0.5}}, json_bytes
        ),
        "problems/contamination.json": either(
            json.loads((WHOLE / "problems/contamination.json").read_text()), json_bytes
        ),
    },
)
SWEEP = synthetic_sweep.make(PLACE / "sweep" / "target_ratio")
STUDY_FILES = st.fixed_dictionaries(
    {},
    optional={
        "study.yaml": either(read_yaml(SWEEP / "study.yaml"), yaml_bytes),
        "trials.csv": bitten((SWEEP / "trials.csv").read_bytes()),
        "importance.csv": bitten((SWEEP / "importance.csv").read_bytes()),
    },
)
MARKED = PLACE / "marked" / "a.txt"
MARKED.parent.mkdir()
MARKED.write_text("a")
write_mark(MARKED.with_name(CHECKSUMS), [MARKED])
DUMP = a_dump(PLACE / "fault")
DUMP_FILES = st.fixed_dictionaries(
    {},
    optional={
        "fault.json": either(json.loads((DUMP / "fault.json").read_text()), json_bytes),
        "batch-0.safetensors": bitten((DUMP / "batch-0.safetensors").read_bytes()),
    },
)
TARGETS = [
    Target("answer extractor", COMPLETIONS | TEXT, extractor),
    Target("last box of a solution", COMPLETIONS | TEXT, last_box),
    Target(
        "verifier, 20 pairs an input",
        st.lists(st.tuples(LATEX, LATEX), min_size=20, max_size=20),
        verifier,
        150,
    ),
    Target("JSON lines", lines(SAMPLE), rows),
    Target("problems", lines(PROBLEM), problems),
    Target("samples", lines(SAMPLE), samples),
    Target("counts", bitten(COUNTS), counts),
    Target("YAML reader", either(smoke(), yaml_bytes), yaml_reader, 2_000),
    Target("experiment schema", either(smoke(), yaml_bytes), schema, 2_000),
    Target("study schema", either(SMOKE_STUDY, yaml_bytes), study_schema, 1_000),
    Target(
        "mark of a step",
        either(json.loads(MARKED.with_name(CHECKSUMS).read_text()), json_bytes),
        mark,
    ),
    Target("dump of a fault", DUMP_FILES, fault_dump, 5_000),
    Target(
        "tables in four forms",
        st.lists(TEXT.map(render.writable), min_size=1, max_size=3),
        forms,
        5_000,
    ),
    Target("results folder: tables and page", FILES, folder, 150),
    Target("results folder: figures", FILES, drawn, 30),
    Target("sweep's folder: tables, figures and page", STUDY_FILES, swept, 100),
    Target(
        "MLflow points",
        st.lists(
            mutated(log("aer", 0, 3)[0]).filter(lambda row: isinstance(row, dict)), max_size=2
        ),
        tracking,
        5_000,
    ),
    Target("mapping of brought results", either(MAPPING, yaml_bytes), mapping_file, 2_000),
    Target(
        "results folder of counts", bitten(FILES_BY_TOOL["counts_csv"].data()), brought_whole, 150
    ),
    *(
        Target(f"file of {tool}", foreign(known), brought(tool), 2_000)
        for tool, known in FILES_BY_TOOL.items()
    ),
    Target("MLflow names", TEXT, metric_names, 5_000),
]


def overslept(*_: object) -> None:
    raise TimeoutError(f"more than {LIMIT_S} s of processor time")


def fuzz(target: Target, inputs: int, start: int) -> tuple[int, int, str]:
    """(inputs tried, of which refused, "" or what broke)."""
    tried = refused = 0

    @seed(start)
    @settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),  # pyright: ignore[reportArgumentType]
    )
    @given(target.inputs)
    def attempt(value: Any) -> None:
        nonlocal tried, refused
        tried += 1
        signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT_S)
        try:
            target.check(value)
        except BadInput as error:
            refused += 1
            str(error).encode("utf-8", "backslashreplace")
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    try:
        attempt()
    except Exception as found:
        error = found.exceptions[0] if isinstance(found, ExceptionGroup) else found
        notes = " ".join("".join(getattr(error, "__notes__", [])).split())
        return tried, refused, f"{type(error).__name__}: {str(error)[:200]} {notes[:500]!a}"
    return tried, refused, ""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument(
        "--inputs",
        type=int,
        default=10_000,
        help="of a cheap target; dear ones get a share of them",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[], help="targets whose name begins so")
    arguments = parser.parse_args()
    style.use_style()
    resource.setrlimit(
        resource.RLIMIT_AS, (MEMORY_GB * 2**30, resource.getrlimit(resource.RLIMIT_AS)[1])
    )
    signal.signal(signal.SIGVTALRM, overslept)
    print(
        "| target | inputs | refused | seconds | outcome |\n|---|---:|---:|---:|---|  <!-- seed"
        f" {arguments.seed} -->"
    )
    failed = False
    for target in TARGETS:
        if arguments.only and not any(target.name.startswith(name) for name in arguments.only):
            continue
        began = time.monotonic()
        tried, refused, broken = fuzz(
            target, max(1, arguments.inputs * target.share // 10_000), arguments.seed
        )
        failed |= bool(broken)
        took = time.monotonic() - began
        print(
            f"| {target.name} | {tried:,} | {refused:,} | {took:.0f} | {broken or 'holds'} |",
            flush=True,
        )
    VERIFIER.close()
    shutil.rmtree(PLACE)
    sys.exit(failed)


if __name__ == "__main__":
    main()
