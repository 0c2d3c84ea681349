"""lm-eval: `samples_{task}_{time}.jsonl` (--log_samples), one row per question and filter.

    doc_id, target, resps, filter, metrics, and a key per metric (exact_match, ...)

The rows of several filters are several gradings of the same answers: one is chosen, never their
mean. With repeats only what the filter takes is scored, so the score stands for one of the `resps`
and is no score of a sample. doc_id is a place in what was evaluated, which --limit and --samples
change, so questions are told apart by `doc_hash`; equal questions are numbered.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any

from analysis.bring.files.reading import as_score, as_text, json_lines, safe_name
from analysis.bring.files.records import Answers, Finding, Found, Place, Sample, Tool, no_keys
from eval.files.errors import BadInput

LM_EVAL_NAME = re.compile(r"samples_(.+)_\d{4}-\d\d-\d\dT.*")


def is_lm_eval_samples(path: Path, head: bytes) -> bool:
    return path.name.startswith("samples_") and b'"doc_id"' in head.split(b"\n", 1)[0]


def read_lm_eval_samples(path: Path, answers: Answers) -> Found:
    found = Found()
    rows = list(json_lines(path, found.findings))
    chosen = _chosen_filter(path, {str(row.get("filter")) for _, row in rows}, answers)
    match = LM_EVAL_NAME.fullmatch(path.stem)
    place = Place(benchmark=safe_name(match[1] if match else path.stem.removeprefix("samples_")))
    times = Counter[str]()
    for where, row in rows:
        if str(row.get("filter")) != chosen:
            continue
        name, texts = _question(row, times), _responses(row.get("resps"))
        if name is None:
            raise BadInput(f"{where}: lacks doc_id: correct or delete the line")
        if not texts:
            raise BadInput(
                f"{where}: resps has no generated text (a task with choices?): leave the file out"
            )
        score, gold = _lm_eval_score(row, answers, where), as_text(row.get("target"))
        own = score if len(texts) == 1 else None
        found.samples += [
            Sample(place, name, index, text, gold, own) for index, text in enumerate(texts)
        ]
    if any(sample.number for sample in found.samples):
        said = "several answers per question, of which the tool scored what its filter takes"
        found.findings.append(Finding("score of a filter", path.name, said))
    return found


def _question(row: dict[str, Any], times: Counter[str]) -> str | None:
    """The question's name: of its doc_hash, or its doc_id where there is none."""
    doc_hash = row.get("doc_hash")
    if not isinstance(doc_hash, str) or not doc_hash:
        return as_text(row.get("doc_id"))
    name = doc_hash[:16]
    times[name] += 1
    return name if times[name] == 1 else f"{name}-{times[name]}"


def _chosen_filter(path: Path, filters: set[str], answers: Answers) -> str:
    asked = answers.get("filter")
    if len(filters) == 1 and asked is None:
        return next(iter(filters))
    if str(asked) in filters:
        return str(asked)
    raise BadInput(
        f"{path}: has rows of several filters ({', '.join(sorted(filters))}): set"
        " filter: NAME for this file in the mapping file"
    )


def _responses(resps: Any) -> list[str]:
    """The texts of [["a", "b"]] or ["a"]; none if an entry is no text."""
    flat = resps[0] if isinstance(resps, list) and resps and isinstance(resps[0], list) else resps
    texts = flat if isinstance(flat, list) else []
    return texts if all(isinstance(each, str) for each in texts) else []


def _lm_eval_score(row: dict[str, Any], answers: Answers, where: str) -> float | None:
    metrics = row.get("metrics")
    names = [str(each) for each in metrics] if isinstance(metrics, list) else []
    asked = answers.get("metric") or (names[0] if len(names) == 1 else None)
    if asked is None:
        raise BadInput(
            f"{where}: several metrics, or none ({', '.join(names) or 'none'}): set metric:"
            " NAME for this file in the mapping file"
        )
    return as_score(row.get(str(asked)))


LM_EVAL = Tool("lm_eval", no_keys, is_lm_eval_samples, read_lm_eval_samples)
