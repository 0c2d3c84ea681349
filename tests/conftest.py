"""Shared fixtures."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def benchmark_data() -> Path:
    """Folder of real benchmark problems as JSON lines: $BENCHMARK_DATA, or ../shared/data beside the checkout."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("BENCHMARK_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no benchmark data at {folder}: set BENCHMARK_DATA to a folder of JSON lines")
    return folder
