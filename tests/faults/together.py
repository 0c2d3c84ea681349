"""Two runs at once, jobs that outlive Snakemake, Ctrl-C, and a clock that is set back."""

import os
import shutil
import signal
import time
from pathlib import Path

from tests.faults.outcome import Outcome, require, require_said, require_same
from tests.faults.study import LOOK, Run, Study, signal_to

DAY = 86_400 * 10**9  # ns
BEGUN = ("train.jsonl", "eval/arithmetic_test.samples.jsonl")
"""What a run makes first when it trains, and when it samples: by then its process is at work, not
being loaded.
"""


HELD = ("train.jsonl", "eval/.arithmetic_test.lock")
"""What is there once a job has the lock that keeps others out."""


def two_at_once(quiet: Study, taken: dict[str, float], folder: Path, seed: int) -> Outcome:
    """A second `snakemake all` while the first trains."""
    study = quiet.copy(folder)
    shutil.rmtree(study.run(1))
    first = study.start()
    require(first.first("train") is not None, f"nothing to train:\n{first.said()[-3000:]}")
    times = 2
    for _ in range(times):
        second = Study(folder)
        kept = first.output.rename(folder / "first.out")
        code, said = second.call()
        kept.rename(folder / "snakemake.out")
        require(code != 0, "two runs at once")
        require_said("another run is at work there", said)
    require(first.wait() == 0, f"the first was disturbed:\n{first.said()[-3000:]}")
    require_same(quiet.results, study.results)
    return Outcome(
        "two `snakemake all` at once", "the second starts while the first trains", times,
        "the second says which process is at work, and changes nothing; the first ends as the"
        " quiet run",
    )  # fmt: skip


def interrupt(quiet: Study, taken: dict[str, float], folder: Path, seed: int) -> Outcome:
    """Ctrl-C while one run trains and once more while another samples."""
    study = quiet.copy(folder)
    shutil.rmtree(study.run(1))
    for made in BEGUN:
        run = until_begun(study, made)
        run.interrupt()
        require(run.wait() != 0, "Ctrl-C counts as success")
        require(not ended_late(run.processes), f"processes are left: {run.processes()}")
        require(not list((folder / ".snakemake" / "locks").glob("*")), "a lock is left")
        require_said("Fix the cause and run the same command again", run.said())
    code, said = study.call()
    require(code == 0, said[-3000:])
    require_same(quiet.results, study.results)
    return Outcome(
        "Ctrl-C", "SIGINT to the whole group, during training and during sampling", len(BEGUN),
        "all processes end, no lock stays, no traceback; the next start goes on and ends as the"
        " quiet run",
    )  # fmt: skip


def outlived(quiet: Study, taken: dict[str, float], folder: Path, seed: int) -> Outcome:
    """SIGKILL to Snakemake alone; its job is held still until the next start has met it."""
    study = quiet.copy(folder)
    shutil.rmtree(study.run(1))
    for made in HELD:
        # The job that trained has sampled, too: without its samples rule sample has a job.
        shutil.rmtree(study.run(1) / "eval", ignore_errors=True)
        run = until_begun(study, made)
        signal_to(run.main.pid, signal.SIGKILL)
        run.main.wait()
        left = [process.pid for process in run.processes()]
        require(bool(left), f"its job died with it, or was over: {made}")
        try:
            for pid in left:
                signal_to(pid, signal.SIGSTOP)
            code, said = study.call()
        finally:
            for pid in left:
                signal_to(pid, signal.SIGCONT)
        require(code != 0, "two jobs made the same thing at once")
        require_said("another process is at work here", said)
        while run.processes():
            time.sleep(LOOK)
    code, said = study.call()
    require(code == 0, said[-3000:])
    require_same(quiet.results, study.results)
    return Outcome(
        "Snakemake dies, its jobs live", "SIGKILL to Snakemake alone, during training and during sampling; started again at"
        " once", len(HELD),
        "refused while the old job is at work; after it, the next start goes on and ends as the"
        " quiet run",
    )  # fmt: skip


def until_begun(study: Study, made: str) -> Run:
    """A new start of the study, at work, with this file of its run there."""
    run = study.start()
    for _ in run.watch():
        if (study.run(1) / made).exists():
            break
    require(run.main.poll() is None, f"it ended before {made} was there:\n{run.said()[-3000:]}")
    return run


def ended_late(processes: object) -> bool:
    """Whether processes are left some seconds after Snakemake has ended."""
    assert callable(processes)
    until = time.monotonic() + 30
    while processes() and time.monotonic() < until:
        time.sleep(0.5)
    return bool(processes())


def clock_set_back(quiet: Study, taken: dict[str, float], folder: Path, seed: int) -> Outcome:
    """All files are dated tomorrow, as a run before the clock's change leaves them; one run is not
    finished.
    """
    study = quiet.copy(folder)
    shutil.rmtree(study.run(1) / "eval")
    for path in folder.rglob("*"):
        dated = path.stat(follow_symlinks=False)
        os.utime(path, ns=(dated.st_atime_ns + DAY, dated.st_mtime_ns + DAY), follow_symlinks=False)
    code, said = study.call()
    require(code == 0, said[-3000:])
    require_said("had a time in the future", said)
    require_same(quiet.results, study.results)
    code, said = study.call()
    require(
        code == 0 and "Nothing to be done" in said, f"a second start found work:\n{said[-3000:]}"
    )
    return Outcome(
        "the clock is set back a day", "the files of an unfinished study are dated tomorrow", 1,
        "said, and dated now; ends as the quiet run",
    )  # fmt: skip
