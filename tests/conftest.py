"""Shared fixtures, the device that the tests run on, and their order."""

import os
from pathlib import Path

import pytest

from experiments.tracking.store_address import SWITCH
from experiments.workflow.launcher import THREADS


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--device",
        choices=["cpu", "cuda"],
        default="cpu",
        help="where models run; cpu also beside a GPU",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Sets the device and the threads for this process and all it starts; on a GPU, deterministic
    algorithms only. Studies are not shown in MLflow, which takes longer to load than they take, but
    where a test is about that.
    """
    os.environ[SWITCH] = "off"
    # Files run side by side, a process per core: torch's threads would wait for each other, busily.
    for name in THREADS:
        os.environ.setdefault(name, "1")
    if config.getoption("device") == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        return
    # before cuBLAS starts: without it, deterministic mode refuses
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    import torch

    if not torch.cuda.is_available():
        raise pytest.UsageError(
            "--device cuda: torch finds no GPU here: leave the option out, or install a CUDA build"
        )
    torch.use_deterministic_algorithms(True)


LONGEST = ("pipeline", "resume", "processes", "forcing", "outdated", "parity", "screen", "battery")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts files that train or run whole studies first, so that no core idles at the end."""
    items.sort(key=lambda item: not any(name in item.path.stem for name in LONGEST))


@pytest.fixture(scope="session")
def benchmark_data() -> Path:
    """Folder of real benchmark problems as JSON lines: $BENCHMARK_DATA, or ../shared/data beside
    the checkout.
    """
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("BENCHMARK_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no benchmark data at {folder}: set BENCHMARK_DATA to a folder of JSON lines")
    return folder
