"""What each command loads: a job that loads what it does not use pays seconds for nothing."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "datasets", "pandas", "scipy", "sklearn", "mlflow", "optuna")


def loaded(module: str) -> set[str]:
    """Heavy packages that importing the module loads, in a process of its own."""
    code = f"import sys, {module}; print(*sorted(set({HEAVY}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    ["methods", "experiments.spec.schema", "experiments.plan.command", "experiments.start"],
)
def test_checking_and_planning_an_experiment_load_no_torch(module: str) -> None:
    assert loaded(module) == set()


@pytest.mark.parametrize("module", ["eval.sample", "eval.score"])
def test_sampling_loads_the_policy_s_packages_only_once_something_is_missing(module: str) -> None:
    assert loaded(module) == set()


def test_training_loads_what_trl_needs_and_no_more() -> None:
    # pandas and datasets are TRL's own imports
    assert loaded("experiments.train") == {"torch", "transformers", "datasets", "pandas"}
