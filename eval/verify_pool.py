"""A pool of worker processes that compare (gold, answer) pairs, each under a wall-clock and a memory limit.

Workers are fresh interpreters started when first needed: no fork of a multithreaded trainer, no alarm signal in the
parent, no terminal (own session, so Ctrl-C reaches the parent alone). An answer's clock starts when it is handed to
an idle, ready worker. A worker that oversteps the limit is killed and costs its own answer only; one that dies in the
middle of an answer without having overstepped is replaced and the answer tried once more.
"""

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

START_LIMIT_S = 120.0  # importing sympy on a busy machine
_KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "SYSTEMROOT", "TMPDIR")

Pair = tuple[str, str]  # gold, answer
Result = tuple[bool, str]  # correct, status


class _Task(NamedTuple):
    index: int
    pair: Pair
    attempt: int


def _environment() -> dict[str, str]:
    """A small one: untrusted text is parsed without the trainer's tokens in reach, and under one hash seed."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    root = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    return kept | {"PYTHONPATH": path, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}


class _Worker:
    """One process and what it is doing. `deadline` is for starting while `is_ready` is false, then for `task`."""

    def __init__(self, limit_s: float, memory_mb: int) -> None:
        self.errors = tempfile.TemporaryFile()
        arguments = [str(os.getpid()), str(limit_s), str(memory_mb)]
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "eval.verify_worker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=_environment(),
            start_new_session=True,
        )
        self.limit_s = limit_s
        self.is_ready = False
        self.task: _Task | None = None
        self.deadline = time.monotonic() + START_LIMIT_S

    def give(self, task: _Task) -> None:
        self.task = task
        self.deadline = time.monotonic() + self.limit_s
        assert self.process.stdin
        try:
            # shorter than a pipe's buffer and the worker is waiting for it: this cannot block
            self.process.stdin.write(json.dumps(task.pair).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it died while idle: its end of file comes up in the next wait

    def read(self) -> object:
        """The next message, or None at end of file: the process is gone."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    def last_words(self) -> str:
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace").strip()[-500:] or "no message"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.errors):
            try:
                pipe.close()  # type: ignore[union-attr]
            except BrokenPipeError:
                pass


class Pool:
    """At most `workers` processes; `compare` may be called again and again, `close` ends them. Not thread-safe."""

    def __init__(self, workers: int, limit_s: float, memory_mb: int) -> None:
        self._size, self._limit_s, self._memory_mb = workers, limit_s, memory_mb
        self._workers: list[_Worker] = []
        self._owner = os.getpid()

    def compare(self, pairs: Sequence[Pair]) -> list[Result]:
        """(correct, status) of every pair, in order."""
        self._forget_after_fork()
        results: dict[int, Result] = {}
        waiting = [_Task(index, pair, 1) for index, pair in enumerate(pairs)][::-1]
        try:
            while len(results) < len(pairs):
                self._start(len(pairs) - len(results))
                for worker in self._workers:
                    if worker.is_ready and worker.task is None and waiting:
                        worker.give(waiting.pop())
                self._wait(results, waiting)
        except BaseException:
            self.close()  # workers in the middle of an answer would report it to the next caller
            raise
        return [results[index] for index in range(len(pairs))]

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
                assert worker.process.stdout
                selector.register(worker.process.stdout, selectors.EVENT_READ, worker)
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
            worker.is_ready = True
        else:
            correct, status = message  # type: ignore[misc]
            results[task.index] = (correct, status)
            worker.task = None

    def _died(self, worker: _Worker, results: dict[int, Result], waiting: list[_Task]) -> None:
        if not worker.is_ready:
            raise RuntimeError(f"a verifier worker ended while starting: {worker.last_words()}")
        self._remove(worker)
        task = worker.task
        if task and task.attempt == 1:
            waiting.append(task._replace(attempt=2))
        elif task:
            results[task.index] = (False, "error")

    def _overstepped(self, worker: _Worker, results: dict[int, Result]) -> None:
        if not worker.task:
            raise RuntimeError(f"a verifier worker was not ready after {START_LIMIT_S:.0f} s: {worker.last_words()}")
        results[worker.task.index] = (False, "timeout")
        self._remove(worker)

    def _remove(self, worker: _Worker) -> None:
        worker.kill()
        self._workers.remove(worker)
