"""Base policies learn what they are shown, with every seed, and what the probes' files state."""

import pytest

from experiments.families import Skills
from experiments.spec.policy_settings import TinyPolicy
from tests.base_policies import SEEDS, largest_factor, probes, reached, stated

FAMILY = Skills(kinds=4, decay=0.5, hint=2, wrong=0)
POLICY = TinyPolicy(source="tiny", hidden_size=64, layers=2, learning_rate=5e-3, batch_size=64)


@pytest.mark.parametrize("seed", SEEDS)
def test_rare_skills_are_used_as_often_as_they_were_shown(seed: int) -> None:
    found = reached(POLICY.model_copy(update={"seed": seed}), FAMILY)
    assert largest_factor(found, [FAMILY.rate(level) for level in FAMILY.levels]) < 1.5


@pytest.mark.parametrize("probe", probes())
def test_every_probe_states_the_rates_of_its_levels(probe: str) -> None:
    says = stated(probe)
    assert len(says.rates) == len(says.family.shown)
    assert 1 < says.factor <= 2.5


def test_the_base_policy_of_the_default_experiment_is_as_its_file_states() -> None:
    """At size, and with the seed that is used. The other seeds and probes: `python -m
    tests.base_policies`.
    """
    says = stated("rare")
    assert largest_factor(reached(says.policy, says.family), says.rates) <= says.factor
