"""A Slurm of one node in a folder of its own, for tests: munge, controller and node daemon on
127.0.0.1.

Real daemons and commands of the distribution's packages; no accounting, no cgroups, and GPUs that
are device nodes with nothing behind them, which is all that Slurm needs to share them out. It must
run as root, which makes the nodes.
"""

import os
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "sinfo")
PATIENCE = 60  # seconds for a daemon to come up or to end

CONF = """\
ClusterName=private
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
MinJobAge=86400
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={mem_mb} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def lacking() -> str | None:
    """Why there can be no private Slurm here; None = there can."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not found: apt-get install slurm-wlm munge"
    return (
        None
        if os.getuid() == 0
        else "a private Slurm needs root, to make the device nodes of its GPUs"
    )


@contextmanager
def private_slurm(cpus: int, mem_mb: int, gpus: int) -> Iterator[dict[str, str]]:
    """The environment in which Slurm's commands speak to a cluster that lasts as long as the
    context.
    """
    # A socket's path is at most 108 bytes: pytest's folders may be longer.
    with (
        tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True) as name,
        ExitStack() as daemons,
    ):
        folder = Path(name)
        folder.chmod(0o755)  # munge's socket must be within everyone's reach
        configure(folder, cpus, mem_mb, gpus)
        path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf"), "PATH": path}
        for command in munged(folder), ["slurmctld", "-D"], ["slurmd", "-D"]:
            daemons.enter_context(daemon(command, environment, folder))
        wait_until(
            lambda: ask(environment, "sinfo", "--noheader", "--format=%T").startswith("idle"),
            folder,
        )
        try:
            yield environment
        finally:
            ask(
                environment, "scancel", "--full", "--signal=KILL", "--user=root"
            )  # at once, where TERM would be waited for
            wait_until(lambda: not ask(environment, "squeue", "--noheader"), folder)


def configure(folder: Path, cpus: int, mem_mb: int, gpus: int) -> None:
    host = socket.gethostname().partition(".")[0]
    for name in ("state", "spool", "bin"):
        (folder / name).mkdir()
    for index in range(gpus):
        os.mknod(
            folder / f"gpu{index}", stat.S_IFCHR | 0o600, os.makedev(1, 3)
        )  # what /dev/null is
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o400)
    (folder / "gres.conf").write_text(f"NodeName={host} Name=gpu File={folder}/gpu[0-{gpus - 1}]\n")
    ports = {"controller_port": free_port(), "node_port": free_port()}
    conf = CONF.format(folder=folder, host=host, cpus=cpus, mem_mb=mem_mb, gpus=gpus, **ports)
    (folder / "slurm.conf").write_text(conf)
    # Snakemake's executor takes SLURM_CONF away from the srun in its jobs.
    srun = folder / "bin" / "srun"
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"\n')
    srun.chmod(0o755)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def munged(folder: Path) -> list[str]:
    """Slurm's authentication, with a key, socket and files of its own."""
    files = {
        "socket": "sock",
        "key-file": "key",
        "pid-file": "pid",
        "log-file": "log",
        "seed-file": "seed",
    }
    return [
        "munged",
        "--foreground",
        *(f"--{option}={folder}/munge.{ending}" for option, ending in files.items()),
    ]


@contextmanager
def daemon(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[None]:
    with (folder / f"{command[0]}.log").open("w") as log:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE)


def ask(environment: dict[str, str], *command: str) -> str:
    """What one of Slurm's commands prints; nothing where it fails, as it does while the daemons
    come up.
    """
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    return done.stdout.strip()


def wait_until(holds: Callable[[], bool], folder: Path) -> None:
    limit = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > limit:
            logs = "\n".join(path.read_text()[-2000:] for path in sorted(folder.glob("*d.log")))
            raise TimeoutError(f"Slurm in {folder} did not get there:\n{logs}")
        time.sleep(0.2)
