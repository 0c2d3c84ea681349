"""Whether policies were asked alike.

The same prompts: problems alone do not say so, since a chat template may differ, or print a date.
eval.score records one hash per run and benchmark. And by one plan, where the numbers of samples of
the questions are planned (eval.plan_samples).
"""

from collections.abc import Sequence
from pathlib import Path

from eval.files.errors import BadInput
from eval.files.json_text import object_or_none
from eval.scoring.counts import read_counts


def asked_prompts(counts: Path) -> str:
    """The hash of the prompts behind a <set>.counts.csv; "" if its measures do not record it."""
    measures = counts.with_name(counts.name.removesuffix(".counts.csv") + ".measures.json")
    return str((object_or_none(measures) or {}).get("prompts") or "")


def require_same_prompts(files: Sequence[Path]) -> None:
    """Raises BadInput, which names both files, if one was asked other prompts than the first that
    records its prompts.
    """
    known = [(path, asked) for path in files if (asked := asked_prompts(path))]
    for path, asked in known[1:]:
        first, expected = known[0]
        if asked != expected:
            raise BadInput(
                f"{path} was asked other prompts than {first} (hashes {asked} and {expected}):"
                " sample both with one chat template, which may not print today's date"
            )


def require_same_plan(files: Sequence[Path]) -> None:
    """Raises BadInput, which names both files, if one has other numbers of samples per question
    than the first.
    """
    planned = [{row.problem_id: row.n for row in read_counts(path)} for path in files]
    for path, numbers in zip(files, planned, strict=True):
        other = [name for name in numbers.keys() & planned[0] if numbers[name] != planned[0][name]]
        if other:
            name = min(other)
            raise BadInput(
                f"{path} has {numbers[name]} samples of question {name}, {files[0]} has"
                f" {planned[0][name]}: sample both by one plan, with snakemake"
            )
