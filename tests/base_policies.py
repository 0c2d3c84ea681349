"""python -m tests.base_policies [PROBE …]: does teaching reach the rates that a probe states, with
every seed? Prints, for each kind of question, how often the right skill is carried out rightly.

    shown_k      rate at which the demonstrations use skill k on questions of kind k
    reached_k    mean over questions of kind k of P(right skill, right digits, box, end | question)

`reached` is read off the policy's probabilities, not counted in samples, so a few dozen questions
are enough. A base policy is as stated if every kind is reached within a factor of LIMIT.
"""

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from experiments.families import Family, Skills
from experiments.families.family import question_of_stream
from experiments.families.skills import SKILL_NAMES
from experiments.policies.tiny import END_OF_ANSWER, encode, teach_policy, tokens_of
from experiments.spec.experiment_file import load_experiment
from experiments.spec.policy_settings import TinyPolicy

LIMIT = 1.5  # times more or less often than shown
QUESTIONS = 40  # per kind
SEEDS = (0, 1, 2, 3, 4)


def right_answer(family: Skills, question: str, level: int) -> str:
    """The demonstration of the right skill, without mistakes; without filler."""
    gold = family.gold(question)
    return f"{SKILL_NAMES[level - 1]}{gold}\\boxed{{{gold}}}{END_OF_ANSWER}"


def probability(model: torch.nn.Module, asked: list[int], answer: list[int]) -> float:
    """P(answer | question) at temperature 1."""
    ids_BT = torch.tensor([asked + answer])
    with torch.no_grad():
        logp_TV = model(input_ids=ids_BT).logits[0].log_softmax(-1)
    logp_T = logp_TV[len(asked) - 1 : -1].gather(1, torch.tensor(answer)[:, None])
    return logp_T.sum().exp().item()


def reached(policy: TinyPolicy, family: Skills) -> list[float]:
    """Of each kind, the rate at which the taught policy answers by the right skill, rightly."""
    model = teach_policy(policy, family).eval()
    codes = {token: i for i, token in enumerate(tokens_of(family))}
    rates = []
    for level in range(1, family.kinds + 1):
        rng = random.Random(f"base policies/{level}")
        questions = [question_of_stream(family, level, "validation", rng) for _ in range(QUESTIONS)]
        pairs = [
            (encode(question, codes), encode(right_answer(family, question, level), codes))
            for question in questions
        ]
        rates.append(sum(probability(model, *pair) for pair in pairs) / len(pairs))
    return rates


def probes(names: list[str]) -> Iterator[tuple[str, TinyPolicy, Skills]]:
    """The probes whose policy answers by skills, without filler before the answer."""
    folder = Path(__file__).parents[1] / "experiments" / "probes"
    for path in sorted(folder.glob("*.yaml")):
        experiment = load_experiment(str(path))
        family: Family | None = experiment.task.family
        policy = experiment.model
        if not isinstance(policy, TinyPolicy) or not isinstance(family, Skills) or family.filler:
            continue
        if path.stem in (names or [path.stem]):
            yield path.stem, policy, family


def main() -> None:
    known = [name for name, *_ in probes([])]
    if unknown := [name for name in sys.argv[1:] if name not in known]:
        sys.exit(f"{', '.join(unknown)}: answers are not read off here: choose {', '.join(known)}")
    for name, policy, family in probes(sys.argv[1:]):
        shown = [family.rate(level) for level in range(1, family.kinds + 1)]
        print(f"{name:12s} shown   " + " ".join(f"{rate:.4f}" for rate in shown))
        for seed in SEEDS:
            found = reached(policy.model_copy(update={"seed": seed}), family)
            worst = max(max(a / b, b / a) for a, b in zip(found, shown, strict=True))
            rates = " ".join(f"{rate:.4f}" for rate in found)
            print(f"{name:12s} seed {seed}  {rates}  factor {worst:.2f}", flush=True)


if __name__ == "__main__":
    main()
