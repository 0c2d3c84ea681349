"""Looks at a study's verdicts: where each has written them, and which runs they ask for.

    results/<experiment>/looks/<n>.json            the verdicts after n training seeds per arm, and
                                                   `open`: the arms that get the next seeds
                              /<n>.checksums.json  its mark

`analysis.look` writes them; the workflow, the tables and MLflow's view read them here. A look that
has no mark, or comes after one without, has not been reached. Nor has one after a look that left no
arm open: its file is left over from other decisions.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from eval.files.errors import BadInput
from eval.files.json_text import read_object
from eval.files.marks import CHECKSUMS

VERDICTS_THAT_STAY = ("better", "worse")
LOOK_VERDICTS = (*VERDICTS_THAT_STAY, "not distinguishable")
LOOK_COUNTS = ("k", "seeds", "reference_seeds", "family", "look")
LOOK_TEXTS = ("benchmark", "arm", "covers", "verdict", "sentence")
LOOK_NUMBERS = (
    *("difference", "low", "high", "p", "probability_of_improvement", "minimal_difference"),
    *("p_holm", "low_holm", "high_holm"),
)
"""What each row of a look's `comparisons` has, by kind."""

LOOKS_FOLDER = "looks"
"""Of a results folder: the verdicts after some of the seeds, one file per look."""


def look_file(root: Path, seeds: int | str) -> Path:
    """What the look after so many seeds per arm has found. `root`: the results folder."""
    return root / LOOKS_FOLDER / f"{seeds}.json"


def look_mark(root: Path, seeds: int | str) -> Path:
    """Its mark."""
    return root / LOOKS_FOLDER / f"{seeds}.{CHECKSUMS}"


def looks_reached(root: Path, after: Sequence[int]) -> Iterator[dict[str, Any]]:
    """What each look has found, up to the first that has not been reached.

    after: seeds per arm at each look, ascending.

    Raises:
        BadInput: a look has its mark, and its file is not as one is written.
    """
    for seeds in after:
        file = look_file(root, seeds)
        if not (file.is_file() and look_mark(root, seeds).is_file()):
            return
        found = read_look(file)
        yield found
        if not found["open"]:
            return


def read_look(file: Path) -> dict[str, Any]:
    """What a look has found.

    Raises:
        BadInput: the file is not as a look is written. No verdict must come from half of it.
    """
    found = read_object(file)
    if problem := look_problem(found):
        raise BadInput(f"{file}: {problem}: delete this file and run the study again")
    return found


def look_problem(found: Mapping[str, Any]) -> str:
    """What is wrong with the content of a look's file; "" if nothing is."""
    arms, rows = found.get("open"), found.get("comparisons")
    if not isinstance(arms, list) or not all(isinstance(arm, str) for arm in arms):
        return "`open` is not a list of arms"
    if not isinstance(rows, list):
        return "`comparisons` is not a list"
    problems = (
        f"comparisons[{place}]: {problem}"
        for place, row in enumerate(rows)
        if (problem := row_problem(row))
    )
    return next(problems, "")


def row_problem(row: object) -> str:
    if not isinstance(row, dict):
        return "is not an object"
    kinds = ((LOOK_COUNTS, int, "whole number"), (LOOK_TEXTS, str, "string"))
    for keys, kind, word in (*kinds, (LOOK_NUMBERS, int | float, "number")):
        for key in keys:
            if not isinstance(row.get(key), kind):
                return f"`{key}` is missing or not a {word}"
    known = row["verdict"] in LOOK_VERDICTS
    return "" if known else f"verdict {row['verdict']!r} is not one of {', '.join(LOOK_VERDICTS)}"


def seeds_asked(
    arms: Collection[str], after: Sequence[int], reached: Iterable[Mapping[str, Any]]
) -> dict[str, int]:
    """Arm → number of training seeds that it needs by what the looks have found so far: those of
    the look that comes next, or of the look at which it stopped.

    reached: what the looks found, in order; no further ones are taken than are needed.
    """
    asked = dict.fromkeys(arms, after[0])
    found = iter(reached)
    for _, following in pairwise(after):
        still_open = next(found, {}).get("open")
        if not still_open:
            break
        asked |= {arm: following for arm in still_open if arm in asked}
    return asked


def stopped_arms(
    asked: Mapping[str, int], after: Sequence[int], reached: Sequence[Mapping[str, Any]]
) -> set[str]:
    """Arms that get no further seeds, all of theirs having been looked at."""
    return {arm for arm, seeds in asked.items() if seeds in after[: len(reached)]}
