"""Experiments whose arms stop at looks: their verdicts are those that the looks wrote.

A comparison of an arm with the experiment's reference is not judged anew: it has the numbers of its
look (analysis/look/decide.py). Others, with another reference or k, stopped no arm. They are made
at the earlier of the looks at which the two arms stopped: with its seeds of both, at its level.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.inference.looks import family_level
from analysis.inference.statistics import ALPHA, Comparison, Counts, Judged, Pairing
from analysis.results.folder import as_number
from analysis.tables.scores import DRAWS
from eval.files.errors import BadInput
from eval.looks.record import looks_reached, seeds_asked
from eval.looks.settings import DEFAULT_SPENDING, Spending

PAIRED = {"none": "not paired", "seed": "paired by number"}


@dataclass(frozen=True)
class LookedAt:
    """One experiment's looks. Arms are called NAME/ARM."""

    name: str
    after: tuple[int, ...]  # seeds per arm at each look
    spending: Spending
    reference: str
    seeds: tuple[int, ...]  # all that there may be
    asked: Mapping[str, int]  # arm → number of training seeds that the looks asked for
    rows: Mapping[tuple[str, int, str], Mapping[str, Any]]  # (benchmark, k, arm) → as written
    pairing: Pairing
    draws: int

    def in_words(self) -> str:
        return (
            f"Verdicts of {self.name} against {self.reference} are those of its looks, after"
            f" {', '.join(map(str, self.after))} seeds ({self.spending}; {self.draws:,} draws,"
            f" seeds {PAIRED[self.pairing]}), each with its look's seeds; their intervals hold over"
            " all looks."
        )


def read_looks(folder: Path, name: str, spec: Mapping[str, Any]) -> LookedAt | None:
    """The looks of an experiment; None where it has a fixed list of seeds.

    Raises:
        BadInput: no look has been made yet, or the file of one is not as it is written.
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
    analysis = spec.get("analysis") or {}
    return LookedAt(
        name,
        after,
        looks.get("spending", DEFAULT_SPENDING),
        f"{name}/{spec.get('reference')}",
        tuple(spec["seeds"]),
        {f"{name}/{arm}": seeds for arm, seeds in asked.items()},
        {
            (row["benchmark"], row["k"], f"{name}/{row['arm']}"): row
            for row in reached[-1]["comparisons"]
        },
        analysis.get("pairing", "none"),
        analysis.get("draws", DRAWS),
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
    asked = [(each, [each.asked[arm] for arm in arms if arm in each.asked]) for each in looked]
    found = [
        family_level(each.after, min(seeds), family, each.spending)
        for each, seeds in asked
        if seeds
    ]
    return min(found, default=ALPHA)


def at_one_look(
    looked: Iterable[LookedAt], arms: tuple[str, str], counts: tuple[Counts, Counts]
) -> tuple[Counts, Counts]:
    """The counts of two arms of one experiment, of the seeds that the earlier of their looks has:
    with the seeds of a later one the level would not hold. Others as they are.
    """
    a, b = counts
    for each in looked:
        if all(arm in each.asked for arm in arms):
            shared = each.seeds[: min(each.asked[arm] for arm in arms)]
            a, b = (
                each.of_seeds([seed for seed in each.seeds if seed in shared]) for each in (a, b)
            )
    return a, b
