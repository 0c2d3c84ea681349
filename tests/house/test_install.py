"""The environment's installation: pip's settings for uv, the choice of torch, the lock files."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from experiments.install import (
    BUILDS,
    CONDA,
    CPU_BUILD,
    LOCK,
    TEST_LOCK,
    TORCH,
    conda_environment,
    count,
    pip_settings,
    torch_ways,
    uv_environment,
    without_builds,
)

LISTED = """:env:.cert='/etc/certs.pem'
:env:.find-links='/wheels'
global.cert='/old.pem'
global.extra-index-url='file:///a file:///b'
"""


def test_settings_of_the_environment_go_before_those_of_a_file() -> None:
    assert pip_settings(LISTED) == {
        "cert": "/etc/certs.pem",
        "find-links": "/wheels",
        "extra-index-url": "file:///a file:///b",
    }


def test_uv_gets_pips_settings_and_keeps_its_own() -> None:
    settings = {"cert": "/c", "find-links": "/w /v", "extra-index-url": "file:///a file:///b"}
    found = uv_environment(settings, {"HOME": "/h", "UV_FIND_LINKS": "/mine"})
    assert found["SSL_CERT_FILE"] == "/c"
    assert found["UV_INDEX"] == "file:///a file:///b"
    assert found["UV_FIND_LINKS"] == "/mine"
    assert found["HOME"] == "/h"
    assert uv_environment(settings, {})["UV_FIND_LINKS"] == "/w,/v"


BUILD = ["--torch-backend=auto"]


@pytest.mark.parametrize(
    ("settings", "index", "build", "ways"),
    [
        ({}, None, BUILD, [BUILD, []]),
        ({}, None, CPU_BUILD, [CPU_BUILD, []]),
        ({}, None, [], [[]]),
        ({"find-links": "/wheels"}, None, BUILD, [[]]),
        ({"index-url": "file:///mirror"}, None, CPU_BUILD, [[]]),
        ({"index-url": "file:///mirror"}, "file:///cu", BUILD, [["--index-url", "file:///cu"]]),
        ({}, "", BUILD, [[]]),
    ],
)
def test_the_build_of_torch(
    settings: dict[str, str], index: str | None, build: list[str], ways: list[list[str]]
) -> None:
    assert torch_ways(settings, index, build) == ways


def test_a_lock_leaves_out_what_torch_brings() -> None:
    lock = "# head\nnumpy==2 \\\n    --hash=sha256:a\nnvidia-cublas==1 \\\n    --hash=sha256:b\n"
    lock += "torch==2.13.0 \\\n    --hash=sha256:c\ntqdm==4 \\\n    --hash=sha256:d\n"
    kept = "# head\nnumpy==2 \\\n    --hash=sha256:a\ntqdm==4 \\\n    --hash=sha256:d\n"
    assert without_builds(lock) == kept


@pytest.mark.parametrize("lock", [LOCK, TEST_LOCK])
def test_every_locked_package_is_pinned_and_hashed(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    blocks = re.findall(r"^\S+==(?:.*\\\n)+.*$", text, re.MULTILINE)
    assert len(blocks) == count(lock) > 100
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(rf"^(?:{'|'.join(BUILDS)})", text, re.MULTILINE)


def test_the_locks_hold_what_the_project_asks_for() -> None:
    """A dependency that was added without `make update` is missing from a fresh environment."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    for lock, asked in (
        (LOCK, project["dependencies"]),
        (TEST_LOCK, [*project["dependencies"], *extras["test"], *extras["slurm"]]),
    ):
        locked = set(re.findall(r"^([^=\s]+)==", lock.read_text(encoding="utf-8"), re.MULTILINE))
        names = {re.split(r"[=<>]", each)[0].lower() for each in asked} - {"torch"}
        assert names <= locked
    assert TORCH in project["dependencies"]


def test_the_environment_of_the_rules_is_the_lock_file() -> None:
    text = CONDA.read_text(encoding="utf-8")
    assert text == conda_environment(LOCK.read_text(encoding="utf-8"))
    *rest, pip = yaml.safe_load(text)["dependencies"]
    assert [each.split("=")[0] for each in rest] == ["python", "pip"]
    assert len(pip["pip"]) == count(LOCK) + 1
    assert pip["pip"][0] == TORCH


def test_the_container_copies_files_that_exist_before_it_installs() -> None:
    """`make .venv/installed` needs these and nothing else."""
    lines = Path("Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [name for line in lines if line.startswith("COPY") for name in line.split()[1:-1]]
    assert all(Path(name).exists() for name in copied)
    assert {"requirements.lock", "pyproject.toml", "experiments/install.py"} <= set(copied)
    assert re.fullmatch(
        r"FROM python:3\.\d+\.\d+-slim-\w+", next(x for x in lines if x[:4] == "FROM")
    )
