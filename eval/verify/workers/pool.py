"""A pool of worker processes that compare (gold, answer) pairs, each under a time and a memory
limit.

Workers are fresh interpreters started when first needed: no fork of a multithreaded trainer, no
alarm signal in the parent, no terminal (own session, so Ctrl-C reaches the parent alone). An
answer's clock starts when it is handed to an idle, ready worker, and its limit is one of wall clock
that waits for a starved machine: a verdict must not depend on the load. A child (see
`worker.py`) that oversteps the limit is killed and costs its own answer only; after one
that dies in the middle of an answer without having overstepped, the answer is tried once more.
"""

import contextlib
import itertools
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from eval.verify.outcome import Status

# times its limit of wall clock that an answer may take on a machine too busy to run it
STARVED = 10
START_LIMIT_S = 120.0  # importing sympy on a busy machine
WORKER = "eval.verify.workers.worker"
STARTS = 3  # failures to start in a row before giving up
_KEPT = (
    "PATH",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "PYTHONHOME",
    "TMPDIR",
)  # of the environment

Pair = tuple[str, str]  # gold, answer
Result = tuple[bool, Status]  # correct, status


@dataclass(frozen=True)
class _Task:
    place: int  # in the batch
    pair: Pair
    number: int  # of the request; what comes back under another number is of a request given up
    attempt: int = 1


def _environment() -> dict[str, str]:
    """A small one: untrusted text is parsed out of reach of the trainer's secrets, with one hash
    seed.
    """
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    roots = [str(Path(__file__).resolve().parents[3]), os.environ.get("PYTHONPATH", "")]
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, roots)), "PYTHONHASHSEED": "0"}


def _processor_s(pid: int) -> float | None:
    """Processor time that a process has used, where the kernel tells."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class _Worker:
    """A process, the child it works through, and what that does.

    `deadline` is for the child's start while not `is_ready`, then for `task`.
    """

    def __init__(self, limit_s: float, memory_mb: int, program: str) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by kill)
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                program,
                str(os.getpid()),
                str(limit_s),
                str(memory_mb),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            # a line read ahead into a buffer would be one that the selector never reports
            bufsize=0,
            env=_environment(),
            start_new_session=True,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._requests, self.outcomes = self._process.stdin, self._process.stdout
        self._limit_s = limit_s
        self.child: int | None = None
        self._expect_child()

    def _expect_child(self) -> None:
        self.is_ready = False
        self.task: _Task | None = None
        self.deadline = time.monotonic() + START_LIMIT_S

    def has_child(self, pid: int) -> None:
        self.child, self.is_ready, self.task = pid, True, None

    def pids(self) -> list[int]:
        return [self._process.pid] + ([self.child] if self.child else [])

    def give(self, task: _Task) -> None:
        """Never blocks: a pair is shorter than a pipe's buffer, and the child is waiting for it."""
        assert self.child
        self.task = task
        self._began, self._used_s = time.monotonic(), _processor_s(self.child)
        self.deadline = self._began + self._limit_s
        with contextlib.suppress(
            BrokenPipeError
        ):  # it died while idle: the next wait sees its end of file
            self._requests.write(json.dumps([task.number, *task.pair]).encode() + b"\n")
            self._requests.flush()

    def is_over(self) -> bool:
        """Past the deadline for good. On a machine too busy to run the child the deadline moves
        on.
        """
        now = time.monotonic()
        used_s = _processor_s(self.child) if self.task and self.child else None
        if now < self.deadline or used_s is None or self._used_s is None:
            return now >= self.deadline
        missing_s = self._limit_s - (used_s - self._used_s)
        self.deadline = min(now + missing_s, self._began + STARVED * self._limit_s)
        return missing_s < 0.1 * self._limit_s or now >= self.deadline

    def read(self) -> Any:
        """The next message, or None at the end of file: the process is gone."""
        line = self.outcomes.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    def last_words(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()[-500:] or "it left no message"

    def replace_child(self) -> None:
        assert self.child
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.child, signal.SIGKILL)
        self._expect_child()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._requests, self.outcomes, self._errors):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


class Pool:
    """At most `workers` processes; `compare` may be called again, `close` ends them.

    `program`: the module that a worker runs; it speaks the protocol of `worker.py`.
    Not thread-safe.
    """

    def __init__(self, workers: int, limit_s: float, memory_mb: int, program: str = WORKER) -> None:
        self._size, self._limit_s, self._memory_mb = workers, limit_s, memory_mb
        self._program = program
        self._workers: list[_Worker] = []
        self._owner = os.getpid()
        self._failed_starts = 0
        self._numbers = itertools.count()

    def pids(self) -> list[int]:
        """Of the processes alive now."""
        return [pid for worker in self._workers for pid in worker.pids()]

    def compare(self, pairs: Sequence[Pair]) -> list[Result]:
        """(correct, status) of every pair, in order. Raises RuntimeError if a worker cannot be
        started.
        """
        self._forget_after_fork()
        results: dict[int, Result] = {}
        waiting = [_Task(place, pair, next(self._numbers)) for place, pair in enumerate(pairs)][
            ::-1
        ]
        try:
            while len(results) < len(pairs):
                self._start(len(pairs) - len(results))
                for worker in self._workers:
                    if worker.is_ready and worker.task is None and waiting:
                        worker.give(waiting.pop())
                self._wait(results, waiting)
        except BaseException:
            self.close()  # a worker in the middle of an answer would report it to the next caller
            raise
        return [results[place] for place in range(len(pairs))]

    def close(self) -> None:
        self._forget_after_fork()
        for worker in self._workers:
            worker.kill()
        self._workers.clear()

    def _forget_after_fork(self) -> None:
        """A forked child shares its parent's pipes: it leaves those workers alone and starts its
        own.
        """
        if os.getpid() != self._owner:
            self._workers, self._owner = [], os.getpid()

    def _start(self, wanted: int) -> None:
        while len(self._workers) < min(self._size, wanted):
            self._workers.append(_Worker(self._limit_s, self._memory_mb, self._program))

    def _wait(self, results: dict[int, Result], waiting: list[_Task]) -> None:
        """Blocks until a worker reports, dies or oversteps its limit, and books what happened."""
        busy = [worker for worker in self._workers if worker.task or not worker.is_ready]
        with selectors.DefaultSelector() as selector:
            for worker in busy:
                selector.register(worker.outcomes, selectors.EVENT_READ, worker)
            patience = min(worker.deadline for worker in busy) - time.monotonic()
            reporting = [key.data for key, _ in selector.select(max(patience, 0))]
        for worker in reporting:
            self._receive(worker, results, waiting)
        for worker in busy:
            if worker not in reporting and worker.is_over():
                self._overstepped(worker, results)

    def _receive(self, worker: _Worker, results: dict[int, Result], waiting: list[_Task]) -> None:
        message, task = worker.read(), worker.task
        if message is None:
            self._ended(worker)
            self._lost(task, results, waiting)
        elif message[0] == "ready":
            self._failed_starts = 0
            worker.has_child(message[1])
            self._lost(task, results, waiting)
        elif task and message[0] == task.number:
            results[task.place] = (message[1], message[2])
            worker.task = None

    def _lost(self, task: _Task | None, results: dict[int, Result], waiting: list[_Task]) -> None:
        """The child died at this task. Others may have killed it: once is not held against the
        answer.
        """
        if task and task.attempt == 1:
            waiting.append(replace(task, number=next(self._numbers), attempt=2))
        elif task:
            results[task.place] = (False, "error")

    def _ended(self, worker: _Worker) -> None:
        self._failed_starts += not worker.is_ready
        if self._failed_starts == STARTS:
            raise RuntimeError(f"verifier workers end while starting: {worker.last_words()}")
        worker.kill()
        self._workers.remove(worker)

    def _overstepped(self, worker: _Worker, results: dict[int, Result]) -> None:
        if worker.task is None:
            raise RuntimeError(
                f"a verifier worker was not ready in {START_LIMIT_S:.0f} s: {worker.last_words()}"
            )
        results[worker.task.place] = (False, "timeout")
        worker.replace_child()
