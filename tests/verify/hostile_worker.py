"""A verifier worker whose answers hang, kill it or die once: real processes for the pool's tests.

Gold and answer are equal or not; some answers do something first:

    hang            sleeps for ever, without using the processor
    spin            works for ever
    sleep S         sleeps S seconds, then agrees with any gold
    deadly          kills its worker each time
    once FILE       makes FILE and kills its worker; agrees if FILE is there already
    begin FILE      makes FILE, then hangs; agrees if FILE is there already
"""

import os
import signal
import sys
import time
from pathlib import Path

from eval.verify.workers.worker import main


def judge(gold: str, answer: str) -> tuple[bool, str]:
    what, _, argument = answer.partition(" ")
    if what in ("once", "begin"):
        if Path(argument).exists():
            return True, "ok"
        Path(argument).touch()
    if what in ("once", "deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
    while what == "spin":
        pass
    if what == "sleep":
        time.sleep(float(argument))
        return True, "ok"
    if what in ("hang", "begin"):
        time.sleep(3600)
    return gold == answer, "ok"


if __name__ == "__main__":
    main(sys.argv[1:], judge)
