"""evalchemy: `results_{time}.json`, {"results": {task: {"examples": [], "run_stats": []}}}.

A sample has no score, so its text is graded here; what is published is `num_solved` of `num_total`
per repetition. `do_sample: False` may stand beside a temperature of .7: the file does not say how
it sampled, and neither is taken from it.
"""

from pathlib import Path
from typing import Any

from analysis.bring.files.reading import as_text, json_file, plain_number, safe_name
from analysis.bring.files.records import (
    Answers,
    Claim,
    Finding,
    Found,
    Place,
    Sample,
    Tool,
    no_keys,
)
from eval.files.errors import BadInput


def is_evalchemy(path: Path, head: bytes) -> bool:
    named = path.name.startswith("results_") and path.suffix == ".json"
    return named and b'"results"' in head and b'"examples"' in head


def read_evalchemy(path: Path, answers: Answers) -> Found:
    content, found = json_file(path), Found()
    tasks = content.get("results")
    if not isinstance(tasks, dict):
        raise BadInput(f"{path}: lacks results: leave it out")
    for name, task in tasks.items():
        examples = task.get("examples") if isinstance(task, dict) else None
        if isinstance(examples, list):
            place = Place(benchmark=safe_name(name))
            for number, example in enumerate(examples):
                found.samples += _samples(place, example, number, f"{path}: {name}: {number}")
            found.claims += _solved(place, task.get("run_stats"))
    said = "do_sample and temperature can contradict each other in these files: neither is read"
    found.findings.append(Finding("sampling unknown", path.name, said))
    return found


def _samples(place: Place, example: Any, number: int, where: str) -> list[Sample]:
    texts = example.get("model_outputs") if isinstance(example, dict) else None
    gold = as_text(example.get("expected_answer")) if isinstance(example, dict) else None
    if not isinstance(texts, list) or gold is None:
        raise BadInput(f"{where}: lacks model_outputs or expected_answer: leave the file out")
    if not texts:
        raise BadInput(f"{where}: model_outputs is empty, so this question would not count: fix it")
    name = as_text(example.get("id")) or str(number)
    return [
        Sample(place, name, index, as_text(text), gold, None) for index, text in enumerate(texts)
    ]


def _solved(place: Place, stats: Any) -> list[Claim]:
    """The mean over the repetitions that state both numbers."""
    rates = [
        solved / total
        for row in (stats if isinstance(stats, list) else [])
        if isinstance(row, dict)
        and (total := plain_number(row.get("num_total")))
        and (solved := plain_number(row.get("num_solved"))) is not None
    ]
    return [Claim(place, "pass@1", sum(rates) / len(rates))] if rates else []


EVALCHEMY = Tool("evalchemy", no_keys, is_evalchemy, read_evalchemy)
