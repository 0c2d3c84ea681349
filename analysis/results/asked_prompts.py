"""Whether policies were asked the same prompts: problems alone do not say so, since a chat template
may differ, or print a date. eval.score records one hash per run and benchmark.
"""

from collections.abc import Sequence
from pathlib import Path

from eval.files.errors import BadInput
from eval.files.json_text import object_or_none


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
