"""Makes the training data set for TRL: one row per problem with prompt, answer, level, stratum."""

from collections.abc import Mapping, Sequence
from typing import Any

from datasets import Dataset

from eval.questions.problems import Problem
from eval.sampling.prompts import render_prompt
from experiments.spec.blocks import Task

UNKNOWN = -1  # code of a missing level or stratum


def make_dataset(
    problems: Sequence[Problem], task: Task, tokenizer: Any, strata: Mapping[str, int]
) -> tuple[Dataset, list[str]]:
    """(data set, level names). A row has `prompt`, `answer`, and the codes `level` (an index into
    the level names) and `stratum` (an index into strata.RATES), or UNKNOWN.

    `strata`: {problem id: code of its stratum}.
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
