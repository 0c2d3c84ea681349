"""A small study in a folder of its own, run by the real Snakefile in a session of its own. Linux
only: it reads /proc.

The processes of a run are found by its session, and the rule of each by its command line. How far a
job is, is measured in its own processor time, which a busy machine does not stretch.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXPERIMENT = Path(__file__).with_name("faults.yaml")
LOOK = 0.02  # seconds between two looks at the processes
PATIENCE = 3600.0  # seconds until a run counts as hanging
TICKS = os.sysconf("SC_CLK_TCK")

RULES = {
    "snakemake": r"-m snakemake all",
    "follower": r"-m experiments\.tracking follow",
    "problems": r"-m experiments\.tasks",
    "base_policy": r"-m experiments\.(workflow\.train_then_sample experiments\.)?policies\.tiny ",
    "base_sample": r"-m eval\.sample .*--label arm=base",
    "base_score": r"-m eval\.score --out \S+/base/eval",
    "train": r"-m experiments\.(workflow\.train_then_sample experiments\.)?train ",
    "sample": r"-m eval\.sample (?!.*arm=base)",
    "score": r"-m eval\.score --out \S+/seed-",
    "tables": r"-m analysis\.tables",
    "figures": r"-m analysis\.figures",
    "report_page": r"-m analysis\.report",
    "tracked": r"-m experiments\.tracking sync",
}
"""Rule → what its process is called with, in the order of the graph; the first is Snakemake itself,
the second its MLflow log.
"""


@dataclass(frozen=True)
class Process:
    """A living process of a run."""

    pid: int
    command: str

    @property
    def rule(self) -> str | None:
        """The rule that it is the job of; None for shells and helpers."""
        if not Path(self.command.partition(" ")[0]).name.startswith("python"):
            return None
        return next(
            (rule for rule, pattern in RULES.items() if re.search(pattern, self.command)), None
        )

    def seconds(self) -> float | None:
        """Processor time that it has taken; None once it has ended."""
        fields = stat_of(self.pid)
        return (int(fields[11]) + int(fields[12])) / TICKS if fields and fields[0] != "Z" else None


def stat_of(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat from the third (state) on; empty where there is no such
    process.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return []


class Run:
    """`snakemake all` at work."""

    def __init__(
        self, folder: Path, experiment: Path, options: tuple[str, ...], targets: tuple[str, ...]
    ) -> None:
        self.output = folder / "snakemake.out"
        command = [
            sys.executable,
            "-m",
            "snakemake",
            *targets,
            "--snakefile",
            str(ROOT / "Snakefile"),
        ]
        # Two threads of torch on a busy machine wait for each other most of the time, in the
        # longest job there is.
        command += ["--directory", str(folder), *options, "--set-threads", "base_policy=1"]
        command += ["--config", f"experiment={experiment}"]
        with self.output.open("w") as file:
            self.main = subprocess.Popen(
                command,
                stdout=file,
                stderr=file,
                stdin=subprocess.DEVNULL,
                env=environment(),
                start_new_session=True,
            )

    def processes(self) -> list[Process]:
        """The living ones of its session."""
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        fields = {pid: stat_of(pid) for pid in pids}
        own = [
            pid
            for pid in pids
            if fields[pid] and fields[pid][3] == str(self.main.pid) and fields[pid][0] != "Z"
        ]
        return [Process(pid, command_of(pid)) for pid in own]

    def watch(self) -> Iterator[list[Process]]:
        """Looks at the processes until Snakemake ends."""
        until = time.monotonic() + PATIENCE
        while self.main.poll() is None:
            yield self.processes()
            time.sleep(LOOK)
            if time.monotonic() > until:
                self.kill()
                raise TimeoutError(f"the run did not end: {self.said()[-2000:]}")

    def first(self, rule: str) -> Process | None:
        """The first job of a rule, as soon as it is there; None if none came."""
        for processes in self.watch():
            for process in processes:
                if process.rule == rule:
                    return process
        return None

    def kill(self) -> None:
        """SIGKILL to Snakemake and every process of its session, those that were just being started
        included.
        """
        while left := self.processes():
            for process in left:
                signal_to(process.pid, signal.SIGKILL)
            time.sleep(LOOK)
        self.main.wait()

    def interrupt(self) -> None:
        """What a terminal sends at Ctrl-C: SIGINT to the whole group."""
        with suppress(ProcessLookupError):
            os.killpg(self.main.pid, signal.SIGINT)

    def wait(self) -> int:
        """The exit code."""
        for _ in self.watch():
            pass
        return self.main.wait()

    def said(self) -> str:
        return self.output.read_text(errors="replace")


def signal_to(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def command_of(pid: int) -> str:
    try:
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    except OSError:
        return ""


def environment() -> dict[str, str]:
    """Of this checkout, whatever is installed; without a store of the user's."""
    kept = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    return kept | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Study:
    """Snakemake's working directory, with the results below it."""

    folder: Path
    experiment: Path = EXPERIMENT

    @property
    def results(self) -> Path:
        return self.folder / "results" / "faults"

    def run(self, seed: int) -> Path:
        """A folder of the arm `none`."""
        return self.results / "none" / f"seed-{seed}"

    def start(self, *options: str, targets: tuple[str, ...] = ("all",)) -> Run:
        self.folder.mkdir(parents=True, exist_ok=True)
        return Run(self.folder, self.experiment, options, targets)

    def call(self, *options: str, targets: tuple[str, ...] = ("all",)) -> tuple[int, str]:
        """Runs to the end: exit code, and what Snakemake said."""
        run = self.start(*options, targets=targets)
        return run.wait(), run.said()

    def copy(self, folder: Path) -> "Study":
        """The same study elsewhere, dates of its files included."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Study(folder, self.experiment)
