"""Two processes give what one gives: control, state, entropy, metrics, loss, gradients and weights, on the same batch.

Both read the same completions (tests/process_worker.py), short ones on the first process and long ones on the second, so
that a token which weighed differently there would show in the gradient.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from tests.process_worker import SCENARIOS, run

ROOT = Path(__file__).parents[1]
LAUNCH = [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", "2"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
TIMES = {"seconds_rollout", "seconds_update", "seconds_rest"}
COUNTED = {
    "rollout", "updates", "tokens_generated", "reward", "accuracy", "length_mean", "length_median", "length_p95",
    "length_terminated", "truncated", "groups_all_right", "groups_all_wrong", "rows_weighted",
}  # fmt: skip
"""Of a row: what comes from counting, and is therefore equal to the last bit."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Processes → what they wrote."""
    out = {count: tmp_path_factory.mktemp(f"processes_{count}") for count in (1, 2)}
    config = ["--config_file", str(ROOT / "experiments" / "launch" / "ddp.yaml")]
    command = [*LAUNCH, *config, "-m", "tests.process_worker", str(out[2])]
    with subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT) as two:
        for name in SCENARIOS:
            run(name, out[1])
        assert two.wait() == 0
    return out


def close(one: Any, two: Any, relative: float = 1e-5) -> bool:
    """Equal to rounding, whatever the nesting; strings, counts and None exactly."""
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(close(one[key], two[key], relative) for key in one)
    return one == two if isinstance(one, int | str | None) else one == pytest.approx(two, rel=relative, abs=1e-7)


@pytest.mark.parametrize("name", ["one_update", "masked"])
def test_rows_and_state_are_equal(name: str, folders: dict[int, Path]) -> None:
    """Every rollout: the runs stay together because what they do to the policy is the same."""
    one, two = (json.loads((folders[count] / f"{name}.json").read_text())["rows"] for count in (1, 2))
    assert len(one) == len(two) == 3
    for a, b in zip(one, two, strict=True):
        assert {key: a[key] for key in COUNTED} == {key: b[key] for key in COUNTED}
        for key in a.keys() - TIMES:
            assert close(a[key], b[key]), key
    assert any(row["truncated"] for row in one)
    assert one[0]["gradient_share"] > 0


def test_before_its_updates_a_rollout_is_the_same_however_it_is_split(folders: dict[int, Path]) -> None:
    """With several updates per rollout each process shuffles its own rows, so that other rows meet in an update. What
    was measured and decided before the first update is equal all the same."""
    one, two = (json.loads((folders[count] / "two_updates.json").read_text())["rows"][0] for count in (1, 2))
    assert {key: one[key] for key in COUNTED} == {key: two[key] for key in COUNTED}
    for key in ("entropy", "entropy_mc", "coefficient_mean", "coefficient_max", "levels", "strata", "groups", "state"):
        assert close(one[key], two[key]), key


@pytest.mark.parametrize("name", ["one_update", "masked"])
def test_loss_gradients_and_weights_are_equal(name: str, folders: dict[int, Path]) -> None:
    one, two = (json.loads((folders[count] / f"{name}.json").read_text())["losses"] for count in (1, 2))
    assert one == pytest.approx(two, rel=1e-5)
    # Gradients: rounding of float32 sums. Weights: three steps of Adam, which divides by the size of the gradient.
    for kind, tolerance in (("gradients", 1e-5), ("weights", 1e-4)):
        a, b = (load_file(folders[count] / f"{name}.{kind}") for count in (1, 2))
        assert a.keys() == b.keys()
        largest = max(value.abs().max().item() for value in a.values())
        assert largest > 0.01
        assert max((a[key] - b[key]).abs().max().item() for key in a) < tolerance * largest
