"""The methods that the README writes out: they load from YAML, keep the laws that matter, train, and
act.
"""

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.support.grpo_runs import ours, training

TEXT = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def method_in(block: str) -> Any:
    """The class of a block, loaded as a file of methods/ would be."""
    name = re.findall(r"^class (\w+)", block, re.MULTILINE)[-1]
    module = ModuleType(f"methods.{name.lower()}")
    sys.modules[module.__name__] = module  # dataclasses look their annotations up there
    exec(compile(block, f"{name.lower()}.py", "exec"), module.__dict__)
    return getattr(module, name)


def rows_of(method: Any, out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    ours(method, training(), out, rows.append).train()
    return rows


def test_the_scalar_method_loads_and_acts(tmp_path: Path) -> None:
    cls = method_in(BLOCKS[0])
    adapter = TypeAdapter(cls)
    method = adapter.validate_python({"target": 9.0, "coefficient": 0.01, "wait": 2})
    assert [row["coefficient_mean"] > 0 for row in rows_of(method, tmp_path)] == [
        False,
        False,
        True,
    ]
    with pytest.raises(ValidationError, match="wait"):
        adapter.validate_python({"target": 9.0, "coefficient": 0.01, "wait": 2.5})


def test_the_token_method_loads_and_acts(tmp_path: Path) -> None:
    method = TypeAdapter(method_in(BLOCKS[1])).validate_python({"name": "undecided"})
    touched = [row["levers"]["weight"]["touched"] for row in rows_of(method, tmp_path)]
    assert touched == pytest.approx([0.1] * 3, abs=0.01)
