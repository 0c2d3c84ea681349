"""Gives a command GPUs of its own on a machine where several jobs run side by side.

    python -m experiments.workflow.devices --gpus 2 -- python -m experiments.train …

Snakemake counts GPUs (`--resources gpu=8`) but tells no job which of them is its own: left alone,
every job takes the first. Here a device is held by a lock (flock) on a file that is named after it,
in a folder of the user's on this machine. The command takes the place of this process and inherits
the open files. So a lock lasts exactly as long as the job: the kernel drops it with the last
process that holds it, however that one ended.

All of a job's devices are taken at once or none, so that two jobs never wait for each other.
`--gpus 0` hides every device. Where there is none, the command runs without; a batch system that
has given this job its devices is left alone.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from eval.files.command_line import command_parser
from eval.files.errors import BadInput, exit_with_message
from eval.files.locks import lock_file

CUDA_DEVICES = "CUDA_VISIBLE_DEVICES"
POLL = 1.0  # seconds between two looks for free devices


@dataclass(frozen=True)
class LocalDevice:
    """One GPU."""

    name: str  # as CUDA_VISIBLE_DEVICES calls it
    identity: str  # the same whichever name it goes by: its UUID where nvidia-smi knows it


def visible_devices(environment: Mapping[str, str]) -> list[LocalDevice]:
    """The GPUs that this process may use: those of CUDA_VISIBLE_DEVICES, or all of the machine."""
    names = environment.get(CUDA_DEVICES)
    if names is not None and not names.strip():
        return []
    machine = query(environment)
    if names is None:
        return [LocalDevice(index, uuid) for index, uuid in machine.items()]
    # CUDA ignores the first invalid entry and all after it: -1 is the usual way to hide all
    valid = takewhile(lambda name: name and name[0] != "-", map(str.strip, names.split(",")))
    return [LocalDevice(name, machine.get(name, name)) for name in valid]


def query(environment: Mapping[str, str]) -> dict[str, str]:
    """Index → UUID of the machine's GPUs, as nvidia-smi lists them; empty where there is no
    nvidia-smi.
    """
    command = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=dict(environment)
        )
    except FileNotFoundError:
        return {}
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise BadInput(
            f"nvidia-smi: {said}: fix the driver, or set {CUDA_DEVICES}= (empty) to run without"
            " GPUs"
        )
    pairs = [line.split(",") for line in done.stdout.splitlines() if "," in line]
    return {index.strip(): uuid.strip() for index, uuid in pairs}


def choose(count: int, environment: Mapping[str, str]) -> str | None:
    """The value of CUDA_VISIBLE_DEVICES for a job of `count` GPUs, locked for it; None = as it is.

    Waits until so many are free.

    Raises:
        BadInput: fewer can ever be had.
    """
    if count == 0:
        return ""
    there = visible_devices(environment)
    if not there:
        print(
            f"warning: the job asks for {count} GPUs, this machine has none: it runs on the CPU",
            file=sys.stderr,
        )
        return None
    if len(there) < count:
        names = ",".join(device.name for device in there)
        raise BadInput(
            f"the job needs {count} GPUs and may use {len(there)} ({names}): set --config"
            f" gpus={len(there)} or less"
        )
    if "SLURM_JOB_ID" in environment and len(there) == count:
        return None
    return ",".join(device.name for device in take(there, count, lock_folder()))


def take(there: list[LocalDevice], count: int, folder: Path) -> list[LocalDevice]:
    """Locks `count` of the devices for this process and what becomes of it; waits while too few are
    free.
    """
    while (held := attempt(there, count, folder)) is None:
        time.sleep(POLL)
    for file in held.values():
        os.set_inheritable(file, True)
    return list(held)


def attempt(there: list[LocalDevice], count: int, folder: Path) -> dict[LocalDevice, int] | None:
    """The first `count` free devices with their locked files, or None and nothing held."""
    held: dict[LocalDevice, int] = {}
    with turn(folder):
        for device in there:
            if (
                len(held) < count
                and (file := lock(folder / device.identity.replace("/", "_"))) is not None
            ):
                held[device] = file
        if len(held) == count:
            return held
        for file in held.values():
            os.close(file)
    return None


def lock(path: Path) -> int | None:
    """The descriptor of a file that is now locked, or None where another process has it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if not lock_file(file):
        os.close(file)
        return None
    return file


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """One process at a time looks for devices: two that each hold half of what is free would both
    find too few.
    """
    with (folder / "turn").open("w") as file:
        lock_file(file, wait=True)
        yield


def lock_folder() -> Path:
    """A folder on this machine that belongs to this user alone."""
    folder = Path(tempfile.gettempdir()) / f"entropy-control-devices-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise BadInput(
            f"{folder}: belongs to another user: set TMPDIR to a folder of your own on this machine"
        )
    return folder


def main() -> None:
    parser = command_parser("experiments.workflow.devices", __doc__)
    parser.add_argument(
        "--gpus", type=int, required=True, help="devices for the command; 0 hides all of them"
    )
    parser.add_argument("command", nargs="+", help="after --")
    arguments = parser.parse_args()
    with exit_with_message():
        run(arguments.gpus, arguments.command)


def run(gpus: int, command: list[str]) -> None:
    """Becomes the command, with its devices."""
    chosen = choose(gpus, os.environ)
    if chosen is not None:
        print(f"devices: {chosen or 'none'}", file=sys.stderr)
        # CUDA would number the fastest first; nvidia-smi numbers by bus.
        os.environ |= {CUDA_DEVICES: chosen, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    sys.stderr.flush()
    try:
        os.execvp(command[0], command)
    except OSError as error:
        raise BadInput(f"{command[0]}: {error.strerror}: give the command after --") from None


if __name__ == "__main__":
    main()
