"""A job that refuses its input is not retried: it would refuse again.

Snakemake retries a job whatever its exit code, which it does not pass on. So a refusal is known by
the job's log, whose last message is then one of `exit_with_message`.
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

TAIL = 1 << 16  # bytes of a log that are read
TRACE = "Traceback (most recent call last)"


def refusal(logs: Iterable[str | Path]) -> str:
    """The message with which a job refused its input; "" if it ended in another way.

    `logs`: the files that its rule names.
    """
    for path in logs:
        lines = log_tail(path)
        starts = [i for i, line in enumerate(lines) if line.startswith("error: ")]
        if starts and not any(TRACE in line for line in lines[starts[-1] :]):
            return "\n".join(lines[starts[-1] :])
    return ""


def log_tail(path: str | Path) -> list[str]:
    """The last lines of a job's log; none if it cannot be read."""
    with suppress(OSError), Path(path).open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - TAIL))
        return file.read().decode(errors="replace").rstrip().splitlines()
    return []


class NoRetryOfRefusals(logging.Handler):
    """Uses up the attempts of a job that has refused its input.

    Snakemake logs a job's failure before it decides whether to start the job again.

    `job_of`: number of a job → the job, with `attempt` and `restart_times`.
    """

    def __init__(self, job_of: Callable[[int], Any]) -> None:
        super().__init__()
        self.job_of = job_of

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "event", None) == "job_error" and refusal(record.__dict__["log"]):
            job = self.job_of(record.__dict__["jobid"])
            if job.attempt <= job.restart_times:
                job.attempt = job.restart_times + 1


def job_with(dag: Any, jobid: int) -> Any:
    """The job of this number in Snakemake's graph."""
    return next(job for job in dag.jobs if dag.jobid(job) == jobid)
