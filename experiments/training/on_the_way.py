"""Keeps the policy as it stands after some rollouts, so that it can be evaluated like the last one.

    <arm>/seed-<s>/on_the_way/rollout-0010/policy/     after 10 rollouts

A policy on the way is a folder like the last policy's: whole weights as safetensors, tokenizer,
mark. It is on the disk before a checkpoint of the same rollout is. A run that resumes from a
checkpoint has therefore kept all policies up to it; those after it are deleted and kept again when
the run comes there. Nothing is drawn from torch's global generator, so that a run trains the same
with and without them.
"""

import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from eval.files.durable import discard, empty, publish
from eval.files.errors import BadInput
from eval.files.marks import mark_folder
from eval.files.results_layout import on_the_way_folder, on_the_way_folders
from experiments.run.processes import on_main


class KeptPolicies(TrainerCallback):
    """Keeps the policy of a trainer after each of the wanted numbers of rollouts.

    run: folder of the run. save: writes the trainer's policy into a folder; all processes call it.
    """

    def __init__(
        self,
        trainer: Any,
        run: Path,
        wanted: Collection[int],
        save: Callable[[Any, Path], None],
    ) -> None:
        self.trainer, self.run, self.wanted, self.save = trainer, run, frozenset(wanted), save
        self.done = 0  # rollouts that have been looked at

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        """Raises: BadInput where a policy is missing from before the point of resuming."""
        self.done = self.trainer.progress.rollouts
        on_main(lambda: drop_policies_after(self.run, self.done))
        on_main(lambda: check_kept(self.run, [each for each in self.wanted if each <= self.done]))

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        rollouts = self.trainer.progress.rollouts
        if rollouts == self.done:
            return  # between two updates of a rollout
        self.done = rollouts
        if rollouts in self.wanted:
            self.keep(on_the_way_folder(self.run, rollouts))

    def keep(self, place: Path) -> None:
        staging = place.with_name(f".{place.name}.new")
        on_main(lambda: empty(staging / "policy"))
        with torch.random.fork_rng(devices=[]):  # merging adapters loads a model, which draws
            self.save(self.trainer, staging / "policy")
        on_main(lambda: publish_kept(staging, place))


def publish_kept(staging: Path, place: Path) -> None:
    mark_folder(staging / "policy")
    publish(staging, place)


def drop_policies_after(run: Path, rollouts: int) -> None:
    """Deletes policies of rollouts that will be trained again, and what was evaluated of them."""
    for done, folder in on_the_way_folders(run).items():
        if done > rollouts:
            discard(folder)
            shutil.rmtree(folder.with_name(f".{folder.name}.new"), ignore_errors=True)


def check_kept(run: Path, wanted: Collection[int]) -> None:
    for rollouts in sorted(wanted):
        policy = on_the_way_folder(run, rollouts) / "policy"
        if not policy.is_dir():
            raise BadInput(
                f"{policy}: is missing, and the run resumes after it: put it back, or delete {run}"
                " to train this run again"
            )
