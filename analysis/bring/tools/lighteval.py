"""lighteval: `results_{time}.json` holds means, `details_{task}_{time}.parquet` a row per question.

`results["custom|aime24|0"].extractive_match` is a mean over the questions of one task;
`results.all` and names with `:_average` are means over tasks and therefore no tasks. A mean says
how many questions were right (rounded) and not which. The number of samples per question is not in
the results: a mean that is no whole number of questions is named.
"""

from pathlib import Path
from typing import Any

from analysis.bring.files.parquet import parquet_rows
from analysis.bring.files.reading import (
    as_score,
    as_step,
    as_text,
    json_file,
    plain_number,
    safe_name,
)
from analysis.bring.files.records import (
    Answers,
    Finding,
    Found,
    Place,
    Sample,
    Tool,
    Total,
    no_keys,
)
from eval.files.errors import BadInput

LIGHTEVAL_COLUMNS = ("__doc__", "__model_response__", "__metric__")
AVERAGE = ":_average"  # in the name of a mean over the parts of a task


def is_lighteval_results(path: Path, head: bytes) -> bool:
    return path.suffix == ".json" and b'"config_general"' in head


def read_lighteval_results(path: Path, answers: Answers) -> Found:
    content, found = json_file(path), Found()
    results, tasks = content.get("results"), content.get("config_tasks")
    if not isinstance(results, dict) or not isinstance(tasks, dict):
        raise BadInput(f"{path}: lacks results or config_tasks: leave it out")
    for name, scores in results.items():
        if name == "all" or AVERAGE in name:
            said = f"{name} is a mean over tasks, not a task: left out"
            found.findings += [Finding("mean over tasks", path.name, said)] * (len(results) > 2)
            continue
        metric = chosen_metric(scores, answers, f"{path}: {name}")
        about = tasks.get(name) or tasks.get(name.rpartition("|")[0])
        questions = as_step(about.get("effective_num_docs")) if isinstance(about, dict) else None
        score = plain_number(scores[metric])
        if not questions or score is None:
            raise BadInput(f"{path}: {name}: no number of questions, or no score: leave it out")
        found.totals.append(Total(Place(benchmark=task_name(name)), questions, score))
    return found


def task_name(name: str) -> str:
    """The middle of "suite|task|shots"; the whole where there are no bars."""
    parts = name.split("|")
    return safe_name(parts[1] if len(parts) > 1 else name)


def chosen_metric(scores: Any, answers: Answers, where: str) -> str:
    """The metric that the mapping names, or the only one there is."""
    if not isinstance(scores, dict):
        raise BadInput(f"{where}: holds no scores: leave the file out")
    names = [
        key
        for key, value in scores.items()
        if as_score(value) is not None and not str(key).endswith("_stderr")
    ]
    asked = answers.get("metric")
    if asked in names:
        return str(asked)
    if len(names) == 1 and asked is None:
        return names[0]
    raise BadInput(
        f"{where}: several metrics, or none ({', '.join(map(str, names)) or 'none'}): set"
        " metric: NAME for these files in the mapping file"
    )


def is_lighteval_details(path: Path, head: bytes) -> bool:
    return path.name.startswith("details_") and path.suffix == ".parquet"


def read_lighteval_details(path: Path, answers: Answers) -> Found:
    found = Found()
    middle = path.stem.removeprefix("details_").rpartition("_")[0]
    for number, row in enumerate(parquet_rows(path, LIGHTEVAL_COLUMNS)):
        doc, response, scores = (row[name] for name in LIGHTEVAL_COLUMNS)
        where = f"{path} row {number}"
        texts = response.get("text") if isinstance(response, dict) else None
        if not isinstance(doc, dict) or not isinstance(texts, list) or not texts:
            raise BadInput(f"{where}: no question or no answer text: leave the file out")
        claimed = as_score(scores[chosen_metric(scores, answers, where)])
        place = Place(benchmark=task_name(middle))
        name = as_text(doc.get("id")) or str(number)
        for index, text in enumerate(texts):
            # one score stands for all texts of a question, so with several it is none of a sample
            own = claimed if len(texts) == 1 else None
            found.samples.append(Sample(place, name, index, as_text(text), _gold(doc), own))
    return found


def _gold(doc: dict[str, Any]) -> str | None:
    """The choice that `gold_index` names; of several, the first."""
    choices, index = doc.get("choices"), doc.get("gold_index")
    first = index[0] if isinstance(index, list) and index else index
    if not isinstance(choices, list) or not isinstance(first, int):
        return None
    return as_text(choices[first]) if 0 <= first < len(choices) else None


LIGHTEVAL = Tool("lighteval", no_keys, is_lighteval_results, read_lighteval_results)
LIGHTEVAL_DETAILS = Tool("lighteval_details", no_keys, is_lighteval_details, read_lighteval_details)
