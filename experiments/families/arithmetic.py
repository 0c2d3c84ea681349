"""Arithmetic: chains of one-digit additions modulo 10, of which every step is written out.

    question   3+5+9=
    answer     3+5=8;8+9=7;\\boxed{7}
    level      number of operations: 2

The demonstrations are mixed: most add step by step, some repeat a step, some answer without steps,
some contain a mistake. The result is a policy whose accuracy differs between levels and which has
entropy to lose. Part of its entropy is in choices that do not matter (how a step is punctuated), as
in natural language, and part in choices between right and wrong.

Order matters: "3+5=" and "5+3=" are two problems, and may be in different streams. Level k has
10^(k+1) problems over all streams, so level 1 is small (39 base, 25 train, 11 validation, 25 test).

Source: our own.
"""

import random
from collections.abc import Sequence
from itertools import product
from typing import Annotated, Literal

from annotated_types import Ge, Le, Len
from pydantic import BaseModel

from methods.common.ranges import Share

SEPARATORS = {";": 0.9, ",": 0.1}  # how a step can end: probability in the demonstrations
CURRICULUM = 0.5  # share of the teaching after which all levels are taught
LISTED = 3  # up to this level all questions are listed (10^4 of them, about 20 ms)
Operations = Annotated[int, Ge(1), Le(100)]


class Arithmetic(BaseModel, extra="forbid", frozen=True):
    """Chains of one-digit additions modulo 10; a level counts operations."""

    name: Literal["arithmetic"] = "arithmetic"
    # operations in the demonstrations
    taught: Annotated[tuple[Operations, ...], Len(1)] = (1, 2, 3, 4, 5, 6, 7, 8)
    direct: Share = 0.33  # of the demonstrations: answer without steps
    repeated: Share = 0.06  # of the steps: written twice
    wrong: Share = 0.1  # of the steps: with a random result

    @property
    def vocabulary(self) -> list[str]:
        return [*"0123456789", "+", "=", *SEPARATORS, "\\boxed{", "}"]

    @property
    def levels(self) -> range:
        return range(1, 101)

    @property
    def shown(self) -> Sequence[int]:
        return self.taught

    def count(self, level: int) -> int:
        return 10 ** (level + 1)

    def longest(self, level: int) -> int:
        return 12 * level + 8  # every step twice

    def every(self, level: int) -> list[str] | None:
        if level > LISTED:
            return None
        return [chain_question(digits) for digits in product(range(10), repeat=level + 1)]

    def question(self, level: int, rng: random.Random) -> str:
        return chain_question([rng.randrange(10) for _ in range(level + 1)])

    def gold(self, question: str) -> str:
        return str(sum(digits_of(question)) % 10)

    def level_to_teach(self, progress: float, rng: random.Random) -> int:
        """The easiest levels first, all from CURRICULUM on.

        With all levels from the start, the policy learns to add two digits in one sudden step,
        whose time depends on chance.
        """
        return rng.choice(self.taught[: 1 + int(len(self.taught) * progress / CURRICULUM)])

    def demonstration(self, question: str, progress: float, rng: random.Random) -> str:
        digits, steps = digits_of(question), ""
        total = digits[0]
        for digit in digits[1:]:
            result = rng.randrange(10) if rng.random() < self.wrong else (total + digit) % 10
            separator = rng.choices(list(SEPARATORS), weights=list(SEPARATORS.values()))[0]
            step = f"{total}+{digit}={result}{separator}"
            steps += step * (2 if rng.random() < self.repeated else 1)
            total = result
        reasoning = "" if rng.random() < self.direct else steps
        return f"{reasoning}\\boxed{{{total}}}"


def chain_question(digits: Sequence[int]) -> str:
    return "+".join(map(str, digits)) + "="


def digits_of(question: str) -> list[int]:
    return [int(digit) for digit in question.removesuffix("=").split("+")]
