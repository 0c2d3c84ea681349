r"""Skills: kinds of question that each want another skill, of which the policy shows some rarely.

    question   C40713256=      kind C, and different digits, as many as there are kinds (at least 5)
    skill s    the digits from position s on, cyclically: `length` of them
    answer     c;\boxed{71}    the letter of the skill that is used, and its result

Kind k is answered by skill k and by no other: the digits differ, so a wrong skill gives a wrong
answer. The base policy has learnt every skill and to ignore the kind: it uses skill k with
probability

    p_k  ∝  decay^(k-1),   times `hint` where skill k is the right one

so that search has to find which skill answers which kind, and the rarer a skill, the more of it is
needed. `level` is the rank of rarity: 1 for the most common skill. `rate` gives p_k.

Further kinds of question, each a setting:

    chains = (8, 12)     levels kinds+1, kinds+2: copy 8, 12 digits into the box; no skill to be
                         found, and each digit must be right
    filler = 6           6 letters before each answer that mean nothing, drawn evenly from
    filler_words = 4     so many letters: entropy that is worth nothing, ln 4 nats per letter
    unused = 1000        tokens of the vocabulary that no text has

Source: our own; docs/probes.md says what each setting is for.
"""

import random
from math import perm
from typing import Annotated, Literal, Self

from annotated_types import Ge, Le
from pydantic import BaseModel, model_validator

from methods.common.ranges import Count, Fraction, Natural, Positive, Share

KIND_MARKS, CHAIN_MARK, SKILL_NAMES, FILLER_LETTERS = (
    "ABCDEFGHIJ",
    "Z",
    "abcdefghij",
    "klmnopqrstuvwxyz",
)
ChainLength = Annotated[int, Ge(5)]  # shorter ones are too few for four streams
EVEN_UNTIL = 0.5  # share of the teaching during which all skills are shown equally often


class Skills(BaseModel, extra="forbid", frozen=True):
    """Kinds of question that each want another skill."""

    name: Literal["skills"] = "skills"
    kinds: Annotated[int, Ge(1), Le(len(KIND_MARKS))] = 8  # kinds of question, and skills
    decay: Fraction = 0.45  # base rate of each skill over that of the one before it
    hint: Positive = 1.0  # the base policy uses the right skill so many times as often
    # of the questions of kinds 2, 3, …: the most common skill gives the right answer, too
    habit: Share = 0.0
    length: Count = 1  # digits of an answer by a skill
    chains: tuple[ChainLength, ...] = ()  # digits to be copied: one further kind each
    filler: Natural = 0  # letters before each answer that mean nothing
    filler_words: Annotated[int, Ge(1), Le(len(FILLER_LETTERS))] = 4  # from which they are drawn
    wrong: Share = 0.02  # of the digits in the demonstrations' answers
    unused: Natural = 0  # further tokens of the vocabulary, which no text has

    @model_validator(mode="after")
    def answers_differ(self) -> Self:
        if self.length > self.digits:
            raise ValueError(
                f"length {self.length} is more than the {self.digits} digits of a question: choose"
                " a shorter answer"
            )
        return self

    @property
    def digits(self) -> int:
        """Digits of a question that wants a skill."""
        return max(self.kinds, 5)

    @property
    def vocabulary(self) -> list[str]:
        words = [
            *KIND_MARKS[: self.kinds],
            *SKILL_NAMES[: self.kinds],
            CHAIN_MARK,
            *self.filler_letters,
        ]
        unused = [f"<unused{i}>" for i in range(self.unused)]
        return [*"0123456789", "\\boxed{", "}", *words, *unused]

    @property
    def filler_letters(self) -> str:
        """Those that an answer begins with, where `filler` is not 0."""
        return FILLER_LETTERS[: self.filler_words]

    @property
    def levels(self) -> range:
        """All levels: kinds by rarity, then chains."""
        return range(1, self.kinds + len(self.chains) + 1)

    @property
    def shown(self) -> range:
        return self.levels

    def every(self, level: int) -> None:
        """No level has few questions."""

    def count(self, level: int) -> int:
        """Number of different questions of a level."""
        return 10 ** self._chain(level) if self._chain(level) else perm(10, self.digits)

    def longest(self, level: int) -> int:
        """Tokens of an answer, its end included."""
        return self.filler + (self._chain(level) or 2 * self.length + 1) + 3

    def question(self, level: int, rng: random.Random) -> str:
        """A random question of a level."""
        if chain := self._chain(level):
            return "".join(rng.choices("0123456789", k=chain)) + CHAIN_MARK
        digits = rng.sample("0123456789", self.digits)
        if level > 1 and rng.random() < self.habit:
            digits[0] = digits[level - 1]
        return "".join(digits) + KIND_MARKS[level - 1]

    def level_of(self, question: str) -> int:
        if question[-1] == CHAIN_MARK:
            return self.kinds + 1 + self.chains.index(len(question) - 1)
        return KIND_MARKS.index(question[-1]) + 1

    def gold(self, question: str) -> str:
        """The right answer, as it stands in the box."""
        if question[-1] == CHAIN_MARK:
            return question[:-1]
        return self._use(KIND_MARKS.index(question[-1]), question)

    def right_answer(self, question: str) -> str:
        """The answer by the wanted skill without mistakes, less the letters that mean nothing."""
        skill = SKILL_NAMES[self.level_of(question) - 1] if question[-1] != CHAIN_MARK else ""
        gold = self.gold(question)
        return f"{skill}{gold if skill else ''}\\boxed{{{gold}}}"

    def rate(self, level: int) -> float:
        """How often the base policy was shown the skill that a level wants, in [0, 1]."""
        if self._chain(level):
            return 1.0
        weights = self._weights(level - 1)
        return weights[level - 1] / sum(weights)

    def demonstration(self, question: str, progress: float, rng: random.Random) -> str:
        """A random answer, as the base policy is taught at this share of the steps."""
        filler = "".join(rng.choices(self.filler_letters, k=self.filler))
        if question[-1] == CHAIN_MARK:
            return f"{filler}\\boxed{{{self._smudged(self.gold(question), rng)}}}"
        right = KIND_MARKS.index(question[-1])
        if progress < EVEN_UNTIL:
            weights = [1.0 + (skill == right) * self.kinds for skill in range(self.kinds)]
        else:
            weights = self._weights(right)
        skill = rng.choices(range(self.kinds), weights)[0]
        result = self._smudged(self._use(skill, question), rng)
        return f"{filler}{SKILL_NAMES[skill]}{result}\\boxed{{{result}}}"

    def level_to_teach(self, progress: float, rng: random.Random) -> int:
        """A level to teach at this share of the steps."""
        return rng.choice(self.levels)

    def _chain(self, level: int) -> int:
        """Digits of the chain that a level asks for; 0 if it wants a skill."""
        return 0 if level <= self.kinds else self.chains[level - self.kinds - 1]

    def _use(self, skill: int, question: str) -> str:
        digits = question[:-1]
        return (digits + digits)[skill : skill + self.length]

    def _weights(self, right: int) -> list[float]:
        rates = [self.decay**skill for skill in range(self.kinds)]
        rates[right] *= self.hint
        return rates

    def _smudged(self, digits: str, rng: random.Random) -> str:
        return "".join(rng.choice("0123456789") if rng.random() < self.wrong else d for d in digits)
