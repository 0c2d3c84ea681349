"""Finds out what this machine has, in a second or two, without loading torch.

A check that fails is an answer ("missing") and never an error. The check that uses the network runs
in its own thread and is given up after PROBE_SECONDS, because resolving a host name can block for
much longer.
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

PROBE_SECONDS = 3.0
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
UI_PORT = 5000  # of MLflow's pages, as in the Makefile
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")

CheckStatus = Literal["ok", "missing", "note"]


@dataclass(frozen=True)
class Check:
    """The answer to one check."""

    name: str
    status: CheckStatus
    found: str
    needed_for: str = ""
    add: str = ""  # the command that adds it


@dataclass(frozen=True)
class InstalledGpu:
    """One GPU, as nvidia-smi describes it."""

    name: str
    memory: float  # GiB
    driver: str


def installed_version(package: str) -> str | None:
    """Version of an installed package; None if it is missing."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def total_memory() -> float:
    """Memory of the machine, GiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def cores() -> int:
    """Number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def installed_gpus() -> list[InstalledGpu]:
    """The GPUs that nvidia-smi lists; none if it is missing or does not answer."""
    command = [
        "nvidia-smi",
        "--query-gpu=name,memory.total,driver_version",
        "--format=csv,noheader,nounits",
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=2 * PROBE_SECONDS, check=True
        )
        rows = [
            [cell.strip() for cell in line.split(",")]
            for line in done.stdout.splitlines()
            if line.strip()
        ]
        return [InstalledGpu(name, float(mib) / 1024, driver) for name, mib, driver in rows]
    except (OSError, subprocess.SubprocessError, ValueError):
        return []


def pci_gpus(devices: Path = Path("/sys/bus/pci/devices")) -> int:
    """Number of NVIDIA's display controllers in the machine, with a driver or without."""
    count = 0
    for device in devices.glob("*"):
        try:
            vendor, kind = ((device / name).read_text().strip() for name in ("vendor", "class"))
        except OSError:
            continue
        count += vendor == "0x10de" and kind.startswith("0x03")
    return count


def port_is_free(port: int) -> bool:
    """Whether a server of this machine alone could use the port."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def reachable(address: str) -> bool:
    """Whether a connection to the host of a URL can be opened within PROBE_SECONDS."""
    parts = urlsplit(address)
    answer: list[bool] = []

    def connect() -> None:
        try:
            port = parts.port or (80 if parts.scheme == "http" else 443)
            with socket.create_connection((parts.hostname or "", port), timeout=PROBE_SECONDS):
                answer.append(True)
        except (OSError, ValueError):
            answer.append(False)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return bool(answer) and answer[0]


def hub_folder() -> Path:
    """Folder of the hub's cache."""
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    return Path(os.environ.get("HF_HUB_CACHE", home / "hub")).expanduser()


def in_hub_cache(name: str, revision: str | None) -> bool:
    """Whether the hub's cache has this commit of a model."""
    return (
        hub_folder() / f"models--{name.replace('/', '--')}" / "snapshots" / (revision or "main")
    ).is_dir()


# ---- the checks


def checks(offline: bool) -> list[Check]:
    """All checks, in the order in which they are shown."""
    return [*base(), *gpu(), *extras(), data(), hub(offline), *tools()]


def base() -> list[Check]:
    """Python, cores, memory, disk and packages, which every experiment needs."""
    python = ".".join(map(str, sys.version_info[:3]))
    absent = [package for package in CORE if installed_version(package) is None]
    free, memory = shutil.disk_usage(Path.cwd()).free / 1e9, total_memory()
    packages = f"without {', '.join(absent)}" if absent else "all"
    return [
        check_result(
            "python",
            (3, 11) <= sys.version_info < (3, 14),
            python,
            "everything",
            "make PYTHON=python3.11",
        ),
        check_result("cores", True, str(cores()), "runs side by side"),
        check_result(
            "memory",
            memory >= 2,
            f"{memory:.1f} GiB",
            "1.1 GB per run of the default experiment",
            "a machine with 2 GiB of memory or more",
        ),
        check_result(
            "disk",
            free >= 2,
            f"{free:.0f} GB free here",
            "policies and checkpoints: make plan",
            "2 GB of free space on the disk of this folder",
        ),
        check_result("packages", not absent, packages, "everything", "make .venv/installed"),
    ]


def check_result(name: str, good: bool, what: str, needed_for: str, add: str = "") -> Check:
    """The answer to a check, with the command that adds what is missing."""
    return Check(name, "ok" if good else "missing", what, needed_for, "" if good else add)


def gpu() -> list[Check]:
    """GPUs, and the build of torch that can use them."""
    gpus, torch = installed_gpus(), installed_version("torch")
    names = ", ".join(f"{each.name} {each.memory:.0f} GiB" for each in gpus)
    cards = f"{names}; driver {gpus[0].driver}" if gpus else "none"
    usable = torch is not None and not (gpus and "+cpu" in torch)
    machine = "a machine with an NVIDIA GPU and its driver"
    if not gpus and (count := pci_gpus()):
        cards = f"{count} from NVIDIA, and nvidia-smi shows none"
        machine = "NVIDIA's driver, until nvidia-smi lists the GPU"
    build = "pip install --force-reinstall 'torch==2.13.*'"
    return [
        check_result("gpu", bool(gpus), cards, "pretrained policies", machine),
        check_result("torch build", usable, torch or "none", "training", build),
    ]


def extras() -> list[Check]:
    """Optional packages."""
    wanted = {
        "vllm": ("rollouts and evaluation with vLLM", "pip install -e '.[vllm]'"),
        "flash-attn": (
            "faster attention on a GPU (else sdpa)",
            "pip install flash-attn --no-build-isolation",
        ),
        "peft": ("training.lora", "pip install -e '.[lora]'"),
        "gguf": ("model.source: package", "pip install -e '.[lm]'"),
        "reasoning-gym": ("task.prompts: reasoning_gym", "pip install -e '.[lm]'"),
        "deepspeed": ("ZeRO-3", "pip install deepspeed"),
    }
    versions = {package: installed_version(package) for package in wanted}
    return [
        check_result(package, versions[package] is not None, versions[package] or "none", use, add)
        for package, (use, add) in wanted.items()
    ]


def data() -> Check:
    """The folder of named sets, from BENCHMARK_DATA."""
    from eval.questions.named_sets import SOURCES

    use = "named sets without the hub"
    add = "export BENCHMARK_DATA=a folder of JSON lines (docs/benchmarks.md)"
    folder = os.environ.get("BENCHMARK_DATA")
    if not folder or not Path(folder).is_dir():
        what = f"no folder {folder}" if folder else "BENCHMARK_DATA is not set"
        return Check("data folder", "missing", what, use, add)
    absent = [name for name, each in SOURCES.items() if not (Path(folder) / each.file).is_file()]
    what = f"{len(SOURCES) - len(absent)} of {len(SOURCES)} sets"
    what += f", without {', '.join(absent)}" if absent else ""
    return Check("data folder", "note" if absent else "ok", what, use)


def hub(offline: bool) -> Check:
    """Whether the Hugging Face hub answers, and how much its cache holds."""
    has = f"{len([*hub_folder().glob('*--*')])} repositories in its cache"
    use = "pretrained policies, and named sets without a data folder"
    if offline or os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        return Check("hub", "note", f"not contacted; {has}", use)
    address = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    host, answers = urlsplit(address).hostname, reachable(address)
    what = f"{host}; {has}" if answers else f"{host} does not answer; {has}"
    return check_result("hub", answers, what, use, "a network, or HF_HOME with a filled cache")


def tools() -> list[Check]:
    """Programs for tests and clusters."""
    browser = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    slurm = shutil.which("sbatch")
    port = "free" if port_is_free(UI_PORT) else "is used by another program"
    pages, node = "tests of report and MLflow pages", "run on a cluster's login node"
    return [
        check_result(
            "chromium", bool(browser), browser or "none", pages, "apt-get install chromium"
        ),
        check_result(
            f"port {UI_PORT}", port == "free", port, "make ui", "make ui PORT=another number"
        ),
        check_result("slurm", bool(slurm), slurm or "none", "profiles/slurm", node),
    ]
