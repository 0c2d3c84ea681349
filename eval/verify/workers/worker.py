"""One worker of the verifier: a pair a line in, its outcome a line out, limits set by the kernel.

A fresh interpreter, never a fork of the trainer. It imports math-verify and nothing heavier, then
forks a child that does the work; a child that is killed or has grown is replaced by another fork
within milliseconds, without importing sympy again. Lines are JSON: `[number, gold, answer]` in;
`["ready", pid]` from each new child and `[number, correct, status]` out. The parent keeps the time;
the timer here ends a child whose parent is gone, even inside one long C call that holds the
interpreter's lock.
"""

import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence

Judge = Callable[[str, str], tuple[bool, str]]  # gold, answer -> correct, status

# Parsed before the first answer, whose time would otherwise include building the grammar's tables.
_WARM_UP = [
    ("1", r"\frac{1}{2}"),
    (r"\sqrt{3}", r"2^{3} \cdot \left(1 - x\right)"),
    (r"(1, 2)", r"\left[0, \infty\right)"),
    (r"y = 2x + 1", r"-1 \le x < 3"),
    (r"\{1, 2\}", r"\pi + 0.5"),
    (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"2\sqrt{5} + \frac{\pi}{3}"),
]


def judge_mathematics(gold: str, answer: str) -> tuple[bool, str]:
    """(correct, status) by all rules, computer algebra included."""
    from eval.verify.comparing.compare import compare
    from eval.verify.comparing.equality import same_mathematics

    return compare(gold, answer, same_mathematics)


def _warm_up() -> None:
    from eval.verify.comparing.equality import same_mathematics

    for gold, answer in _WARM_UP:
        same_mathematics(gold, answer)


def _outcome(judge: Judge, gold: str, answer: str) -> tuple[bool, str]:
    try:
        return judge(gold, answer)
    except Exception:  # the parser's bug is this answer's error, and no other's
        return False, "error"


def _own_pipes() -> tuple[int, int]:
    """(requests, outcomes) as new descriptors; whatever the parser prints goes nowhere."""
    requests, outcomes = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    return requests, outcomes


def _limit_memory(memory_mb: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "darwin":  # which has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20, memory_mb * 2**20))


def _has_grown(memory_mb: int) -> bool:
    """Past half the limit, what earlier answers left in the caches could cost a later one its
    verdict.
    """
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit > memory_mb * 2**20 // 2


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _serve(judge: Judge, requests: int, outcomes: int, limit_s: float, memory_mb: int) -> int:
    """Answers until the pipe ends (0) or the process has grown (1)."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # no handler: the kernel ends the process
    _limit_memory(memory_mb)
    os.write(outcomes, json.dumps(["ready", os.getpid()]).encode() + b"\n")
    for line in os.fdopen(requests, "rb"):
        signal.setitimer(signal.ITIMER_PROF, limit_s + 1)
        number, gold, answer = json.loads(line)
        outcome = _outcome(judge, gold, answer)
        signal.setitimer(signal.ITIMER_PROF, 0)
        os.write(outcomes, json.dumps([number, *outcome]).encode() + b"\n")
        if _has_grown(memory_mb):
            return 1
    return 0


def _wait_for(child: int, parent: int) -> int:
    """Exit status of the child; 0 once the parent is gone (another child may keep its pipe
    open).
    """
    while os.getppid() == parent:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        if hasattr(signal, "sigtimedwait"):
            signal.sigtimedwait({signal.SIGCHLD}, 1.0)
        else:
            time.sleep(0.05)
    return 0


def main(argv: Sequence[str], judge: Judge = judge_mathematics) -> None:
    """Serves until the parent is gone. `argv`: its process id, limit in s, address space in MiB."""
    parent, limit_s, memory_mb = int(argv[0]), float(argv[1]), int(argv[2])
    requests, outcomes = _own_pipes()
    if judge is judge_mathematics:
        _warm_up()
    os.dup2(1, 2)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    status = 1
    while status != 0:
        child = os.fork()
        if child == 0:
            os._exit(_serve(judge, requests, outcomes, limit_s, memory_mb))
        status = _wait_for(child, parent)


if __name__ == "__main__":
    main(sys.argv[1:])
