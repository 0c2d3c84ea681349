"""How often a taught policy does what a question wants, read off its probabilities.

    used_k = mean over questions of level k of P(right skill, right digits, box, end | question)

A rate of one in a thousand would take tens of thousands of samples to count; its probability takes
a few dozen questions. Letters before the answer that mean nothing are drawn from the policy: the
probability is that of the answer after them, and 0 if they are no such letters. An answer that is
right by another skill (`habit`) does not count.

Source: our own.
"""

import random

import torch
from torch import Tensor

from experiments.families import Skills
from experiments.families.family import question_of_stream
from experiments.policies.tiny_tokens import END_OF_ANSWER, encode, token_ids

QUESTIONS = 40  # per level
LETTER_DRAWS = 4  # of the letters that mean nothing, per question


@torch.no_grad()
def used_rate(model: torch.nn.Module, family: Skills, level: int) -> float:
    """The rate in [0, 1] of a level, at temperature 1, on new questions."""
    codes = token_ids(family)
    rng = random.Random(f"skill rates/{level}")
    questions = [question_of_stream(family, level, "validation", rng) for _ in range(QUESTIONS)]
    questions = [text for text in questions for _ in range(LETTER_DRAWS if family.filler else 1)]
    device = next(model.parameters()).device
    asked_BT = torch.tensor([encode(text, codes) for text in questions], device=device)
    answer_BT = torch.tensor(
        [encode(family.right_answer(text) + END_OF_ANSWER, codes) for text in questions],
        device=device,
    )
    before_BT = followed_by_draws(model, asked_BT, family.filler)
    letters = torch.tensor([codes[letter] for letter in family.filler_letters], device=device)
    drew_letters_B = torch.isin(before_BT[:, asked_BT.shape[1] :], letters).all(dim=1)
    logits_BTV = model(input_ids=torch.cat([before_BT, answer_BT], dim=1)).logits
    logp_BTV = logits_BTV[:, before_BT.shape[1] - 1 : -1].log_softmax(dim=-1)
    logp_B = logp_BTV.gather(-1, answer_BT.unsqueeze(-1)).squeeze(-1).sum(dim=1)
    return (logp_B.exp() * drew_letters_B).mean().item()


def followed_by_draws(model: torch.nn.Module, ids_BT: Tensor, count: int) -> Tensor:
    """The ids and, after them, `count` tokens drawn from the policy at temperature 1."""
    rng = torch.Generator(ids_BT.device).manual_seed(0)
    for _ in range(count):
        probs_BV = model(input_ids=ids_BT).logits[:, -1].softmax(dim=-1)
        ids_BT = torch.cat([ids_BT, torch.multinomial(probs_BV, 1, generator=rng)], dim=1)
    return ids_BT


def rates_of_skills(model: torch.nn.Module, family: Skills) -> dict[str, float]:
    """Level → rate, of the levels that want a skill."""
    return {str(level): used_rate(model, family, level) for level in range(1, family.kinds + 1)}
