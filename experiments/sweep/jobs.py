"""Starts the jobs of a trial (training, sampling, scoring) and ends them with their worker."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from eval.files.jsonl import Row, read_rows
from experiments.workflow.launcher import THREADS

POLL_SECONDS = 0.5  # between two looks at a training log

TrialJob = subprocess.Popen[bytes]


class TrialFailed(Exception):
    """A job of the trial ended with an error. The message names its log."""


def start_job(command: Sequence[str], log: Path, threads: int) -> TrialJob:
    """Starts a command of this project. It cannot outlive this process (on Linux)."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable if command[0] == "python" else command[0], *command[1:]],
            env=os.environ | dict.fromkeys(THREADS, str(threads)),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            preexec_fn=die_with_parent if sys.platform == "linux" else None,
        )


def die_with_parent() -> None:
    """Asks Linux to kill this process when its parent ends in any way (PR_SET_PDEATHSIG = 1)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


@contextmanager
def attended(job: TrialJob) -> Iterator[TrialJob]:
    """Ends a job that still runs when the block is left, and waits for it.

    It gets SIGTERM, so a training run saves first. A launcher passes the signal on to the processes
    that it has started.
    """
    try:
        yield job
    finally:
        if job.poll() is None:
            job.terminate()
            job.wait()


def wait_for_success(job: TrialJob, what: str, log: Path) -> None:
    """Waits until a job ends. TrialFailed, with the last line of its log, if it ends badly."""
    if job.wait():
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or [""]
        raise TrialFailed(f"{what} ended with code {job.returncode}, see {log}: {lines[-1][:200]}")


def follow_rows(path: Path, job: TrialJob) -> Iterator[Row]:
    """The rows of a training log as they are written, until its job ends."""
    shown = 0
    while True:
        # before reading: rows that the job writes last are read in this pass
        over = job.poll() is not None
        rows = read_rows(path, torn_ok=True) if path.exists() else []
        yield from rows[shown:]
        shown = len(rows)
        if over:
            return
        time.sleep(POLL_SECONDS)
