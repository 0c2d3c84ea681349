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

from eval.files.json_text import object_or_none
from eval.files.marks import CHECKSUMS

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
    """
    for seeds in after:
        found = object_or_none(look_file(root, seeds)) if look_mark(root, seeds).is_file() else None
        if found is None or not _names_arms(found.get("open")):
            return
        yield found
        if not found["open"]:
            return


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


def _names_arms(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
