"""A study of the suite as plain files: counts.csv, study.jsonl, and the bring.yaml that reads them.

Brought back, it gives the same tables, but for scores over training and reach. What the others rest
on goes along: counts per question, training logs, runs, measures, the spec and the overlap of
training and evaluation sets. The evaluations of policies on the way, and what the base policy does
of each skill, do not.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from analysis.bring.tools.counts_csv import PLACES
from analysis.bring.tools.suite import STUDY
from analysis.results.folder import BASE, Results, load_results
from eval.files.csv_text import csv_text, read_csv
from eval.files.durable import new_folder, write_text
from eval.files.errors import BadInput
from eval.files.json_text import object_or_none
from eval.files.jsonl import dump

COUNTS = "counts.csv"
OWN_BLOCKS = ("name", "question", "reference", "arms", "seeds", "brought")


def export_study(results_folder: Path, out: Path) -> None:
    """Writes the folder. BadInput where it is there, the study cannot be read, or its arms stopped
    at looks.
    """
    if out.exists():
        raise BadInput(f"{out}: exists already: name a new folder")
    results = load_results(results_folder)
    if results.looks:
        raise BadInput(
            f"{results_folder}: its arms stop at looks, and the export has no verdicts of looks, so"
            " bringing it back would judge the arms with other seeds and levels: copy the folder"
            " itself"
        )
    with new_folder(out) as folder:
        write_text(folder / COUNTS, csv_text(count_rows(results)))
        write_text(folder / STUDY, "".join(f"{dump(row)}\n" for row in study_rows(results)))
        mapping = yaml.safe_dump(mapping_of(results), sort_keys=False, allow_unicode=True)
        write_text(folder / "bring.yaml", mapping)


def evaluations(results: Results, suffix: str) -> Iterator[tuple[str, int, str, Path]]:
    """(arm, seed, benchmark, file), the base policy as arm `base` with seed 0."""
    for benchmark in results.benchmarks:
        for arm in (BASE, *results.arms):
            for seed, path in results.evaluation(arm, benchmark, suffix).items():
                yield arm, seed, benchmark, path


def count_rows(results: Results) -> list[list[Any]]:
    """All counts in one table; a column that one file lacks is empty there."""
    read = [
        (arm, seed, benchmark, row)
        for arm, seed, benchmark, path in evaluations(results, "counts.csv")
        for _, row in read_csv(path, ("problem_id", "n", "correct"))
    ]
    columns = list(dict.fromkeys(key for *_, row in read for key in row if key not in PLACES))
    rows = [
        [arm, seed, benchmark, *(row.get(key, "") for key in columns)]
        for arm, seed, benchmark, row in read
    ]
    return [["arm", "seed", "benchmark", *columns], *rows]


def study_rows(results: Results) -> Iterator[dict[str, Any]]:
    for run in results.runs:
        place = {"arm": run.arm, "seed": run.seed}
        if run.info:
            yield {"kind": "run", **place, "row": run.info}
        for row in run.log:
            yield {"kind": "rollout", **place, "row": row}
    for arm, seed, benchmark, path in evaluations(results, "measures.json"):
        measures = object_or_none(path) or {}
        yield {
            "kind": "measures",
            "arm": arm,
            "seed": seed,
            "benchmark": benchmark,
            "row": measures,
        }
    overlaps = object_or_none(results.folder / "problems" / "contamination.json")
    if overlaps:
        yield {"kind": "contamination", "row": overlaps}


def mapping_of(results: Results) -> dict[str, Any]:
    """The mapping with everything that the spec says."""
    spec = results.spec
    evaluation = block(spec, "evaluation")
    shared = {
        "model": str(block(spec, "model").get("source", "unknown")),
        "prompt": str(block(spec, "task").get("template", "unknown")),
        "temperature": evaluation.get("temperature", "unknown"),
        "top_p": evaluation.get("top_p", "unknown"),
        "max_tokens": evaluation.get("max_tokens", "unknown"),
    }
    return {
        "name": results.name,
        "question": str(spec.get("question") or ""),
        "reference": results.reference,
        "base": BASE,
        "count": "claimed",
        "checkpoint": "last",
        "arms": {arm: {**shared, "method": results.method(arm)} for arm in results.arms},
        "benchmarks": {name: each or {} for name, each in evaluation.get("benchmarks", {}).items()},
        "spec": {
            **{key: value for key, value in spec.items() if key not in OWN_BLOCKS},
            "evaluation": {key: each for key, each in evaluation.items() if key != "checkpoints"},
        },
        "sources": [
            {"path": COUNTS, "tool": "counts_csv"},
            {"path": STUDY, "tool": "suite"},
        ],
    }


def block(spec: dict[str, Any], name: str) -> dict[str, Any]:
    """A block of the spec; empty if it is something else, as a spec of other tools may have."""
    found = spec.get(name)
    return found if isinstance(found, dict) else {}
