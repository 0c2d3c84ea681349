"""OpenCompass: `predictions/{model}/{dataset}.json`, {"0": {origin_prompt, prediction, gold}}, and
`results/{model}/{dataset}.json` with `accuracy` in percent and maybe `details`, a row per question
in which `correct` is true or false, or a list of n of these.

With n runs the predictions hold each question n times, all of run 0 first, and nothing but its
prompt says so: questions of equal prompts are one question with n samples.
`accuracy (n runs average)` is the mean over the n runs. G-Pass@k_t needs all k answers in a share
of t right; it is kept as published.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from analysis.bring.files.reading import as_score, as_text, json_file, plain_number, safe_name
from analysis.bring.files.records import Answers, Claim, Found, Place, Sample, Tool, no_keys
from analysis.bring.tools.questions_by_text import merged_questions
from eval.files.errors import BadInput

OPENCOMPASS_CORRECT = ("correct", "is_correct", "cascade_correct")
RUNS_AVERAGE = re.compile(r"accuracy \((\d{1,6}) runs average\)")


def is_opencompass_predictions(path: Path, head: bytes) -> bool:
    return path.suffix == ".json" and b'"prediction"' in head and b'"gold"' in head


def read_opencompass_predictions(path: Path, answers: Answers) -> Found:
    found, place = Found(), Place(benchmark=safe_name(path.stem))
    names, seen = dict[str, str](), Counter[str]()
    for key, row in json_file(path).items():
        texts = row.get("prediction") if isinstance(row, dict) else None
        texts = texts if isinstance(texts, list) else [texts]
        if not texts or not all(isinstance(text, str) for text in texts):
            raise BadInput(f"{path}: {key}: holds no prediction: leave the file out")
        prompt = row.get("origin_prompt")
        name = names.setdefault(json.dumps(prompt), key) if prompt else key
        for text in texts:
            found.samples.append(
                Sample(place, name, seen[name], text, as_text(row.get("gold")), None)
            )
            seen[name] += 1
    found.findings += merged_questions(seen, path.name)
    return found


def is_opencompass_results(path: Path, head: bytes) -> bool:
    named = "results" in path.parts and path.suffix == ".json"
    return named and b'"config_general"' not in head and b'"accuracy' in head


def read_opencompass_results(path: Path, answers: Answers) -> Found:
    content, found = json_file(path), Found()
    place = Place(benchmark=safe_name(path.stem))
    for key, value in content.items():
        number = plain_number(value)
        if number is not None and key.startswith(("accuracy", "G-Pass@")):
            runs = RUNS_AVERAGE.fullmatch(key)
            metric = "pass@1" if key == "accuracy" else f"avg@{runs[1]}" if runs else key
            found.claims.append(Claim(place, metric, number / 100))
    for name, row in _details(content.get("details")):
        said = next((row[key] for key in OPENCOMPASS_CORRECT if key in row), None)
        for number, score in enumerate(said if isinstance(said, list) else [said]):
            if as_score(score) is not None:
                found.samples.append(Sample(place, name, number, None, None, as_score(score)))
    return found


def _details(details: Any) -> list[tuple[str, dict[str, Any]]]:
    """[(question, row)] of a list of rows, or of rows by their question."""
    rows = details if isinstance(details, list) else []
    pairs = details.items() if isinstance(details, dict) else enumerate(rows)
    return [(str(name), row) for name, row in pairs if isinstance(row, dict)]


OPENCOMPASS = Tool("opencompass", no_keys, is_opencompass_predictions, read_opencompass_predictions)
OPENCOMPASS_RESULTS = Tool(
    "opencompass_results", no_keys, is_opencompass_results, read_opencompass_results
)
