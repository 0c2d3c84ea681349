"""Trains one arm with one seed, and writes a row of numbers per rollout.

    python -m experiments.train --spec results/arithmetic/spec.yaml --arm aer --seed 1

It reads the base policy and the problems in the experiment's results folder, and writes run.json,
train.jsonl, completions/, method_state.json and policy/ into <arm>/seed-<seed>/ of that folder.
After a crash the same command resumes from the last checkpoint; what belongs to later rollouts is
deleted and written again. At SIGTERM or Ctrl-C it saves a checkpoint and exits with code 75.
"""

from experiments.run.command_line import train_arguments  # isort: skip

if __name__ == "__main__":
    train_arguments(__doc__)  # --help does not wait for the imports below

from eval.sampling import lean_imports  # isort: skip

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from tqdm import tqdm
from transformers.utils import logging

from eval.files.durable import discard, empty, publish, write_text
from eval.files.errors import BadInput, exit_with_message
from eval.files.jsonl import Appender, Row, dump, read_rows
from eval.files.locks import locked
from eval.files.marks import mark_folder
from eval.files.results_layout import COMPLETIONS_FOLDER
from eval.questions.problems import read_problems
from eval.sampling.gpus import check_gpus
from eval.verify.verifier import Verifier
from experiments.policies.load_save import load_policy, lora_config, policy_source, save_policy
from experiments.policies.prompts import check_context, check_reloaded
from experiments.run.checkpoint import Progress, read_progress, resume_point, write_progress
from experiments.run.explosion import Limits
from experiments.run.identity import Identity, check_base, finish_run, identity, is_finished
from experiments.run.numerics import FAULT_FOLDER, Guard, refuse_after_fault
from experiments.run.processes import on_main, world
from experiments.run.record import fault_settings, run_record
from experiments.run.stopping import TRY_AGAIN, StopRequest, stop_on_signal
from experiments.spec.experiment_file import load_experiment
from experiments.spec.schema import Experiment
from experiments.spec.training_settings import Training
from experiments.tasks.dataset import make_dataset
from experiments.tasks.strata import RATES, strata_of
from experiments.training.grpo_config import grpo_config
from experiments.training.on_the_way import KeptPolicies
from experiments.training.rollout.completions_log import KeptRollouts, drop_rollouts_from
from experiments.training.rollout.rewards import SoftOverlong, VerifiedReward
from experiments.training.trainer import EntropyControlTrainer
from experiments.workflow.layout import run_folder
from experiments.workflow.screen.learnable import doubts_of_row


class RolloutLog:
    """Writes train.jsonl, shows a progress bar on a terminal, and says after the first rollout if
    there is nothing to learn.

    limit: tokens of a completion.
    """

    def __init__(self, path: Path, rollouts: int, done: int, limit: int) -> None:
        keep_rows(path, done)
        self.limit = limit
        self.file = Appender(path)
        self.bar = tqdm(
            total=rollouts, initial=done, desc=path.parent.parent.name, unit="rollout", disable=None
        )

    def __call__(self, row: Row) -> None:
        self.file.write([row])
        # A checkpoint of this rollout may be written next, and must not be on the disk without it.
        self.file.sync()
        if row["rollout"] == 0:
            for doubt in doubts_of_row(row, self.limit):
                self.bar.write(f"warning: first rollout: {doubt}", file=sys.stderr)
        self.bar.update()
        shown = {"reward": row["reward"], "entropy": row["entropy"], "length": row["length_mean"]}
        self.bar.set_postfix(
            {name: "-" if value is None else f"{value:.3g}" for name, value in shown.items()}
        )

    def close(self) -> None:
        self.file.close()
        self.bar.close()


def keep_rows(path: Path, count: int) -> None:
    """Deletes the rows after the first `count`, whose rollouts will be generated again.

    Raises:
        BadInput: there are fewer rows than `count`.
    """
    rows = read_rows(path, torn_ok=True)[:count] if path.exists() else []
    if len(rows) < count:
        raise BadInput(
            f"{path}: has {len(rows)} rows, fewer than the {count} rollouts of the checkpoint:"
            f" delete {path.parent} to train this run again"
        )
    write_text(path, "".join(dump(row) + "\n" for row in rows))


def make_trainer(
    experiment: Experiment,
    arm: str,
    seed: int,
    inputs: Path,
    out: Path,
    on_row: Callable[[Row], None],
    stop: StopRequest | None = None,
) -> EntropyControlTrainer:
    """The trainer of a run, before its first rollout.

    `inputs`: folder with problems/ and base/. `out`: folder of the run. `on_row`: called with the
    row of each rollout. `stop`: asked after each rollout whether to stop.
    """
    training = experiment.training_of(arm)
    model, tokenizer = load_policy(experiment, training.attention, inputs)
    problems = read_problems(inputs / "problems" / "train.jsonl")
    dataset, levels = make_dataset(problems, experiment.task, tokenizer, strata_of(inputs))
    check_context(dataset["prompt"], tokenizer, model.config, training.max_completion_length)
    texts = [problem.text for problem in problems]
    check_reloaded(experiment.task.template, texts, tokenizer)

    def save(trainer: Any, folder: Path) -> None:
        save_policy(trainer, folder, policy_source(experiment, inputs))

    trainer = EntropyControlTrainer(
        method=experiment.arms[arm].method,
        labels={"level": levels, "stratum": RATES},
        on_row=on_row,
        gradient_share_every=training.gradient_share_every,
        mask_truncated=training.mask_truncated_completions,
        flipped_verdicts=training.flipped_verdicts,
        stop=stop,
        guard=Guard(
            out / FAULT_FOLDER,
            f"arm {arm}, seed {seed}",
            fault_settings(experiment, arm, seed),
            save,
        ),
        limits=explosion_limits(training, model.config.vocab_size),
        completions=KeptRollouts(
            out / COMPLETIONS_FOLDER,
            training.completions_every,
            training.rollouts,
            training.stop_exploded,
        ),
        model=model,
        processing_class=tokenizer,
        reward_funcs=reward_functions(training),
        peft_config=lora_config(training.lora),
        args=grpo_config(training, seed, out / "checkpoints", world().num_processes),
        train_dataset=dataset,
    )
    if wanted := experiment.evaluation.checkpoints:
        trainer.add_callback(KeptPolicies(trainer, out, wanted, save))
    return trainer


def explosion_limits(training: Training, vocabulary: int) -> Limits:
    """When a run counts as exploded. `vocabulary`: number of tokens."""
    return Limits(
        share=training.exploded_entropy,
        vocabulary=vocabulary,
        rollouts=training.exploded_rollouts,
        unrewarded=training.unrewarded_rollouts,
        stop=training.stop_exploded,
    )


def reward_functions(training: Training) -> list[Any]:
    """The reward functions; the trainer takes accuracy from the first, the verdict."""
    verdict = VerifiedReward(Verifier(workers=1))
    if not training.overlong_buffer:
        return [verdict]
    return [verdict, SoftOverlong(training.max_completion_length, training.overlong_buffer)]


def train_run(
    experiment: Experiment, arm: str, seed: int, inputs: Path, out: Path | None = None
) -> None:
    """Trains one arm with one seed. docs/metrics.md lists what is written.

    `inputs`: folder with problems/ and base/. `out`: folder of the run; default: the one of this
    arm and seed in `inputs`.

    Raises:
        BadInput: another process trains this run, or its folder is damaged.
        SystemExit: the run was asked to stop and has saved; starting it again resumes it.
    """
    out, state, started = out or run_folder(inputs, arm, seed), world(), time.time()
    lock = locked(out / "checkpoints" / "lock") if state.is_main_process else nullcontext()
    with lock, stop_on_signal() as stop:
        mine = on_main(lambda: identity(experiment, arm, seed, inputs))
        on_main(lambda: check_base(experiment, inputs, out, mine))
        if on_main(lambda: is_finished(out, mine, experiment.evaluation.checkpoints)):
            print(f"{out}: is complete, and was trained from the same {' and '.join(mine)}")
            on_main(lambda: discard(out / "checkpoints"))  # it may have died before that
            return
        trainer = train_rollouts(experiment, arm, seed, inputs, out, stop, mine)
        if trainer.interrupted:
            raise SystemExit(TRY_AGAIN)
        policy = on_main(lambda: empty(out / ".policy.new"))
        save_policy(trainer, policy, policy_source(experiment, inputs))
        if state.is_main_process:
            publish_policy(out, policy, trainer.progress)
            record = run_record(experiment, arm, seed, trainer, started)
            finish_run(out, mine, record, experiment.evaluation.checkpoints)


def train_rollouts(
    experiment: Experiment,
    arm: str,
    seed: int,
    inputs: Path,
    out: Path,
    stop: StopRequest,
    mine: Identity,
) -> EntropyControlTrainer:
    """Trains from the last good checkpoint, if there is one, to the last rollout or until it is
    asked to stop; returns the trainer.
    """
    state = world()
    on_main(lambda: refuse_after_fault(out / FAULT_FOLDER))
    checkpoint = on_main(lambda: resume_point(out / "checkpoints", mine, state.num_processes))
    done = read_progress(checkpoint).rollouts if checkpoint else 0
    on_main(lambda: drop_rollouts_from(out / COMPLETIONS_FOLDER, done))
    training, log = experiment.training_of(arm), None
    if state.is_main_process:
        rows, limit = out / "train.jsonl", training.max_completion_length
        log = RolloutLog(rows, training.rollouts, done, limit)
    trainer = make_trainer(experiment, arm, seed, inputs, out, log or ignore_row, stop)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if log:
        log.close()
    return trainer


def ignore_row(row: Row) -> None:
    """Ignores a row, on the processes that do not write train.jsonl."""


def publish_policy(out: Path, policy: Path, progress: Progress) -> None:
    """Moves the finished policy to its place and writes the final state of the method."""
    mark_folder(policy)
    publish(policy, out / "policy")
    write_progress(out, progress)


def main() -> None:
    arguments = train_arguments(__doc__)
    logging.disable_progress_bar()
    lean_imports.begin_work()
    with exit_with_message():
        check_gpus()
        experiment = load_experiment(arguments.spec)
        check_run(experiment, arguments.arm, arguments.seed)
        inputs = arguments.inputs or arguments.spec.parent
        train_run(experiment, arguments.arm, arguments.seed, inputs, arguments.out)


def check_run(experiment: Experiment, arm: str, seed: int) -> None:
    """Raises BadInput if the experiment does not have the arm or the seed."""
    if arm not in experiment.arms:
        raise BadInput(f"unknown arm {arm!r}: choose one of {', '.join(experiment.arms)}")
    if seed not in experiment.seeds:
        raise BadInput(
            f"unknown seed {seed}: the experiment has {', '.join(map(str, experiment.seeds))}"
        )


if __name__ == "__main__":
    main()
