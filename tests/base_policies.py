"""python -m tests.base_policies [PROBE …]: does teaching reach what a probe's file states, with
every seed? Prints how often each level is answered as it should be; ends with an error if a policy
is not as stated.

    shown    rate at which the demonstrations use the skill that a level wants
    stated   what the head of the probe's file says
    seed s   what the policy of that seed does (experiments/policies/skill_rates.py)

Of `arithmetic`, whose answers are free in form, it is the share of right answers. A probe states
the rates of all levels, and by which factor those of the seeds 0 to 4 may be off:

    # Base policy: right by skill in .80, .12 and .045 of the answers, by level, within a factor of
    # 1.5.
    # Base policy: that of `rare`.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from eval.files.errors import BadInput, exit_with_message
from experiments.families import Skills, TaughtFamily
from experiments.policies.skill_rates import used_rate
from experiments.policies.tiny import accuracy_by_level, teach_policy
from experiments.spec.experiment_file import load_experiment
from experiments.spec.policy_settings import TinyPolicy

PROBES = Path(__file__).parents[1] / "experiments" / "probes"
SEEDS = (0, 1, 2, 3, 4)
RATES = re.compile(
    r"Base policy: .*? in (.*?) of the answers, by level, within a factor of ([\d.]+)\. "
)
SAME = re.compile(r"Base policy: that of `(\w+)`\.")


@dataclass(frozen=True)
class Stated:
    """What the file of a probe says of its base policy."""

    policy: TinyPolicy
    family: TaughtFamily
    rates: tuple[float, ...]  # in (0, 1), one per level that is taught
    factor: float  # by which the rate of a seed may be larger or smaller


def probes() -> list[str]:
    return sorted(path.stem for path in PROBES.glob("*.yaml"))


def stated(probe: str) -> Stated:
    """BadInput if the head of the file states nothing, or the rates of another number of levels."""
    path = PROBES / f"{probe}.yaml"
    experiment = load_experiment(str(path))
    policy, family = experiment.model, experiment.task.generator
    assert isinstance(policy, TinyPolicy)
    assert isinstance(family, TaughtFamily)
    text = head(path)
    if same := SAME.search(text):
        other = stated(same[1])
        if (policy, family) != (other.policy, other.family):
            raise BadInput(f"{path.name}: its base policy is not that of {same[1]}.yaml")
        return other
    said = RATES.search(text)
    rates = tuple(map(float, re.findall(r"[\d.]+\d", said[1]))) if said else ()
    if not said or len(rates) != len(family.shown):
        raise BadInput(f"{path.name}: its head states no rates of {len(family.shown)} levels")
    return Stated(policy, family, rates, float(said[2]))


def head(path: Path) -> str:
    """The comment that a file opens with, as one line."""
    found = re.match(r"(#.*\n)+", path.read_text())
    return re.sub(r"\s*#\s*", " ", found[0] if found else "") + " "


@cache  # several probes have the same policy
def reached(policy: TinyPolicy, family: TaughtFamily) -> tuple[float, ...]:
    """Of each level that is taught, how often the taught policy answers as it should."""
    model = teach_policy(policy, family).eval()
    if isinstance(family, Skills):
        return tuple(used_rate(model, family, level) for level in family.shown)
    return tuple(accuracy_by_level(model, family, policy.seed).values())


def largest_factor(found: Sequence[float], expected: Sequence[float]) -> float:
    """By which a rate is larger or smaller than expected; infinite where nothing is right."""
    pairs = zip(found, expected, strict=True)
    return max(max(a / b, b / a) if a else float("inf") for a, b in pairs)


def is_as_stated(probe: str) -> bool:
    """Prints the rates of a probe's policies."""
    says = stated(probe)
    if isinstance(says.family, Skills):
        show(probe, "shown", [says.family.rate(level) for level in says.family.shown])
    show(probe, "stated", says.rates, f"within {says.factor}")
    factors = []
    for seed in SEEDS:
        found = reached(says.policy.model_copy(update={"seed": seed}), says.family)
        factors.append(largest_factor(found, says.rates))
        show(probe, f"seed {seed}", found, f"factor {factors[-1]:.2f}")
    return max(factors) <= says.factor


def show(probe: str, name: str, rates: Sequence[float], note: str = "") -> None:
    print(f"{probe:12s} {name:7s}", *(f"{rate:.4f}" for rate in rates), note, flush=True)


def main() -> None:
    asked = sys.argv[1:] or probes()
    with exit_with_message():
        if unknown := sorted({*asked} - {*probes()}):
            raise BadInput(f"unknown probe {unknown[0]!r}: choose one of {', '.join(probes())}")
        wrong = [probe for probe in asked if not is_as_stated(probe)]
        if wrong:
            raise BadInput(f"base policies are not as their files state: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
