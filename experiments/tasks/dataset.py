"""The training data set: a prompt, its answer, and the codes of its level and stratum, a row per
problem.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from datasets import Dataset

from eval.questions.problems import Problem
from eval.sampling.prompts import render_prompt
from experiments.spec.schema import Task

UNKNOWN = -1  # code of a prompt without level or stratum


def make_dataset(
    problems: Sequence[Problem], task: Task, tokenizer: Any, strata: Mapping[str, int]
) -> tuple[Dataset, list[str]]:
    """(data set, level names): prompt, answer, and the codes of level and stratum; see
    EntropyControlTrainer.
    """
    levels = sorted({p.level for p in problems if p.level}, key=lambda level: (len(level), level))
    rows = [
        {
            "prompt": render_prompt(task.template, problem.text, tokenizer),
            "answer": problem.answer,
            "level": levels.index(problem.level) if problem.level else UNKNOWN,
            "stratum": strata.get(problem.id, UNKNOWN),
        }
        for problem in problems
    ]
    return Dataset.from_list(rows), levels
