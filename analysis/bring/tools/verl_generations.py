"""verl's dumps of validations and rollouts: `<dir>/<step>.jsonl`, a row per completion.

    input, output, gts, score, step, and each reward_extra_info (acc, pred, ...)

A row has neither the question's id nor its data source: questions are told apart by `input` alone,
so two questions of equal text become one, which shows as one with more samples than the others.
`acc` counts where it is there, else `score`.

Rollouts of the training have the same layout, and no file says which of the two it is. Their
questions change from step to step, so they are no evaluation: `verl_rollouts`, which is only taken
where the mapping names it, makes of them the curve of `accuracy`.
"""

import hashlib
from collections import Counter
from pathlib import Path

from analysis.bring.files.reading import as_score, as_step, as_text, json_lines
from analysis.bring.files.records import TRAINING, Answers, Found, Place, Sample, Tool, no_keys
from analysis.bring.tools.questions_by_text import merged_questions
from eval.files.errors import BadInput

VERL_DUMP_FIELDS = (b'"input"', b'"output"', b'"score"', b'"step"')


def is_verl_dump(path: Path, head: bytes) -> bool:
    first = head.split(b"\n", 1)[0]
    return path.suffix == ".jsonl" and all(field in first for field in VERL_DUMP_FIELDS)


def read_verl_dump(path: Path, answers: Answers) -> Found:
    found, seen = Found(), Counter[str]()
    for where, row in json_lines(path, found.findings):
        text, question, step = row.get("output"), row.get("input"), as_step(row.get("step"))
        if not isinstance(text, str) or not isinstance(question, str) or step is None:
            raise BadInput(f"{where}: lacks input, output or step: correct or delete the line")
        name = hashlib.sha256(question.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        claimed = as_score(row.get("acc"))
        claimed = as_score(row.get("score")) if claimed is None else claimed
        gold = as_text(row.get("gts"))
        place = Place(checkpoint=step)
        found.samples.append(Sample(place, name, seen[name], text, gold, claimed))
        seen[name] += 1
    found.findings += merged_questions(seen, path.name)
    return found


def never(path: Path, head: bytes) -> bool:
    return False


def read_verl_rollouts(path: Path, answers: Answers) -> Found:
    found = read_verl_dump(path, answers)
    found.samples = [
        sample._replace(place=sample.place._replace(benchmark=TRAINING)) for sample in found.samples
    ]
    return found


VERL_ROLLOUTS = Tool("verl_rollouts", no_keys, never, read_verl_rollouts)
VERL_DUMP = Tool("verl_generations", no_keys, is_verl_dump, read_verl_dump)
