"""SIGKILL at random points of the whole graph: to everything at once, and to single jobs."""

import random
import signal
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.faults.alive import lifeless
from tests.faults.outcome import Broken, Outcome, require, require_same
from tests.faults.study import Process, Run, Study, signal_to

EVERYTHING = {
    "snakemake": 2, "follower": 2, "problems": 1, "base_policy": 2, "base_sample": 2, "base_score": 1, "train": 5,
    "sample": 3, "score": 1, "tables": 1, "figures": 2, "report_page": 1, "tracked": 1,
}  # fmt: skip
"""Rule → times that everything is killed at a random moment of one of its jobs."""

STUDIES = 4  # a job ends between two looks at it now and then; more than these would be no chance

JOBS = {"problems": 1, "base_policy": 1, "base_sample": 1, "base_score": 1, "train": 3, "sample": 2, "score": 1} | {
    "tables": 1, "figures": 1, "report_page": 1, "tracked": 1,
}  # fmt: skip
"""Rule → times that one of its jobs is killed and Snakemake goes on."""


def quiet_run(study: Study) -> dict[str, float]:
    """An undisturbed run; rule → processor seconds that its longest job took."""
    run, taken = study.start(), dict[str, float]()
    for processes in run.watch():
        for process in processes:
            # Of Snakemake itself what it takes to start: killed later, it dies beside one of its
            # jobs.
            if process.rule and not (process.rule == "snakemake" and len(taken) > 1):
                taken[process.rule] = max(taken.get(process.rule, 0.0), process.seconds() or 0.0)
    require(run.wait() == 0, f"the quiet run failed:\n{run.said()[-3000:]}")
    require(
        not (missing := lifeless(study.results)),
        f"the quiet run has nothing to lose: {'; '.join(missing)}",
    )
    return taken


def in_studies(
    quiet: Study,
    folder: Path,
    left: Counter[str],
    to_the_end: Callable[[Study, Counter[str]], None],
) -> None:
    """Runs a study to its end. A job that was over before its turn has none any more there: another
    takes what is left.
    """
    for number in range(STUDIES):
        study = Study(folder / str(number))
        to_the_end(study, left)
        require_same(quiet.results, study.results)
        if not left.total():
            return
    raise Broken(f"these have no job any more: {dict(+left)}")


def kill_everything(quiet: Study, taken: dict[str, float], folder: Path, seed: int) -> Outcome:
    """Kills Snakemake and all its processes again and again, starting it again each time."""
    in_studies(
        quiet,
        folder,
        Counter(EVERYTHING),
        partial(kill_to_the_end, taken=taken, rng=random.Random(seed)),
    )
    return Outcome(
        "the machine dies",
        "SIGKILL to Snakemake and all its processes at a random moment of one of its jobs, until"
        " every rule has had its"
        " share; `snakemake all` again each time",
        sum(EVERYTHING.values()),
        "same tables, counts, samples, policies and training logs as the quiet run, byte for byte"
        " but for times",
    )


def kill_to_the_end(
    study: Study, left: Counter[str], taken: dict[str, float], rng: random.Random
) -> None:
    """Starts a study and kills it as long as a rule that is left has a job. The first start that
    ends by itself must be all that it takes.
    """
    while True:
        run = study.start()
        rule = moment(run, left, taken, rng)
        if rule is None:
            return require(run.wait() == 0, f"the last start failed:\n{run.said()[-3000:]}")
        run.kill()
        left[rule] -= 1


def moment(run: Run, left: Counter[str], taken: dict[str, float], rng: random.Random) -> str | None:
    """Waits until a job of the rules that are left has come to a random moment of its time, or to
    its end before that.

    Its rule, or None if the run ended without. Every job in sight has its own moment: of two that
    run side by side, one would else be over before its turn.
    """
    moments: dict[int, tuple[Process, str, float]] = {}
    for processes in run.watch():
        for process in processes:
            rule = process.rule
            if rule and left[rule] and process.pid not in moments:
                moments[process.pid] = process, rule, rng.uniform(0, taken[rule])
        for process, rule, seconds in moments.values():
            spent = process.seconds()
            if spent is None or spent >= seconds:
                return rule
    return None


def kill_jobs(quiet: Study, taken: dict[str, float], folder: Path, seed: int) -> Outcome:
    """Kills single jobs: in the first start Snakemake retries them, in others the next start makes
    them again.
    """
    in_studies(
        quiet,
        folder,
        Counter(JOBS),
        partial(strike_to_the_end, taken=taken, rng=random.Random(seed)),
    )
    return Outcome(
        "a job dies",
        "SIGKILL to the process of a job at a random moment, Snakemake goes on; `--retries 2`,"
        " else started again",
        sum(JOBS.values()),
        "as above",
    )


def strike_to_the_end(
    study: Study, left: Counter[str], taken: dict[str, float], rng: random.Random
) -> None:
    for options in (("--retries", "2"), *[()] * 9):
        run = study.start(*options)
        strike(run, left, taken, rng)
        if run.wait() == 0:
            return
    raise Broken(f"it does not come to an end in ten starts: {study.folder}/snakemake.out")


def strike(run: Run, left: Counter[str], taken: dict[str, float], rng: random.Random) -> None:
    """Kills jobs of the rules that are left, each at most once per process, until the run ends."""
    after: dict[int, float] = {}
    struck: set[int] = set()
    for processes in run.watch():
        for process in processes:
            rule = process.rule
            if not rule or not left[rule] or process.pid in struck:
                continue
            moment = after.setdefault(process.pid, rng.uniform(0, 0.8 * taken[rule]))
            if (process.seconds() or 0.0) >= moment:
                signal_to(process.pid, signal.SIGKILL)
                struck.add(process.pid)
                left[rule] -= 1
