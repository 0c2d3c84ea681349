"""What each command loads: a job that loads what it does not use pays seconds for nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from eval.files import code_digest

HEAVY = ("torch", "transformers", "datasets", "pandas", "scipy", "sklearn", "mlflow", "optuna")
SLOW = {*HEAVY, "matplotlib", "trl", "sympy"} - {"optuna"}  # optuna: 0.2 s, the schema of a sweep


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


def commands() -> list[str]:
    """Every module that `python -m` runs. A worker of the verifier is started by the pool alone."""
    found = [
        path.relative_to(code_digest.CHECKOUT).with_suffix("")
        for package in code_digest.PACKAGES
        for path in sorted((code_digest.CHECKOUT / package).rglob("*.py"))
        if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
    ]
    names = [".".join(path.parts).removesuffix(".__main__") for path in found]
    return [name for name in names if name != "eval.verify.workers.worker"]


def test_no_command_loads_what_takes_seconds_before_it_has_read_its_command_line(
    tmp_path: Path,
) -> None:
    """Neither for --help nor for an option that does not exist. All in a process each, which ends
    as the command ends.
    """
    program = (
        "import atexit, runpy, sys\n"
        f"slow = {sorted(SLOW)}\n"
        "atexit.register(lambda: print('LOADED', *[s for s in slow if s in sys.modules]))\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)\n"
    )
    asked = [(name, option) for name in commands() for option in ("--help", "--no-such-option")]
    assert len(asked) > 50
    for name, option in asked:
        done = subprocess.run(
            [sys.executable, "-c", program, name, option],
            capture_output=True,
            text=True,
            check=False,
        )
        said = (name, option, done.stdout[-300:], done.stderr[-300:])
        assert done.returncode == (0 if option == "--help" else 2), said
        assert done.stdout.splitlines()[-1] == "LOADED", said
        assert "usage: " in (done.stdout if option == "--help" else done.stderr), said
