"""Training seeds of which only as many are used as the verdicts need: `seeds: {looks: [3, 6, 12]}`.

When an experiment is read, this short form becomes the list of all seeds that may be needed and the
block `looks`, so that whoever reads `seeds` finds numbers:

    seeds: {looks: [3, 6], first: 7}   →   seeds: [7, 8, 9, 10, 11, 12]
                                           looks: {after: [3, 6], spending: pocock}

analysis/inference/looks.py has the levels at which the looks test.
"""

from typing import Annotated, Any, Self

from annotated_types import Ge, Le, Len
from pydantic import BaseModel, Field, ValidationError, model_validator

from eval.looks.settings import DEFAULT_SPENDING, MOST_LOOK_SEEDS, Spending
from experiments.spec.validation_messages import describe_finding
from methods.common.ranges import Natural

# seeds per arm at each look: Student's t needs two
LookSizes = Annotated[tuple[Annotated[int, Ge(2), Le(MOST_LOOK_SEEDS)], ...], Len(1, 20)]


class AskedLooks(BaseModel, extra="forbid", frozen=True):
    """What a file says in `seeds` instead of a list."""

    looks: LookSizes  # training seeds per arm at each look, ascending
    first: Natural = 1  # the smallest seed; the others are the numbers after it
    # how the looks share the 5 %: pocock decides early, obrien_fleming hardly before the last look
    spending: Spending = DEFAULT_SPENDING


class SeedLooks(BaseModel, extra="forbid", frozen=True):
    """The looks of an experiment whose seeds are listed."""

    after: LookSizes  # training seeds per arm at each look, ascending
    spending: Spending = DEFAULT_SPENDING

    @model_validator(mode="after")
    def ascending(self) -> Self:
        if list(self.after) != sorted(set(self.after)):
            raise ValueError(
                f"looks {list(self.after)}: list each number of seeds once, in ascending order"
            )
        return self


LooksOrNone = Annotated[SeedLooks | None, Field(exclude_if=lambda looks: looks is None)]


def with_listed_seeds(given: Any) -> Any:
    """The content of an experiment file, with the short form of `seeds` written out.

    Raises:
        ValueError: what `seeds` says about looks is wrong.
    """
    if not isinstance(given, dict) or not isinstance(given.get("seeds"), dict):
        return given
    if "looks" in given:
        raise ValueError("looks are given twice: leave out either seeds.looks or looks")
    try:
        asked = AskedLooks.model_validate(given["seeds"])
        looks = SeedLooks(after=asked.looks, spending=asked.spending)
    except ValidationError as error:
        # a misspelt key also leaves the right one missing: the misspelt one is said
        findings = error.errors(include_url=False)
        finding = min(findings, key=lambda each: each["type"] == "missing")
        place = ".".join(["seeds", *map(str, finding["loc"])])
        raise ValueError(f"{place}: {describe_finding(finding)}") from None
    seeds = range(asked.first, asked.first + asked.looks[-1])
    return given | {"seeds": list(seeds), "looks": looks.model_dump(mode="json")}
