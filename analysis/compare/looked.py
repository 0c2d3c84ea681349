"""Experiments whose arms stop at looks: their verdicts are those that the looks wrote.

A comparison of an arm with the experiment's reference is not judged anew: it has the numbers of its
look (analysis/look/decide.py). Others, with another reference or k, stopped no arm. They are tested
at the level of the earlier of the looks at which the two arms stopped.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.inference.looks import Spending, family_level
from analysis.inference.statistics import ALPHA, UNDECIDED, Comparison, Judged
from analysis.results.folder import as_number
from eval.files.errors import BadInput
from eval.files.looks import looks_reached, seeds_asked

CALLED = ("better", "worse", UNDECIDED)
NUMBERS_SHOWN = (
    *("difference", "low", "high", "p", "probability_of_improvement", "minimal_difference"),
    *("p_holm", "low_holm", "high_holm"),
)


@dataclass(frozen=True)
class LookedAt:
    """One experiment's looks. Arms are called NAME/ARM."""

    name: str
    after: tuple[int, ...]  # seeds per arm at each look
    spending: Spending
    reference: str
    asked: Mapping[str, int]  # arm → training seeds that the looks asked for
    rows: Mapping[tuple[str, int, str], Mapping[str, Any]]  # (benchmark, k, arm) → as written

    def in_words(self) -> str:
        return (
            f"Verdicts of {self.name} against {self.reference} are those of its looks, after"
            f" {', '.join(map(str, self.after))} seeds ({self.spending}), each with its look's"
            " seeds; their intervals hold over all looks."
        )


def read_looks(folder: Path, name: str, spec: Mapping[str, Any]) -> LookedAt | None:
    """The looks of an experiment; None where it has a fixed list of seeds.

    Raises:
        BadInput: no look has been made yet.
    """
    looks = spec.get("looks")
    if not looks:
        return None
    after, arms = tuple(looks["after"]), [*map(str, spec["arms"])]
    reached = [*looks_reached(folder, after)]
    if not reached:
        raise BadInput(
            f"{folder}: its arms stop at looks, and the first, after {after[0]} seeds, has not been"
            " made: run the study up to it"
        )
    asked = seeds_asked(arms, after, reached)
    found = reached[-1].get("comparisons")
    rows = [row for row in found if is_whole(row)] if isinstance(found, list) else []
    return LookedAt(
        name,
        after,
        looks.get("spending", "pocock"),
        f"{name}/{spec.get('reference')}",
        {f"{name}/{arm}": seeds for arm, seeds in asked.items()},
        {(row["benchmark"], row["k"], f"{name}/{row['arm']}"): row for row in rows},
    )


def is_whole(row: Any) -> bool:
    """Whether a look judged this row, and it has what is shown of it."""
    return (
        isinstance(row, dict)
        and row.get("verdict") in CALLED
        and all(
            isinstance(row.get(key), int) for key in ("k", "seeds", "reference_seeds", "family")
        )
        and all(isinstance(row.get(key), str) for key in ("benchmark", "arm", "covers"))
        and all(isinstance(row.get(key), int | float) for key in NUMBERS_SHOWN)
    )


def recorded_verdict(
    looked: Iterable[LookedAt], benchmark: str, k: int, arm: str, reference: str
) -> Judged | None:
    """What a look wrote about this comparison; None where none has judged it."""
    for each in looked:
        row = each.rows.get((benchmark, k, arm))
        if row is None or each.reference != reference:
            continue
        number = {key: as_number(value) for key, value in row.items()}
        comparison = Comparison(
            difference=number["difference"],
            low=number["low"],
            high=number["high"],
            p=number["p"],
            probability_of_improvement=number["probability_of_improvement"],
            minimal_difference=number["minimal_difference"],
            covers=row["covers"],
            seeds=row["seeds"],
            reference_seeds=row["reference_seeds"],
            correlation=row.get("correlation"),
        )
        p, low, high = (number[key] for key in ("p_holm", "low_holm", "high_holm"))
        return Judged(comparison, p, low, high, row["verdict"], row["family"])
    return None


def level_of(looked: Iterable[LookedAt], arms: tuple[str, str], family: int) -> float:
    """The level at which a comparison of two arms that no look judged is tested."""
    found = [
        family_level(each.after, each.asked[arm], family, each.spending)
        for each in looked
        for arm in arms
        if arm in each.asked
    ]
    return min(found, default=ALPHA)
