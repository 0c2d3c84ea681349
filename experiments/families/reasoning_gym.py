"""Problems of reasoning-gym's generators whose answers are whole numbers.

    task:
      prompts: reasoning_gym
      family:
        dataset: chain_sum
        difficulty:
          - {max_terms: 2, max_digits: 1}    # level 1: what differs from the generator's defaults
          - {max_terms: 2, min_digits: 2, max_digits: 2}    # level 2
      levels: [1, 2]

Source: reasoning-gym (arXiv 2505.24760, Apache-2.0), an optional package. Departures: the SHA-256
of a question decides its stream, as in every family, so that training and evaluation share no
problem (reasoning-gym draws each set from a seed, and two seeds may draw the same problem). And the
suite's verifier judges an answer, not the generator's `score_answer`: that one reads a whole text
without a box, and gives parts of a point that depend on the text's length. Generators are taken
only where the two agree on whole numbers (tests/experiments/test_reasoning_gym.py, for each); so
those with several right answers, as countdown, are left out.
"""

import json
import random
from functools import cache
from importlib import import_module
from typing import Annotated, Any, Literal

from annotated_types import Len
from pydantic import BaseModel, field_validator

from eval.files.errors import BadInput
from methods.common.ranges import Count

Generator = Literal[
    "aiw",
    "basic_arithmetic",
    "binary_alternation",
    "chain_sum",
    "count_bits",
    "count_primes",
    "gcd",
    "largest_island",
    "lcm",
    "leg_counting",
    "letter_counting",
    "maze",
    "number_sequence",
    "products",
    "rotten_oranges",
    "simple_equations",
    "simple_geometry",
]
LevelSetting = bool | int | float | str | tuple[int | float | str, ...]
PROBLEM_INDICES = 2**31  # from which problems of a generator are drawn


class ReasoningGym(BaseModel, extra="forbid", frozen=True):
    """Problems of one generator of reasoning-gym; a level is a set of its settings."""

    name: Literal["reasoning_gym"] = "reasoning_gym"
    dataset: Generator = "chain_sum"
    # settings of level 1, 2, …: what differs from the generator's defaults
    difficulty: Annotated[tuple[dict[str, LevelSetting], ...], Len(1)] = ({},)
    counted: Count = 4000  # problems drawn to count how many different ones a level has at least

    @field_validator("difficulty")
    @classmethod
    def leaves_the_draw_alone(
        cls, difficulty: tuple[dict[str, LevelSetting], ...]
    ) -> tuple[dict[str, LevelSetting], ...]:
        if any({"seed", "size"} & set(settings) for settings in difficulty):
            raise ValueError("seed and size are not settings of a level: use task.seed, per_level")
        return difficulty

    def __hash__(self) -> int:
        return hash(json.dumps(self.model_dump(mode="json"), sort_keys=True))

    @property
    def levels(self) -> range:
        return range(1, len(self.difficulty) + 1)

    def every(self, level: int) -> None:
        """No level is listed: reasoning-gym does not say how many problems it has."""

    def count(self, level: int) -> int:
        """Different questions among `counted`, so there are at least as many."""
        return _count_different(self, level)

    def question(self, level: int, rng: random.Random) -> str:
        """A random question of a level."""
        drawn = generator_of(self, level)[rng.randrange(PROBLEM_INDICES)]
        question, gold = drawn["question"].strip(), str(drawn["answer"])
        known = _drawn_golds(self).setdefault(question, gold)
        if known != gold:
            raise BadInput(
                f"reasoning_gym {self.dataset} has two answers, {known} and {gold}, to"
                f" {question[:80]!r}: choose another data set, or settings without such questions"
            )
        return question

    def gold(self, question: str) -> str:
        """The answer to a question that has been drawn in this process."""
        return _drawn_golds(self)[question]


@cache
def generator_of(family: ReasoningGym, level: int) -> Any:
    """reasoning-gym's data set of a level; each of its problems is made when it is asked for.

    Raises:
        BadInput: reasoning-gym is not installed, or refuses the settings.
    """
    try:
        create_dataset: Any = import_module("reasoning_gym").create_dataset
    except ImportError:
        raise BadInput(
            "prompts: reasoning_gym needs the package reasoning-gym: pip install -e '.[lm]'"
        ) from None
    settings = family.difficulty[level - 1]
    try:
        return create_dataset(family.dataset, seed=0, size=PROBLEM_INDICES, **settings)
    except (TypeError, AssertionError, ValueError) as error:
        raise BadInput(
            f"task.family.difficulty: reasoning_gym {family.dataset} refuses {settings} of level"
            f" {level}: {error}"
        ) from None


@cache
def _drawn_golds(family: ReasoningGym) -> dict[str, str]:
    """Question → answer, of the problems that have been drawn."""
    return {}


@cache
def _count_different(family: ReasoningGym, level: int) -> int:
    rng = random.Random(f"count/{level}")
    return len({family.question(level, rng) for _ in range(family.counted)})
