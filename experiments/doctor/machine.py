"""What this machine has: found by looking, in a second or two, without loading torch and without
ever hanging.

A probe that fails is an answer ("missing"), never an error. The one that goes out to the network
runs in a thread of its own and is given up after `PATIENCE` seconds, because a name that cannot be
resolved may block for much longer.
"""

import os
import shutil
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

PATIENCE = 3.0  # seconds
CORE = (
    "torch",
    "trl",
    "transformers",
    "accelerate",
    "datasets",
    "math-verify",
    "snakemake",
    "mlflow",
    "pydantic",
)
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")

Status = Literal["ok", "missing", "note"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked for."""

    name: str
    status: Status
    found: str
    needed_for: str = ""
    add: str = ""  # the command that adds it


@dataclass(frozen=True)
class Device:
    """One GPU, as its driver describes it."""

    name: str
    memory: float  # GiB
    driver: str


def installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def total_memory() -> float:
    """GiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def devices() -> list[Device]:
    """GPUs that nvidia-smi names; none where it is not there or does not answer."""
    command = [
        "nvidia-smi",
        "--query-gpu=name,memory.total,driver_version",
        "--format=csv,noheader,nounits",
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=2 * PATIENCE, check=True
        )
        rows = [
            [cell.strip() for cell in line.split(",")]
            for line in done.stdout.splitlines()
            if line.strip()
        ]
        return [Device(name, float(mib) / 1024, driver) for name, mib, driver in rows]
    except (OSError, subprocess.SubprocessError, ValueError):
        return []


def reachable(address: str) -> bool:
    """Whether a connection to a URL's host can be opened within PATIENCE."""
    parts = urlsplit(address)
    answer: list[bool] = []

    def connect() -> None:
        try:
            port = parts.port or (80 if parts.scheme == "http" else 443)
            with socket.create_connection((parts.hostname or "", port), timeout=PATIENCE):
                answer.append(True)
        except (OSError, ValueError):
            answer.append(False)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return bool(answer) and answer[0]


def hub_folder() -> Path:
    """The hub's cache."""
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    return Path(os.environ.get("HF_HUB_CACHE", home / "hub")).expanduser()


def in_hub_cache(name: str, revision: str | None) -> bool:
    """Whether the cache has a model's commit."""
    return (
        hub_folder() / f"models--{name.replace('/', '--')}" / "snapshots" / (revision or "main")
    ).is_dir()


# ---- the list
# ---------------------------------------------------------------------------------------------------------


def checks(offline: bool) -> list[Check]:
    """Everything, in the order in which it is shown."""
    return [*base(), *gpu(), *extras(), data(), hub(offline), *tools()]


def base() -> list[Check]:
    python = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    absent = [package for package in CORE if installed(package) is None]
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    memory = total_memory()
    return [
        Check("python", "ok" if good else "missing", python, "everything", "" if good else "make PYTHON=python3.11"),
        Check("cores", "ok", str(cores()), "runs side by side"),
        Check("memory", "ok" if memory >= 2 else "missing", f"{memory:.1f} GiB", "1.1 GB per run of the default experiment"),
        Check("disk", "ok" if free >= 2 else "missing", f"{free:.0f} GB free here", "policies and checkpoints: make plan"),
        Check("packages", "missing" if absent else "ok", f"without {', '.join(absent)}" if absent else "all",
              "everything", "make .venv/installed" if absent else ""),
    ]  # fmt: skip


def gpu() -> list[Check]:
    found, torch = devices(), installed("torch")
    cards = ", ".join(f"{d.name} {d.memory:.0f} GiB" for d in found)
    checks = [
        Check("gpu", "ok" if found else "missing", f"{cards}; driver {found[0].driver}" if found else "none",
              "pretrained policies", "" if found else "a machine with an NVIDIA GPU and its driver")
    ]  # fmt: skip
    build, fits = torch or "none", torch is not None and not (found and "+cpu" in torch)
    add = "" if fits else "pip install --force-reinstall 'torch==2.13.*'"
    return [*checks, Check("torch build", "ok" if fits else "missing", build, "training", add)]


def extras() -> list[Check]:
    wanted = {
        "vllm": ("rollouts and evaluation with vLLM", "pip install -e '.[vllm]'"),
        "flash-attn": (
            "faster attention on a GPU; sdpa stands in",
            "pip install flash-attn --no-build-isolation",
        ),
        "peft": ("training.lora", "pip install -e '.[lora]'"),
        "deepspeed": ("ZeRO-3", "pip install deepspeed"),
    }
    found = {package: installed(package) for package in wanted}
    return [
        Check(
            package,
            "ok" if found[package] else "missing",
            found[package] or "none",
            use,
            "" if found[package] else add,
        )
        for package, (use, add) in wanted.items()
    ]


def data() -> Check:
    from eval.questions.named_sets import SOURCES

    use, add = (
        "named sets without the hub",
        "export BENCHMARK_DATA=a folder of JSON lines (docs/benchmarks.md)",
    )
    told = os.environ.get("BENCHMARK_DATA")
    if not told:
        return Check("data folder", "missing", "BENCHMARK_DATA is not set", use, add)
    if not Path(told).is_dir():
        return Check("data folder", "missing", f"no folder {told}", use, add)
    absent = [name for name, source in SOURCES.items() if not (Path(told) / source.file).is_file()]
    found = f"{len(SOURCES) - len(absent)} of {len(SOURCES)} sets" + (
        f", without {', '.join(absent)}" if absent else ""
    )
    return Check("data folder", "note" if absent else "ok", found, use)


def hub(offline: bool) -> Check:
    cached = (
        sorted(path.name for path in hub_folder().glob("*--*")) if hub_folder().is_dir() else []
    )
    has = f"{len(cached)} repositories in its cache"
    use = "pretrained policies, and named sets without a data folder"
    if offline or os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        return Check("hub", "note", f"not asked; {has}", use)
    address = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    if reachable(address):
        return Check("hub", "ok", f"{urlsplit(address).hostname}; {has}", use)
    return Check("hub", "missing", f"{urlsplit(address).hostname} does not answer; {has}", use,
                 "a network, or HF_HOME with a filled cache")  # fmt: skip


def tools() -> list[Check]:
    browser = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    slurm = shutil.which("sbatch")
    return [
        Check("chromium", "ok" if browser else "missing", browser or "none", "tests of report and MLflow pages",
              "" if browser else "apt-get install chromium"),
        Check("slurm", "ok" if slurm else "missing", slurm or "none", "profiles/slurm",
              "" if slurm else "run on a cluster's login node"),
    ]  # fmt: skip
