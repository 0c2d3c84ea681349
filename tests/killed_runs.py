"""A training run in a process of its own that kills itself at a chosen point, for the tests of resuming.

Runs are forked from a server that has imported everything once, so each of them takes seconds.
"""

import importlib
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from eval.arithmetic import arithmetic
from eval.problems import write_problems
from experiments.schema import Experiment, load

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["experiments.train"])

TRAINING = {
    "rollouts": 5,
    "prompts_per_rollout": 4,
    "num_generations": 4,
    "updates_per_rollout": 2,
    "per_device_train_batch_size": 4,
    "max_completion_length": 8,
    "learning_rate": 1e-3,
    "lr_scheduler_type": "cosine",
    "gradient_share_every": 2,
    "checkpoint_every": 1,
}


def make_root(folder: Path, **training: Any) -> Path:
    """A results folder that a run can start from: 8 prompts, so that the third rollout begins a second pass."""
    from experiments.base_policy import make_tokenizer
    from tests.grpo_runs import small_policy

    experiment = small(**training)
    (folder / "spec.yaml").write_text(yaml.safe_dump(experiment.model_dump(mode="json")))
    write_problems(folder / "problems" / "train.jsonl", arithmetic([1, 2], 4, "test", 0))
    small_policy().save_pretrained(folder / "base" / "policy")
    make_tokenizer().save_pretrained(folder / "base" / "policy")
    return folder


def small(**training: Any) -> Experiment:
    content = load("smoke").model_dump(mode="json")
    content["arms"]["aer"]["method"] = {"name": "aer", "tau": 1.0, "rho": 1.0, "eta": 1.0}  # acts from the start
    return Experiment.model_validate(content | {"training": TRAINING | training})


def start(root: Path, kill_at: tuple[str, int, str] | None = None) -> int:
    """The exit code of `python -m experiments.train` there, arm aer, seed 1; -9 = killed."""
    process = SERVER.Process(target=child, args=(root, kill_at))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def child(root: Path, kill_at: tuple[str, int, str] | None) -> None:
    import sys

    from experiments.train import main

    if kill_at:
        set_trap(*kill_at)
    sys.argv = ["train", "--spec", str(root / "spec.yaml"), "--arm", "aer", "--seed", "1"]
    with (root / "log").open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        main()


def set_trap(place: str, call: int, needle: str = "") -> None:
    """Kills this process at the call-th call of the function `place` ("module:attribute") that mentions `needle`."""
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
        if seen == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)

    pytest.MonkeyPatch().setattr(owner, name, trapped)
