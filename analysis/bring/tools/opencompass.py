"""OpenCompass: `predictions/{model}/{dataset}.json`, {"0": {origin_prompt, prediction, gold}}, and
`results/{model}/{dataset}.json` with `accuracy` in percent and maybe `details`.

`accuracy (n runs average)` is a mean over n runs of the sampling and claims no single one.
"""

from pathlib import Path
from typing import Any

from analysis.bring.reading import as_score, as_text, json_file, plain_number, safe_name
from analysis.bring.records import Answers, Claim, Found, Place, Sample, Tool, no_keys
from eval.files.errors import BadInput

OPENCOMPASS_CORRECT = ("correct", "is_correct", "cascade_correct")


def is_opencompass_predictions(path: Path, head: bytes) -> bool:
    return path.suffix == ".json" and b'"prediction"' in head and b'"gold"' in head


def read_opencompass_predictions(path: Path, answers: Answers) -> Found:
    found, place = Found(), Place(benchmark=safe_name(path.stem))
    for name, row in json_file(path).items():
        texts = row.get("prediction") if isinstance(row, dict) else None
        texts = texts if isinstance(texts, list) else [texts]
        if not all(isinstance(text, str) for text in texts):
            raise BadInput(f"{path}: {name}: holds no prediction: leave the file out")
        found.samples += [
            Sample(place, name, index, text, as_text(row.get("gold")), None)
            for index, text in enumerate(texts)
        ]
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
            metric = "pass@1" if key == "accuracy" else key
            found.claims.append(Claim(place, metric, number / 100))
    for name, row in _details(content.get("details")):
        known = [as_score(row[key]) for key in OPENCOMPASS_CORRECT if key in row]
        if known:
            found.samples.append(Sample(place, name, 0, None, None, known[0]))
    return found


def _details(details: Any) -> list[tuple[str, dict[str, Any]]]:
    """[(question, row)] of a list of rows, or of rows by their question."""
    pairs = details.items() if isinstance(details, dict) else enumerate(details or [])
    return [(str(name), row) for name, row in pairs if isinstance(row, dict)]


OPENCOMPASS = Tool("opencompass", no_keys, is_opencompass_predictions, read_opencompass_predictions)
OPENCOMPASS_RESULTS = Tool(
    "opencompass_results", no_keys, is_opencompass_results, read_opencompass_results
)
