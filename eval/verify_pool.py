"""A pool of worker processes that compare (gold, answer) pairs, each under a wall-clock and a memory limit.

Workers are fresh interpreters started when first needed: no fork of a multithreaded trainer, no alarm
signal in the parent, no terminal (own session, so Ctrl-C reaches the parent alone). An answer's clock
starts when it is handed to an idle, ready worker. A worker that oversteps the limit is killed and costs its
own answer only; one that dies in the middle of an answer without having overstepped is replaced and the
answer tried once more.
"""

import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

START_LIMIT_S = 120.0  # importing sympy on a busy machine
STARTS = 3  # failures to start in a row before giving up
_KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "TMPDIR")  # of the environment

Status = Literal["ok", "unparsed", "timeout", "error"]
Pair = tuple[str, str]  # gold, answer
Result = tuple[bool, Status]  # correct, status


@dataclass(frozen=True)
class _Task:
    place: int  # in the batch
    pair: Pair
    attempt: int = 1


def _environment() -> dict[str, str]:
    """A small one: untrusted text is parsed out of reach of the trainer's secrets, with one hash seed."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    roots = [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, roots)), "PYTHONHASHSEED": "0"}


class _Worker:
    """A process and what it does. `deadline` is for its start while not `is_ready`, then for `task`."""

    def __init__(self, limit_s: float, memory_mb: int) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by kill)
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "eval.verify_worker",
                str(os.getpid()),
                str(limit_s),
                str(memory_mb),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(),
            start_new_session=True,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._requests, self.outcomes = self._process.stdin, self._process.stdout
        self.limit_s = limit_s
        self.is_ready = False
        self.task: _Task | None = None
        self.deadline = time.monotonic() + START_LIMIT_S

    @property
    def pid(self) -> int:
        return self._process.pid

    def give(self, task: _Task) -> None:
        """Never blocks: a pair is shorter than a pipe's buffer, and the worker is waiting for it."""
        self.task = task
        self.deadline = time.monotonic() + self.limit_s
        with contextlib.suppress(BrokenPipeError):  # it died while idle: the next wait sees its end of file
            self._requests.write(json.dumps(task.pair).encode() + b"\n")
            self._requests.flush()

    def read(self) -> Any:
        """The next message, or None at the end of file: the process is gone."""
        line = self.outcomes.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    def last_words(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()[-500:] or "it left no message"

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._requests, self.outcomes, self._errors):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


class Pool:
    """At most `workers` processes; `compare` may be called again, `close` ends them. Not thread-safe."""

    def __init__(self, workers: int, limit_s: float, memory_mb: int) -> None:
        self._size, self._limit_s, self._memory_mb = workers, limit_s, memory_mb
        self._workers: list[_Worker] = []
        self._owner = os.getpid()
        self._failed_starts = 0

    def pids(self) -> list[int]:
        """Of the processes alive now."""
        return [worker.pid for worker in self._workers]

    def compare(self, pairs: Sequence[Pair]) -> list[Result]:
        """(correct, status) of every pair, in order. Raises RuntimeError if a worker cannot be started."""
        self._forget_after_fork()
        results: dict[int, Result] = {}
        waiting = [_Task(place, pair) for place, pair in enumerate(pairs)][::-1]
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
        """A forked child shares its parent's pipes: it leaves those workers alone and starts its own."""
        if os.getpid() != self._owner:
            self._workers, self._owner = [], os.getpid()

    def _start(self, wanted: int) -> None:
        while len(self._workers) < min(self._size, wanted):
            self._workers.append(_Worker(self._limit_s, self._memory_mb))

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
            if worker not in reporting and time.monotonic() >= worker.deadline:
                self._overstepped(worker, results)

    def _receive(self, worker: _Worker, results: dict[int, Result], waiting: list[_Task]) -> None:
        message, task = worker.read(), worker.task
        if message is None:
            self._died(worker, results, waiting)
        elif task is None:
            worker.is_ready, self._failed_starts = True, 0
        else:
            correct, status = message
            results[task.place] = (correct, status)
            worker.task = None

    def _died(self, worker: _Worker, results: dict[int, Result], waiting: list[_Task]) -> None:
        task = worker.task
        if not worker.is_ready:
            self._failed_starts += 1
            if self._failed_starts == STARTS:
                raise RuntimeError(f"verifier workers end while starting: {worker.last_words()}")
        self._remove(worker)
        if task and task.attempt == 1:
            waiting.append(_Task(task.place, task.pair, attempt=2))
        elif task:
            results[task.place] = (False, "error")

    def _overstepped(self, worker: _Worker, results: dict[int, Result]) -> None:
        if worker.task is None:
            raise RuntimeError(
                f"a verifier worker was not ready in {START_LIMIT_S:.0f} s: {worker.last_words()}"
            )
        results[worker.task.place] = (False, "timeout")
        self._remove(worker)

    def _remove(self, worker: _Worker) -> None:
        worker.kill()
        self._workers.remove(worker)
