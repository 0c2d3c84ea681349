"""Imports go one way, and the docs' tables are what the code says."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.reference import DOCS, filled

ROOT = Path(__file__).parents[1]
PACKAGES = ("methods", "experiments", "eval", "analysis")
MAY_IMPORT = {
    "methods": {"methods"},
    "eval": {"eval"},
    "experiments": {"experiments", "methods", "eval"},
    "analysis": {
        "analysis",
        "eval.files",
        "eval.scoring.pass_at_k",
    },
}
ALSO = {  # samples of other tools are graded again by the verifier of the suite, and by no other
    "analysis/bring/evaluate.py": {"eval.verify.verifier"},
}
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Modules that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    own = {name for name in imported(path) if name.split(".")[0] in PACKAGES}
    allowed = MAY_IMPORT[package] | ALSO.get(path.relative_to(ROOT).as_posix(), set())
    wrong = {name for name in own if not any(f"{name}.".startswith(f"{room}.") for room in allowed)}
    assert not wrong, f"{package} may import {sorted(allowed)}"


def test_only_the_trainer_and_its_settings_import_trl() -> None:
    users = [
        path.name for path in FILES if any(name.split(".")[0] == "trl" for name in imported(path))
    ]
    assert users == ["grpo_config.py", "trainer.py"]


def test_methods_need_torch_and_nothing_heavier() -> None:
    outside = {
        name.split(".")[0] for path in (ROOT / "methods").rglob("*.py") for name in imported(path)
    }
    assert outside - set(sys.stdlib_module_names) == {"torch", "annotated_types", "methods"}


def test_analysis_never_loads_torch() -> None:
    files = [path.relative_to(ROOT) for path in (ROOT / "analysis").rglob("*.py")]
    modules = [
        ".".join(path.with_suffix("").parts) for path in files if not path.stem.startswith("__")
    ]
    assert len(modules) > 30
    code = f"import sys, importlib\nfor m in {modules}: importlib.import_module(m)\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda p: p.name)
def test_tables_of_settings_are_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert filled(text) == text, "run: python -m experiments.reference"


def test_every_method_has_its_page() -> None:
    pages = {path.stem for path in (DOCS / "methods").glob("*.md")}
    assert pages == {path.stem for path in (ROOT / "methods").glob("*.py")} - {
        "__init__",
        "control",
        "objective",
        "ranges",
    }
