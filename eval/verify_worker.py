"""One worker process of the verifier: a pair a line in, its outcome a line out, limits set by the kernel.

It imports math-verify and nothing heavier, and is started as a fresh interpreter, never by fork. Lines are
JSON: `[gold, answer]` in, `[correct, status]` out; the first line out is `"ready"`. The parent keeps the
time; the alarm here ends a worker whose parent is gone, even inside one long C call that holds the
interpreter's lock.
"""

import json
import os
import resource
import signal
import sys
import threading
import time

# Parsed before the first answer, whose time would otherwise include building the grammar's tables.
_WARM_UP = [
    ("1", r"\frac{1}{2}"),
    (r"\sqrt{3}", r"2^{3} \cdot \left(1 - x\right)"),
    (r"(1, 2)", r"\left[0, \infty\right)"),
    (r"y = 2x + 1", r"-1 \le x < 3"),
    (r"\{1, 2\}", r"\pi + 0.5"),
    (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"5\text{ cm}"),
]


def _limit_memory(memory_mb: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20, memory_mb * 2**20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_with(parent: int) -> None:
    """The pipe's end tells as well, unless another child of the parent inherited it and lives on."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _own_pipes() -> tuple[int, int]:
    """(requests, outcomes) as new descriptors; whatever the parser prints goes nowhere."""
    requests, outcomes = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    return requests, outcomes


def _outcome(gold: str, answer: str) -> tuple[bool, str]:
    from eval.equality import compare

    try:
        return compare(gold, answer)
    except Exception:  # the parser's bug is this answer's error, and no other's
        return False, "error"


def _has_grown(memory_mb: int) -> bool:
    """Past half the limit, what earlier answers left in the caches could cost a later one its verdict."""
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit > memory_mb * 2**20 // 2


def main(parent: int, limit_s: float, memory_mb: int) -> None:
    requests, outcomes = _own_pipes()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    for gold, answer in _WARM_UP:
        _outcome(gold, answer)
    _limit_memory(memory_mb)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # no handler: the kernel ends the process
    os.write(outcomes, b'"ready"\n')
    os.dup2(1, 2)
    for line in os.fdopen(requests, "rb"):
        signal.setitimer(signal.ITIMER_REAL, limit_s + 1)
        outcome = _outcome(*json.loads(line))
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.write(outcomes, json.dumps(outcome).encode() + b"\n")
        if _has_grown(memory_mb):
            return  # the parent starts another with the next answer


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
