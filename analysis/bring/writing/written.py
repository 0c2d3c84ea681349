"""A brought study -> a results folder: spec.yaml, runs, counts, and what is said of them.

brought/findings.csv     what a reader must know: kind, where, what
        claims.csv       every published figure beside its recount
        differences.csv  every sample that the suite's verifier grades otherwise
        checkpoints.csv  every evaluated policy, drawn in selection.png
        change.csv       each arm against the base policy: answers changed, and by other seeds
        sources.csv      every file: tool and SHA-256
        unmapped.csv     keys without a name of the suite
        bring.yaml       the mapping
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from analysis.bring.files.records import BroughtCount, Place
from analysis.bring.mapping_file.mapping import NOT_KNOWN, BringFile
from analysis.bring.writing.brought_tables import brought_tables
from analysis.bring.writing.study import BroughtStudy
from analysis.results.folder import BASE
from eval.files.csv_text import csv_text
from eval.files.durable import write_text
from eval.files.errors import BadInput
from eval.files.results_layout import run_folder

BROUGHT = "brought"


def write_study(study: BroughtStudy, folder: Path) -> None:
    """Fills a folder that is empty."""
    spec = study_spec(study)
    write_text(folder / "spec.yaml", yaml.safe_dump(spec, sort_keys=False, allow_unicode=True))
    for run in study.runs:
        write_run_folder(study, run, folder_of(folder, run))
    for at, counts in study.reported().items():
        write_text(
            evaluation_folder(folder, at) / f"{at.benchmark}.counts.csv", counts_text(counts)
        )
    for at, measures in study.gathered.found.measures.items():
        write_json(evaluation_folder(folder, at) / f"{at.benchmark}.measures.json", measures)
    overlaps = study.gathered.found.settings.get("contamination")
    if overlaps:
        write_json(folder / "problems" / "contamination.json", overlaps)
    for name, rows in brought_tables(study).items():
        write_text(folder / BROUGHT / f"{name}.csv", csv_text(rows))
    text = yaml.safe_dump(study.mapping.model_dump(), sort_keys=False, allow_unicode=True)
    write_text(folder / BROUGHT / "bring.yaml", text)


def evaluation_folder(folder: Path, at: Place) -> Path:
    return folder_of(folder, at) / "eval"


def folder_of(folder: Path, at: Place) -> Path:
    """Folder of a run, or of the base policy."""
    if at.arm == BASE:
        return folder / BASE
    assert at.seed is not None  # places of runs without a seed are refused (missing_labels)
    return run_folder(folder, at.arm, at.seed)


def write_run_folder(study: BroughtStudy, run: Place, folder: Path) -> None:
    """train.jsonl and run.json; a run without a curve has none, which the tables say."""
    rows = study.series.get(run, {})
    if rows:
        lines = [json.dumps({"rollout": step} | row, allow_nan=False) for step, row in rows.items()]
        write_text(folder / "train.jsonl", "".join(f"{line}\n" for line in lines))
    info = study.gathered.found.runs.get(run) or {
        "experiment": study.mapping.name,
        "arm": run.arm,
        "seed": run.seed,
        "method": study.mapping.arms[run.arm].method or None,
        "status": "finished",
        "brought": True,
        "steps": max(rows, default=None),
    }
    write_json(
        folder / "run.json", {key: value for key, value in info.items() if value is not None}
    )


def study_spec(study: BroughtStudy) -> dict[str, Any]:
    """spec.yaml: the blocks of the mapping, and what the counts say of the evaluation."""
    mapping = study.mapping
    seeds = {
        arm: sorted({run.seed or 0 for run in study.runs if run.arm == arm}) for arm in study.arms
    }
    arms = {
        arm: {"method": words.method or {"name": "as brought"}, "seeds": seeds[arm]}
        | {key: value for key, value in words.model_dump().items() if key != "method"}
        for arm, words in mapping.arms.items()
    }
    blocks = {
        key: value for key, value in mapping.spec.items() if key not in ("evaluation", "arms")
    }
    evaluation = shared_settings(mapping) | mapping.spec.get("evaluation", {})
    evaluation["benchmarks"] = benchmarks(study)
    return {
        "name": mapping.name,
        "question": mapping.question,
        "reference": mapping.reference,
        **blocks,
        "arms": arms,
        "seeds": sorted({seed for own in seeds.values() for seed in own}),
        "evaluation": evaluation,
        BROUGHT: {
            "tools": sorted({file.tool for file in study.gathered.files}),
            "files": len(study.gathered.files),
            "base": mapping.base,
        },
    }


def shared_settings(mapping: BringFile) -> dict[str, Any]:
    """Settings of the sampling in which all arms are known to be equal."""
    shared: dict[str, Any] = {}
    for name in ("temperature", "top_p", "max_tokens"):
        values = {getattr(words, name) for words in mapping.arms.values()}
        if len(values) == 1 and NOT_KNOWN not in values:
            shared[name] = values.pop()
    return shared


def benchmarks(study: BroughtStudy) -> dict[str, dict[str, Any]]:
    """{set: samples, k}: those of the mapping first, in its order."""
    reported = study.reported()
    present = dict.fromkeys([*study.mapping.benchmarks, *(at.benchmark for at in reported)])
    found = {}
    for name in present:
        n = {row.n for at, rows in reported.items() if at.benchmark == name for row in rows}
        if not n:
            raise BadInput(f"benchmarks: {name}: no file holds an evaluation on it: remove it")
        found[name] = {"samples": min(n), "k": [1]} | study.mapping.benchmarks.get(name, {})
    return found


def counts_text(counts: Sequence[BroughtCount]) -> str:
    """counts.csv, further columns in their order of appearance."""
    rest = list(dict.fromkeys(key for row in counts for key in row.rest))
    rows = [
        [row.problem_id, row.n, row.correct, *(row.rest.get(key, "") for key in rest)]
        for row in counts
    ]
    return csv_text([["problem_id", "n", "correct", *rest], *rows])


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")
