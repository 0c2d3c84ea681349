"""A training run in a process of its own that sends itself a signal at a chosen point, for the
tests of resuming.

Runs are forked from a server that has imported everything once, so each of them takes seconds.
"""

import importlib
import multiprocessing
import os
import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from eval.questions.problems import write_problems
from experiments.families import Arithmetic, TaughtFamily
from experiments.families.family import draw_problems
from experiments.spec.experiment_file import load_experiment
from experiments.spec.policy_settings import TinyPolicy
from experiments.spec.schema import Experiment

Trap = tuple[
    str, int | range, str
]  # function "module:attribute", which call or calls of it, what the call is about
ROOT = Path(__file__).parents[2]
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["experiments.train"])

TRAINING = {
    "rollouts": 5,
    "prompts_per_rollout": 4,
    "num_generations": 4,
    "updates_per_rollout": 2,
    "per_device_train_batch_size": 4,
    "max_completion_length": 16,
    "learning_rate": 1e-3,
    "lr_scheduler_type": "cosine",
    "gradient_share_every": 2,
    "checkpoint_every": 1,
}


def make_root(folder: Path, checkpoints: tuple[int, ...] = (), **training: Any) -> Path:
    """A results folder that a run can start from: 8 prompts, so that the third rollout begins a
    second pass. `checkpoints`: of the evaluation.
    """

    from experiments.policies.tiny_tokens import make_tiny_tokenizer

    experiment = small(checkpoints, **training)
    (folder / "spec.yaml").write_text(yaml.safe_dump(experiment.model_dump(mode="json")))
    write_problems(
        folder / "problems" / "train.jsonl", draw_problems(Arithmetic(), [1, 2], 4, "test", 0)
    )
    taught_policy().save_pretrained(folder / "base" / "policy")
    make_tiny_tokenizer().save_pretrained(folder / "base" / "policy")
    return folder


@cache
def taught_policy() -> Any:
    """Right in some samples and wrong in others, so that groups are mixed and there is a gradient
    to lose.
    """

    from experiments.policies.tiny import teach_policy

    experiment = load_experiment(ROOT / "tests" / "faults" / "faults.yaml")
    family = experiment.task.generator
    assert isinstance(experiment.model, TinyPolicy)
    assert isinstance(family, TaughtFamily)
    return teach_policy(experiment.model, family)


def small(checkpoints: tuple[int, ...] = (), **training: Any) -> Experiment:
    content = load_experiment("smoke").model_dump(mode="json")
    acting = {
        "name": "aer",
        "tau": 1.0,
        "rho": 1.0,
        "eta": 1.0,
        "alpha_0": 0.05,
    }  # from the first rollout on
    content["arms"]["aer"]["method"] = acting
    content["evaluation"]["checkpoints"] = checkpoints
    return Experiment.model_validate(content | {"training": TRAINING | training})


def start(root: Path, at: Trap | None = None, number: int = signal.SIGKILL, seed: int = 1) -> int:
    """The exit code of `python -m experiments.train` there, arm aer; -9 = killed."""
    process = SERVER.Process(target=child, args=(root, at, number, seed))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def child(root: Path, at: Trap | None, number: int, seed: int) -> None:
    import sys

    from experiments.train import main

    if at:
        set_trap(*at, number)
    sys.argv = ["train", "--spec", str(root / "spec.yaml"), "--arm", "aer", "--seed", str(seed)]
    with (root / "log").open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        main()


def set_trap(place: str, call: int | range, needle: str, number: int) -> None:
    """Sends this process a signal when the function is called so, counting from 1 the calls that
    mention `needle`.
    """
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module)
    for attribute in owners:
        owner = getattr(owner, attribute)
    function: Callable[..., Any] = getattr(owner, name)
    seen = 0

    def trapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal seen
        seen += needle in " ".join(map(str, args)) if needle else 1
        if seen in (call if isinstance(call, range) else [call]):
            os.kill(os.getpid(), number)
        return function(*args, **kwargs)

    pytest.MonkeyPatch().setattr(owner, name, trapped)
