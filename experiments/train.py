"""One arm, one seed: from a base policy to a trained one, with a row of numbers per rollout.

    python -m experiments.train --spec results/arithmetic/spec.yaml --arm aer --seed 1

Reads the base policy and the problems of the experiment's results folder; writes run.json,
train.jsonl, method_state.json and policy/ into <arm>/seed-<seed>/ beside them. Started again after
a crash, it goes on from the last checkpoint; rows after it are dropped and made again. Asked to
stop (SIGTERM, Ctrl-C), it saves and exits with 75.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from tqdm import tqdm
from transformers.utils import logging

from eval.files.durable import discard, empty, locked, publish, write_text
from eval.files.errors import BadInput, exit_with_message
from eval.files.jsonl import Appender, dump, read_rows
from eval.files.marks import mark_folder
from eval.questions.problems import read_problems
from eval.sampling.gpus import check_gpus
from eval.verify.verifier import Verifier
from experiments.policies.load import load_policy, lora_config, policy_source, save_policy
from experiments.run.checkpoint import Progress, read_progress, resume_point, write_progress
from experiments.run.explosion import Limits
from experiments.run.identity import Identity, check_base, finish_run, identity, is_finished
from experiments.run.numerics import FOLDER, Guard, refuse_after_fault
from experiments.run.record import fault_settings, run_record
from experiments.run.stopping import TRY_AGAIN, StopRequest, stop_on_signal
from experiments.spec.schema import Experiment, Training, load
from experiments.tasks.dataset import make_dataset
from experiments.tasks.strata import RATES, strata_of
from experiments.training.grpo_config import grpo_config
from experiments.training.processes import on_main, world
from experiments.training.rewards import SoftOverlong, VerifiedReward
from experiments.training.trainer import EntropyControlTrainer

Row = dict[str, Any]


class RolloutLog:
    """train.jsonl as it grows, and a progress bar on a terminal."""

    def __init__(self, path: Path, rollouts: int, done: int) -> None:
        keep_rows(path, done)
        self.file = Appender(path)
        self.bar = tqdm(
            total=rollouts, initial=done, desc=path.parent.parent.name, unit="rollout", disable=None
        )

    def __call__(self, row: Row) -> None:
        self.file.write([row])
        # a checkpoint of this rollout may be next, and must not be on the disk without it
        self.file.sync()
        self.bar.update()
        shown = {"reward": row["reward"], "entropy": row["entropy"], "length": row["length_mean"]}
        self.bar.set_postfix(
            {name: "-" if value is None else f"{value:.3g}" for name, value in shown.items()}
        )

    def close(self) -> None:
        self.file.close()
        self.bar.close()


def keep_rows(path: Path, count: int) -> None:
    """Drops the rows of rollouts that will be made again."""
    rows = read_rows(path, torn_ok=True)[:count] if path.exists() else []
    if len(rows) < count:
        raise BadInput(
            f"{path}: has {len(rows)} rows where the checkpoint has {count} rollouts: delete this"
            " run"
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
    training = experiment.training_of(arm)
    model, tokenizer = load_policy(experiment, training.attention, inputs)
    problems = read_problems(inputs / "problems" / "train.jsonl")
    dataset, levels = make_dataset(problems, experiment.task, tokenizer, strata_of(inputs))

    def save(trainer: Any, folder: Path) -> None:
        save_policy(trainer, folder, policy_source(experiment, inputs))

    return EntropyControlTrainer(
        method=experiment.arms[arm].method,
        labels={"level": levels, "stratum": RATES},
        on_row=on_row,
        gradient_share_every=training.gradient_share_every,
        mask_truncated=training.mask_truncated_completions,
        stop=stop,
        guard=Guard(
            out / FOLDER, f"arm {arm}, seed {seed}", fault_settings(experiment, arm, seed), save
        ),
        limits=limits(training, model.config.vocab_size),
        model=model,
        processing_class=tokenizer,
        reward_funcs=rewards(training),
        peft_config=lora_config(training.lora),
        args=grpo_config(training, seed, out / "checkpoints", world().num_processes),
        train_dataset=dataset,
    )


def limits(training: Training, vocabulary: int) -> Limits:
    return Limits(
        share=training.exploded_entropy,
        vocabulary=vocabulary,
        rollouts=training.exploded_rollouts,
        unrewarded=training.unrewarded_rollouts,
        stop=training.stop_exploded,
    )


def rewards(training: Training) -> list[Any]:
    """The verdict first."""
    verdict = VerifiedReward(Verifier(workers=1))
    if not training.overlong_buffer:
        return [verdict]
    return [verdict, SoftOverlong(training.max_completion_length, training.overlong_buffer)]


def run(experiment: Experiment, arm: str, seed: int, inputs: Path, out: Path | None = None) -> None:
    """Trains, and leaves everything that docs/metrics.md lists in `out`, which is
    <inputs>/<arm>/seed-<seed> if not given.

    `inputs`: the folder whose problems/ and base/ are read.
    """
    out, state, started = out or inputs / arm / f"seed-{seed}", world(), time.time()
    lock = locked(out / "checkpoints" / "lock") if state.is_main_process else nullcontext()
    with lock, stop_on_signal() as stop:
        mine = on_main(lambda: identity(experiment, arm, seed, inputs))
        on_main(lambda: check_base(experiment, inputs, out, mine))
        if on_main(lambda: is_finished(out, mine)):
            print(f"{out}: is complete, and was trained from the same {' and '.join(mine)}")
            on_main(lambda: discard(out / "checkpoints"))  # it may have died before that
            return
        trainer = train(experiment, arm, seed, inputs, out, stop, mine)
        if trainer.interrupted:
            raise SystemExit(TRY_AGAIN)
        policy = on_main(lambda: empty(out / ".policy.new"))
        save_policy(trainer, policy, policy_source(experiment, inputs))
        if state.is_main_process:
            leave(out, policy, trainer.progress)
            finish_run(out, mine, run_record(experiment, arm, seed, trainer, started))


def train(
    experiment: Experiment,
    arm: str,
    seed: int,
    inputs: Path,
    out: Path,
    stop: StopRequest,
    mine: Identity,
) -> EntropyControlTrainer:
    """The trainer after the run's last rollout, or the one at which it was asked to stop. Begins at
    the last good checkpoint, if there is one.
    """
    state = world()
    on_main(lambda: refuse_after_fault(out / FOLDER))
    checkpoint = on_main(lambda: resume_point(out / "checkpoints", mine, state.num_processes))
    done = read_progress(checkpoint).rollouts if checkpoint else 0
    rollouts = experiment.training_of(arm).rollouts
    log = RolloutLog(out / "train.jsonl", rollouts, done) if state.is_main_process else None
    trainer = make_trainer(experiment, arm, seed, inputs, out, log or nothing, stop)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if log:
        log.close()
    return trainer


def nothing(row: Row) -> None:
    """Where another process writes the rows."""


def leave(out: Path, policy: Path, progress: Progress) -> None:
    """Makes the policy visible, and the state that the method ended with."""
    mark_folder(policy)
    publish(policy, out / "policy")
    write_progress(out, progress)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--spec", required=True, type=Path, help="results/<experiment>/spec.yaml")
    parser.add_argument("--arm", required=True)
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument(
        "--inputs", type=Path, help="folder with problems/ and base/; default: that of the spec"
    )
    parser.add_argument(
        "--out", type=Path, help="folder of the run; default: <arm>/seed-<seed> beside the inputs"
    )
    arguments = parser.parse_args()
    logging.disable_progress_bar()
    with exit_with_message():
        check_gpus()
        experiment = load(arguments.spec)
        check_run(experiment, arguments.arm, arguments.seed)
        inputs = arguments.inputs or arguments.spec.parent
        run(experiment, arguments.arm, arguments.seed, inputs, arguments.out)


def check_run(experiment: Experiment, arm: str, seed: int) -> None:
    if arm not in experiment.arms:
        raise BadInput(f"unknown arm {arm!r}: choose one of {', '.join(experiment.arms)}")
    if seed not in experiment.seeds:
        raise BadInput(
            f"unknown seed {seed}: the experiment has {', '.join(map(str, experiment.seeds))}"
        )


if __name__ == "__main__":
    main()
