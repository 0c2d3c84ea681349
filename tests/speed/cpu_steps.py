"""python -m tests.speed.cpu_steps: processor time and peak memory of an optimizer step on the CPU,
the project's trainer against stock TRL's, on given completions.

As tests/speed/gpu_steps.py, whose trainers, completions and clock it uses, one thread. Every turn
is a fork of one process that has imported everything, with a new model: some steps to warm up, then
those that count. Time is the processor's, so that other work on the machine counts less; turns
alternate, ours and stock, and what is printed is the median of the turns' medians, their ratio, and
the ratios of neighbouring turns from the least to the most. Memory is the most resident memory of a
step above what was resident before the model was made, with freed memory handed back at once; it is
measured in turns of its own, since that takes time.
"""

import ctypes
import gc
import multiprocessing
import tempfile
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import torch
from transformers import PrinterCallback
from transformers.utils import logging

from eval.files.command_line import command_parser
from experiments.plan.geometry import Geometry
from tests.speed import gpu_steps
from tests.speed.gpu_steps import Cell, Given, Plan, cells, make_model, make_rollout, make_trainer
from tests.speed.memory import peak, reset_peak, resident

gpu_steps.GEOMETRY["small"] = Geometry(128, 4, 4, 2, 32, 384, 8192, tied=True)
CELLS = [
    *cells(["toy"], [32], tokens=512, per_pass=256),
    *cells(["small"], [128], tokens=1024, per_pass=512),
]
PLAN = Plan(CELLS, "cpu", warm_up=3, steps=10)
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of glibc's mallopt


@dataclass
class OnCpu(Given):
    """The same, with the processor's clock and the peak of resident memory."""

    def reward(self, completions: list[str], **more: Any) -> list[float | None]:
        rewards = super().reward(completions, **more)
        reset_peak()
        self.start = time.process_time()
        return rewards

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        self.seconds.append(time.process_time() - self.start)
        self.peak_bytes.append(int(1e6 * peak()))


def main() -> None:
    parser = command_parser("tests.speed.cpu_steps", __doc__)
    parser.add_argument("--turns", type=int, default=6, help="of each trainer, for the time")
    parser.add_argument("--steps", type=int, default=PLAN.steps, help="of a turn that count")
    arguments = parser.parse_args()
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    plan = replace(PLAN, steps=arguments.steps)
    print(
        "| policy | entropy term | ours, ms | TRL, ms | ratio | pairs | ours, MB | TRL, MB | ratio |"
    )
    print("|---|---|---:|---:|---:|---|---:|---:|---:|")
    for cell in plan.cells:
        print(row(cell, plan, arguments.turns), flush=True)


def row(cell: Cell, plan: Plan, turns: int) -> str:
    """A line of the table."""
    names = [name for turn in range(turns) for name in ("ours", "stock")[:: (-1) ** turn]]
    seconds: dict[str, list[float]] = {"ours": [], "stock": []}
    for name in names:
        seconds[name].append(median(in_a_fork(cell, plan, name, lean=False)["seconds"]))
    pairs = sorted(a / b for a, b in zip(seconds["ours"], seconds["stock"], strict=True))
    ours, stock = (1000 * median(seconds[name]) for name in ("ours", "stock"))
    mine, theirs = (
        max(in_a_fork(cell, plan, name, lean=True)["peak_bytes"]) / 1e6
        for name in ("ours", "stock")
    )
    return (
        f"| {cell.policy} | {'with' if cell.entropy_term else 'without'} | {ours:.1f} |"
        f" {stock:.1f} | {ours / stock:.2f} | {pairs[0]:.2f} to {pairs[-1]:.2f} | {mine:.1f} |"
        f" {theirs:.1f} | {mine / theirs:.2f} |"
    )


def in_a_fork(cell: Cell, plan: Plan, name: str, lean: bool) -> dict[str, Any]:
    """The turn's numbers. `lean`: freed memory is handed back at once."""
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(
        target=turn, args=(there, cell, plan, name, lean)
    )
    process.start()
    there.close()
    try:
        return here.recv()
    finally:
        process.join()


def turn(answer: Connection, cell: Cell, plan: Plan, name: str, lean: bool) -> None:
    if lean:
        libc = ctypes.CDLL(None)
        for option, value in (
            (M_ARENA_MAX, 1),
            (M_MMAP_THRESHOLD, 1 << 16),
            (M_TRIM_THRESHOLD, 0),
        ):
            libc.mallopt(option, value)
        train(plan.cells[0], plan, name)  # loads what is loaded at the first use
    gc.collect()
    before = resident("VmRSS")
    given = train(cell, plan, name)
    peaks = [most - int(1e6 * before) for most in given.peak_bytes[plan.warm_up :]]
    answer.send({"seconds": given.seconds[plan.warm_up :], "peak_bytes": peaks})


def train(cell: Cell, plan: Plan, name: str) -> OnCpu:
    """A training run on the given completions, with its measurements."""
    model = make_model(cell.policy, plan.device)
    given = OnCpu(make_rollout(cell, model.config.vocab_size), cuda=False)
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(cell, plan, name, given, model, Path(folder))
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(given)
        trainer.train()
    return given


if __name__ == "__main__":
    main()
