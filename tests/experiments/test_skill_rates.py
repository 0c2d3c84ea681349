"""The rates of a policy's skills, by hand, on a policy of which every probability is known."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from experiments.families import Skills
from experiments.policies.skill_rates import rates_of_skills, used_rate
from experiments.policies.tiny_tokens import END_OF_ANSWER, token_ids, tokens_of


class Bigrams(torch.nn.Module):
    """Draws the next token by the last one alone."""

    def __init__(self, family: Skills, following: dict[str, dict[str, float]]) -> None:
        super().__init__()
        codes, V = token_ids(family), len(tokens_of(family))
        probs_VV = torch.zeros(V, V)
        for last, chances in following.items():
            for token, chance in chances.items():
                probs_VV[codes[last], codes[token]] = chance
        self.logits_VV = torch.nn.Parameter(probs_VV.log())

    def forward(self, input_ids: Tensor) -> Any:
        return SimpleNamespace(logits=self.logits_VV[input_ids])


DIGITS = dict.fromkeys("0123456789", 0.1)
COMMON: dict[str, dict[str, float]] = {
    "a": DIGITS,
    "\\boxed{": DIGITS,
    "}": {END_OF_ANSWER: 1.0},
    **{digit: {"\\boxed{": 0.5, "}": 0.5} for digit in DIGITS},
}


def test_a_rate_by_hand() -> None:
    """.8 for the skill, a tenth for each digit, a half each for going on and for closing the box;
    three times in four a letter comes first, as it must.
    """
    family = Skills(kinds=1, wrong=0)
    policy = Bigrams(family, COMMON | {"A": {"a": 0.8, "0": 0.2}})
    assert used_rate(policy, family, 1) == pytest.approx(0.8 * 0.1 * 0.5 * 0.1 * 0.5)

    lettered = Skills(kinds=1, wrong=0, filler=1, filler_words=2)
    after_letters = {letter: {"a": 0.8, "0": 0.2} for letter in "kl"}
    policy = Bigrams(lettered, COMMON | after_letters | {"A": {"k": 0.5, "l": 0.25, "a": 0.25}})
    assert used_rate(policy, lettered, 1) == pytest.approx(0.75 * 0.002, rel=0.15)
    assert used_rate(policy, lettered, 1) == used_rate(policy, lettered, 1)


def test_what_never_happens_has_rate_zero_and_chains_count_as_a_whole() -> None:
    family = Skills(kinds=2, wrong=0, chains=(5,))
    always_a = {kind: {"a": 1.0} for kind in "AB"}
    policy = Bigrams(family, COMMON | always_a | {"b": DIGITS})
    assert rates_of_skills(policy, family) == {"1": pytest.approx(0.0025), "2": 0.0}
    digit_after_digit = {digit: dict.fromkeys(DIGITS, 0.05) | {"}": 0.5} for digit in DIGITS}
    chain = Bigrams(family, COMMON | digit_after_digit | {"Z": {"\\boxed{": 1.0}})
    assert used_rate(chain, family, 3) == pytest.approx(0.1 * 0.05**4 * 0.5)
