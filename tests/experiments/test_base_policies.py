"""Base policies learn what they are shown, with every seed: probes rest on their rates."""

import pytest

from experiments.families import Skills
from experiments.spec.policy_settings import TinyPolicy
from tests.base_policies import LIMIT, SEEDS, reached

FAMILY = Skills(kinds=4, decay=0.5, hint=2, wrong=0)
POLICY = TinyPolicy(source="tiny", hidden_size=64, layers=2, learning_rate=5e-3, batch_size=64)


@pytest.mark.parametrize("seed", SEEDS)
def test_rare_skills_are_used_as_often_as_they_were_shown(seed: int) -> None:
    found = reached(POLICY.model_copy(update={"seed": seed}), FAMILY)
    for level, rate in enumerate(found, start=1):
        shown = FAMILY.rate(level)
        assert shown / LIMIT < rate < shown * LIMIT, f"kind {level}"
