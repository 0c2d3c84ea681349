"""What a start of Snakemake shows: one live view on a terminal, plain lines elsewhere.

Snakemake's own texts on jobs go to its log file, .snakemake/log/, whose path is the last line. The
screen gets: jobs done of all, what runs now with rollout, reward and entropy, the time left, and
every warning and error. A job that fails shows its message and the path of its log.

This is a handler of Snakemake's logger that takes the place of its handler for the screen. It is no
logger plugin: Snakemake finds plugins among installed packages only, so that a checkout would not
start in an environment that was made before it.
"""

import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from experiments.workflow.config import snakemake_options
from experiments.workflow.layout import StudyLayout
from experiments.workflow.refusals import log_tail, refusal
from experiments.workflow.screen.progress import (
    TARGETS,
    ActiveJob,
    StudyProgress,
    clock_text,
    progress_values,
)

DEFAULT_HANDLER = "DefaultStreamHandler"  # Snakemake's name for its own
OWN_TEXTS = ("quiet", "verbose", "debug_dag", "printshellcmds", "logger")
"""Options of Snakemake's whose user wants its own texts."""
NOTHING_TO_DO = "Nothing to be done"
KEPT = (
    NOTHING_TO_DO,
    "Trying to restart job",
    "Terminating processes",
    "Complete log",
    "Shutting down",
)
"""Beginnings of Snakemake's messages that the screen shows."""
# Who makes a policy may sample it, so that the sampling job finds that done.
EXPECTED = re.compile(r"Warning: the following output files of rule \w*sample were not present")
FAILED_LINES = 20  # of the log of a job that has failed
PLAIN_LINE_EVERY = 60.0  # seconds between two plain lines on what runs


Closing = Callable[[], Sequence[str]]  # the last lines, where nothing is to be done


def show_progress(title: str, arguments: Sequence[str], closing: Closing) -> None:
    """Replaces Snakemake's handler for the screen, unless an option asks for its own texts.

    title: what is made: an experiment's name, or battery.
    """
    options = snakemake_options(arguments)
    logger = logging.getLogger("snakemake.logging")
    own = [handler for handler in logger.handlers if handler.name == DEFAULT_HANDLER]
    if not own or any(getattr(options, name, None) for name in OWN_TEXTS):
        return
    for handler in own:
        logger.removeHandler(handler)
    stream = getattr(own[0], "stream", sys.stderr)
    is_live = stream.isatty() and os.environ.get("TERM") != "dumb"
    logger.addHandler((LiveScreen if is_live else StudyScreen)(title, stream, closing))


def show_runs(layout: StudyLayout, beginning: str = "") -> None:
    """Has the view show the training runs of a study. `beginning`: of the names of its rules."""
    for handler in logging.getLogger("snakemake.logging").handlers:
        if isinstance(handler, StudyScreen):
            handler.progress.layouts[beginning] = layout


def watch_graph(dag: Any) -> None:
    """Has the view count again where jobs are added. `dag`: Snakemake's graph of jobs."""
    for handler in logging.getLogger("snakemake.logging").handlers:
        if isinstance(handler, StudyScreen):
            handler.progress.graph = dag


def end_view() -> None:
    """Ends the live view, so that what is printed next stands below it."""
    for handler in logging.getLogger("snakemake.logging").handlers:
        if isinstance(handler, StudyScreen):
            handler.end()


class StudyScreen(logging.Handler):
    """Plain lines: one per job that is done, and what runs now once a minute."""

    def __init__(self, title: str, stream: TextIO, closing: Closing) -> None:
        super().__init__()
        self.title, self.stream, self.closing = title, stream, closing
        self.progress = StudyProgress()
        self.ended = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.take(record)
        except Exception:
            self.handleError(record)  # the view must not stop the study

    def take(self, record: logging.LogRecord) -> None:
        """Shows a record, or counts it."""
        event, given = getattr(record, "event", None), record.__dict__
        if event == "run_info" and "stats" in given:
            self.progress.plan(given["stats"])
            self.begin()
        elif event == "job_info":
            self.progress.count_again()
            self.progress.start(
                given["jobid"], given["rule_name"], given["wildcards"], given["log"]
            )
        elif event == "job_finished":
            if done := self.progress.finish(given["job_id"]):
                self.job_done(*done)
        elif event == "job_error":
            job = self.progress.active.pop(given["jobid"], None)
            self.say(failure_text(job.name if job else given["rule_name"], given["log"]))
        elif is_shown(record):
            self.say(record.getMessage())
            if str(record.msg).startswith(NOTHING_TO_DO):
                for line in self.closing():
                    self.say(line)

    def say(self, text: str) -> None:
        """Writes lines that stay."""
        print(text, file=self.stream, flush=True)

    def begin(self) -> None:
        """Called once, when the number of jobs is known."""
        jobs = "1 job" if self.progress.total == 1 else f"{self.progress.total} jobs"
        self.say(f"{self.title}: {jobs}")
        threading.Thread(target=self.each_minute, daemon=True).start()

    def each_minute(self) -> None:
        while not self.ended.wait(PLAIN_LINE_EVERY):
            self.say_doubts()
            self.say_status()

    def say_doubts(self) -> None:
        """Lines on training runs that have nothing to learn."""
        for line in self.progress.new_doubts():
            self.say(line)

    def say_status(self) -> None:
        """Called once a minute."""
        if self.progress.active:
            self.say(self.status_text())

    def status_text(self) -> str:
        """What runs now, on one line."""
        jobs = [*self.progress.active.values()]
        return f"{self.head_text()}; now: {'; '.join(map(job_text, jobs))}"

    def head_text(self) -> str:
        """Jobs done of all, and the time left."""
        progress = self.progress
        seconds, is_whole = progress.time_left()
        known = seconds > 0 or is_whole
        left = f", {'about' if is_whole else 'at least'} {clock_text(seconds)} left"
        return f"{progress.done} of {progress.total} jobs done{left if known else ''}"

    def job_done(self, job: ActiveJob, seconds: float) -> None:
        """Called for each job that is done."""
        if job.kind in TARGETS:
            return
        what = " ".join(f"{name} {value}" for name, value in progress_values(job).items())
        self.say(
            f"[{time.strftime('%H:%M:%S')}] {self.progress.done} of {self.progress.total}"
            f" {job.name}: {clock_text(seconds)}{', ' + what if what else ''}"
        )

    def end(self) -> None:
        """Ends what repeats."""
        self.ended.set()

    def close(self) -> None:
        self.end()
        super().close()


class LiveScreen(StudyScreen):
    """One view that is drawn again each second."""

    def __init__(self, title: str, stream: TextIO, closing: Closing) -> None:
        super().__init__(title, stream, closing)
        from rich.console import Console

        self.console = Console(file=stream)
        self.live: Any = None

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def begin(self) -> None:
        from rich.live import Live

        self.live = Live(
            console=self.console,
            get_renderable=self.view,
            refresh_per_second=1,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self.live.start()
        threading.Thread(target=self.each_minute, daemon=True).start()

    def say_status(self) -> None:
        """Nothing: the view shows it."""

    def job_done(self, job: ActiveJob, seconds: float) -> None:
        """Nothing: the view counts it."""

    def view(self) -> Any:
        """A bar, and one line per job that runs."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        progress = self.progress
        bar = ProgressBar(total=max(1, progress.total), completed=progress.done, width=60)
        table = Table(box=None, padding=(0, 2), header_style="dim")
        for title in ("now", "for", "rollout", "reward", "entropy"):
            table.add_column(title, justify="left" if title == "now" else "right")
        for job in [*progress.active.values()]:
            status, spent = progress_values(job), clock_text(time.monotonic() - job.started)
            table.add_row(
                job.name,
                spent,
                *(status.get(name, "") for name in ("rollout", "reward", "entropy")),
            )
        head = Text(f"{self.title}: {self.head_text()}")
        return Group(head, bar, table)

    def end(self) -> None:
        super().end()
        if self.live:
            self.live.stop()
            self.live = None
            self.say(f"{self.title}: {self.head_text()}")


def is_shown(record: logging.LogRecord) -> bool:
    """Whether the screen shows a message of Snakemake's."""
    text = str(record.msg or "")
    return (record.levelno >= logging.WARNING and not EXPECTED.match(text)) or text.startswith(KEPT)


def job_text(job: ActiveJob) -> str:
    """A job that runs, with the last numbers of a training run."""
    what = " ".join(f"{name} {value}" for name, value in progress_values(job).items())
    return f"{job.name}{' ' + what if what else ''}"


def failure_text(name: str, logs: Any) -> str:
    """Why a job failed: its refusal, or the last lines of its log; and where the log is."""
    paths = [str(path) for path in logs or ()]
    said = refusal(paths) or "\n".join(
        line for path in paths for line in log_tail(path)[-FAILED_LINES:]
    )
    where = f"\nlog: {', '.join(paths)}" if paths else ""
    return f"failed: {name}\n{said or 'its log is empty'}{where}"
