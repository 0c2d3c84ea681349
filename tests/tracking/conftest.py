"""Tests of this room show results in MLflow; those of the others do not (tests/conftest.py)."""

from collections.abc import Iterator

import pytest

from experiments.tracking.store_address import SWITCH


@pytest.fixture(scope="module", autouse=True)
def tracking_on() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SWITCH, "on")
        yield
