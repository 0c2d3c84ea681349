"""Installs the suite's environment, with uv where it can be had and with pip elsewhere.

    .venv/bin/python experiments/install.py [--test]     what `make` calls
    .venv/bin/python experiments/install.py --lock       writes the lock files anew: `make update`,
                                                         and the environment of the rules for conda

1. torch, whose build depends on the machine. With TORCH_INDEX, the build of that index; with pip
   configured for an index or a folder of wheels, the build that is found there; otherwise uv's
   `--torch-backend=auto`: the CPU build without an NVIDIA driver, the driver's CUDA with one. pip
   takes the CPU build on Linux without a driver. If that index cannot be reached, the build of the
   package index.
2. All other packages, exactly as in the lock file, each checked against its hash.
3. The suite itself, editable.

The lock files leave out torch and what only its CUDA builds need (nvidia-*, cuda-*, triton).
This file runs before anything is installed: it imports the standard library alone. Of pip's
configuration uv is given the keys in `UV_NAMES`.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import which

HERE = Path(__file__).resolve().parents[1]
LOCK, TEST_LOCK = HERE / "requirements.lock", HERE / "tests" / "requirements.lock"
TORCH = "torch==2.13.*"
UV = "uv==0.13.*"
CPU_BUILD = ["--index-url", "https://download.pytorch.org/whl/cpu", "--timeout=15", "--retries=1"]
"""pip's options for PyTorch's CPU build, a fifth of the download. pip cannot choose by driver."""
OLDEST_PYTHON = "3.11"
CONDA_PYTHON = "3.12"
CONDA = HERE / "experiments" / "rules" / "environment.yaml"
BUILDS = ("torch", "triton", "nvidia-", "cuda-")  # packages that torch's build brings
UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "constraint": "UV_CONSTRAINT",
    "cert": "SSL_CERT_FILE",
}
"""pip's setting → environment variable by which uv knows the same."""


def pip_settings(listed: str) -> dict[str, str]:
    """pip's settings from the text of `pip config list`.

    The environment goes before the user's file, as with pip: it is listed last.
    """
    lines = re.findall(r"^(global|install|:env:)\.([a-z-]+)='(.*)'$", listed, re.MULTILINE)
    ranks = ("global", "install", ":env:")
    ordered = sorted(lines, key=lambda line: ranks.index(line[0]))
    return {key: value.replace("\\n", "\n") for _, key, value in ordered}


def uv_environment(settings: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for uv: pip's settings under uv's names, unless uv's own are set."""
    found = {
        # uv separates places of wheels by commas, and indexes and files by blanks
        uv: ("," if uv == "UV_FIND_LINKS" else " ").join(settings[key].split())
        for key, uv in UV_NAMES.items()
        if settings.get(key)
    }
    # As pip does: the version decides, not which of several indexes is asked first.
    found["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {**found, "UV_NO_PROGRESS": "1", **environment}


def torch_ways(
    settings: Mapping[str, str], index: str | None, build: Sequence[str]
) -> list[list[str]]:
    """Options for installing torch, in the order in which they are tried.

    index: TORCH_INDEX; None where it is not set, empty for the package index. build: options that
    choose this machine's build; empty where the package index has it.
    """
    if index:
        return [["--index-url", index]]
    if index == "" or settings.get("index-url") or settings.get("find-links") or not build:
        return [[]]
    return [[*build], []]


def without_builds(lock: str) -> str:
    """The lock file's text without torch and the packages of its builds."""
    blocks = re.split(r"^(?=\S)", lock, flags=re.MULTILINE)
    return "".join(block for block in blocks if not block.startswith(BUILDS))


def call(
    command: Sequence[str | Path], environment: Mapping[str, str], quiet: bool = False
) -> bool:
    """Runs a command; whether it ended well. `quiet`: its words are shown only if it fails."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            env=dict(environment),
            stdout=subprocess.PIPE if quiet else None,
            stderr=subprocess.STDOUT if quiet else None,
            text=True,
            check=False,
        )
    except OSError:
        return False
    if done.returncode and quiet:
        print(done.stdout, file=sys.stderr, end="")
    return done.returncode == 0


def install_environment(locks: Sequence[Path], index: str | None) -> bool:
    """Brings this Python's environment to what the lock files list; whether that worked."""
    pip = [sys.executable, "-m", "pip"]
    listed = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=False)
    settings = pip_settings(listed.stdout)
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    pip_install = [*pip, "install", "-qq"]
    if call([*pip_install, UV], environment, quiet=True):
        uv_install = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet"]
        uv_install += ["--python", sys.executable]
        ways = torch_ways(settings, index, ["--torch-backend=auto"])
        if install_steps(uv_install, ways, locks, uv_environment(settings, environment)):
            return True
    print("uv could not install all of it. Now pip tries, which takes minutes.", flush=True)
    needs_cpu_build = platform.system() == "Linux" and not which("nvidia-smi")
    ways = torch_ways(settings, index, CPU_BUILD if needs_cpu_build else [])
    return install_steps(pip_install, ways, locks, environment)


def install_steps(
    command: Sequence[str],
    ways: Sequence[Sequence[str]],
    locks: Sequence[Path],
    environment: Mapping[str, str],
) -> bool:
    """torch, the locked packages, the suite; whether all of them worked."""
    print(f"Installing {TORCH}: the build for this machine", flush=True)
    last = len(ways) - 1
    if not any(
        call([*command, *way, TORCH], environment, quiet=number < last)
        for number, way in enumerate(ways)
    ):
        return False
    names = ", ".join(str(lock.relative_to(HERE)) for lock in locks)
    print(f"Installing {sum(map(count, locks))} packages of {names}", flush=True)
    locked = [part for lock in locks for part in ("--requirement", str(lock))]
    # Each version is fixed by now, and uv takes no constraint such as `<3` beside hashes.
    fixed = {name: value for name, value in environment.items() if "CONSTRAINT" not in name}
    return call([*command, "--require-hashes", "--no-deps", *locked], fixed) and call(
        [*command, "--no-deps", "--editable", str(HERE)], fixed
    )


def count(lock: Path) -> int:
    """Packages that a lock file lists."""
    return len(re.findall(r"^\S+==", lock.read_text(encoding="utf-8"), re.MULTILINE))


def conda_environment(lock: str) -> str:
    """The rules' environment as a file for conda: Python, and the lock file's versions by pip.

    It has them all by itself: Snakemake copies the file, so that no path in it would hold.
    """
    pins = re.findall(r"^([\w.-]+==[^\s;]+(?: ; .*?)?) *\\?$", lock, re.MULTILINE)
    listed = "".join(f'      - "{pin.strip()}"\n' for pin in [TORCH, *pins])
    return (
        "# Written by: make update\nname: entropy-control\nchannels: [conda-forge, nodefaults]\n"
        f"dependencies:\n  - python={CONDA_PYTHON}\n  - pip\n  - pip:\n{listed}"
    )


def write_locks(uv: str) -> None:
    """Writes both lock files: the newest versions that pyproject.toml allows, on every platform."""
    resolve = [uv, "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--upgrade"]
    resolve += ["--python-version", OLDEST_PYTHON, "--no-annotate", "--no-header", "--no-config"]
    for path, options in (
        (LOCK, []),
        (TEST_LOCK, ["--extra", "test", "--extra", "slurm", "--constraint", str(LOCK)]),
    ):
        command = [*resolve, *options, str(HERE / "pyproject.toml")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{path.name}: uv found no set of packages:\n{done.stderr}")
        path.write_text("# Written by: make update\n" + without_builds(done.stdout))
        print(f"{path.relative_to(HERE)}: {count(path)} packages")
    CONDA.write_text(conda_environment(LOCK.read_text(encoding="utf-8")), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Installs the environment that the lock files list."
    )
    parser.add_argument("--test", action="store_true", help="what the tests need too")
    parser.add_argument("--lock", action="store_true", help="write the lock files anew")
    asked = parser.parse_args()
    if asked.lock:
        write_locks(str(Path(sys.executable).with_name("uv")))
    elif not install_environment(
        [TEST_LOCK if asked.test else LOCK], os.environ.get("TORCH_INDEX")
    ):
        sys.exit("The environment could not be installed: the lines above say why.")


if __name__ == "__main__":
    main()
