"""The tables about methods in the docs are what the code says."""

from pathlib import Path
from typing import Any

import pytest

from tests.method_table import PAGE, departures_of, examples, filled_in, levers_of

ROOT = Path(__file__).parents[2]


def test_the_tables_are_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert filled_in(text) == text, "run: python -m tests.method_table"


@pytest.mark.parametrize("method", examples(), ids=lambda method: method.name)
def test_every_file_says_its_equation_source_and_departures(method: Any) -> None:
    text = (ROOT / "methods" / f"{method.name}.py").read_text(encoding="utf-8")
    head = text.split('"""')[1]
    assert "Source: " in head
    assert "\n    " in head, "an equation"
    if method.name not in ("no_entropy", "fixed_coefficient", "clip_higher"):
        assert departures_of(method) != "–"
    for call in ("init", "control", "observe", "shape", "surrogate", "entropy_of"):
        if callable(getattr(method, call, None)):
            assert getattr(type(method), call).__doc__, call


@pytest.mark.parametrize("method", examples(), ids=lambda method: method.name)
def test_every_method_but_the_reference_has_a_lever(method: Any) -> None:
    assert bool(levers_of(method)) == (method.name != "no_entropy")
