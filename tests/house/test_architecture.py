"""Imports go one way, and the docs' tables are what the code says."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.reference import DOCS, filled

ROOT = Path(__file__).parents[2]
PACKAGES = ("methods", "experiments", "eval", "analysis")
MAY_IMPORT = {
    "methods": {"methods"},
    "eval": {"eval"},
    "experiments": {"experiments", "methods", "eval"},
    "analysis": {
        "analysis",
        "eval.files",
        "eval.looks",
        "eval.scoring.counts",
        "eval.scoring.pass_at_k",
    },
}
ALSO = {  # samples of other tools are graded again by the verifier of the suite, and by no other
    "analysis/bring/counting/grading.py": {"eval.verify.verifier"},
}
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


NAMED_TWICE = {
    "main": "the entry point of a command",
    "__all__": "Python's own name for what a module exports",
}
"""Top-level names that several modules may define, with the reason."""


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


ROOMS = ROOT / "docs" / "architecture.md"
MAP = ROOT / "README.md"


def room_of(name: str) -> str:
    """The room of a module, as experiments/run, or the package if it lies on top of it."""
    package, *inner = name.split(".")
    folder = ROOT.joinpath(package, *inner[:1])
    return (
        f"{package}/{inner[0]}" if package != "methods" and inner and folder.is_dir() else package
    )


def table_between(page: Path, begin: str) -> list[list[str]]:
    """The cells of a page's table between a comment and the next `<!-- end -->`, without head."""
    text = page.read_text(encoding="utf-8").split(begin)[1].split("<!-- end -->")[0]
    rows = [line.strip("|").split("|") for line in text.strip().splitlines()]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def rooms_in_code() -> dict[str, set[str]]:
    """Room → the other rooms that its files import."""
    found: dict[str, set[str]] = {}
    for path in FILES:
        own = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
        names = {room_of(name) for name in modules_imported(path)}
        found.setdefault(own, set()).update(names - {own})
    empty = {package for package in PACKAGES if package in found and not on_top(package)}
    return {room: names for room, names in found.items() if room not in empty}


def on_top(package: str) -> bool:
    """Whether a package has files beside its rooms."""
    return any(path.name != "__init__.py" for path in (ROOT / package).glob("*.py"))


def modules_imported(path: Path) -> set[str]:
    """Modules of the project that a file imports, with those of `from package import module`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] in PACKAGES}


def test_the_page_of_rooms_says_what_is_imported() -> None:
    told: dict[str, set[str]] = {}
    code = rooms_in_code()
    for room, imports in table_between(ROOMS, "<!-- rooms -->"):
        names = {name.strip() for name in imports.split(",") if name.strip()}
        package = room.split("/")[0]
        full = {name if "/" in name or name in PACKAGES else f"{package}/{name}" for name in names}
        told[room] = code[room] if names == {"all above"} else full
        assert code[room] == told[room], f"docs/architecture.md: the row {room}"
        assert told[room] <= told.keys() - {room}, f"{room} imports a room below it in the table"
    assert told.keys() == code.keys()


def test_the_readme_maps_every_room() -> None:
    rows = table_between(MAP, "<!-- map -->")
    named = [name.strip("` /") for row in rows for name in row[0].split(",")]
    on_the_map = {room for room in rooms_in_code() if "/" in room or room == "methods"}
    assert sorted(named) == sorted(on_the_map)
    for row in rows:
        for file in re.findall(r"`(\w+\.py)`", row[1]):
            assert (ROOT / row[0].strip("`") / file).is_file(), file


def test_the_files_that_the_page_of_rooms_names_exist() -> None:
    text = ROOMS.read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+/(?:[\w]+\.py)?)`", text)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_letter_of_a_shape_is_in_the_table() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Shapes")[1]
    told = {letter for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for letter in row}
    used: dict[str, str] = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = node.id if isinstance(node, ast.Name) else getattr(node, "arg", None) or ""
            if shape := re.fullmatch(r"[a-z][a-z0-9_]*_([A-Z1]{1,4})", name):
                used |= {letter: f"{name} in {path.relative_to(ROOT)}" for letter in shape[1]}
    assert len(used) > 10
    assert {letter: where for letter, where in used.items() if letter not in told} == {}


def defined(path: Path) -> set[str]:
    """Functions, classes and constants at the top level of a file."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            stored = (each for target in targets for each in ast.walk(target))
            names |= {each.id for each in stored if isinstance(each, ast.Name)}
    return names


def test_a_name_is_defined_in_one_module() -> None:
    places: dict[str, list[str]] = {}
    for path in FILES:
        for name in defined(path):
            places.setdefault(name, []).append(str(path.relative_to(ROOT)))
    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert {name: found for name, found in twice.items() if name not in NAMED_TWICE} == {}
    assert twice.keys() >= NAMED_TWICE.keys(), "an exception is no longer needed"


def test_only_the_trainer_and_its_settings_import_trl() -> None:
    users = [
        path.name for path in FILES if any(name.split(".")[0] == "trl" for name in imported(path))
    ]
    assert sorted(users) == ["grpo_config.py", "lean_updates.py", "own_entropy.py", "trainer.py"]


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
    pages = {path.stem for path in (DOCS / "methods").glob("*.md")} - {"README", "left_out"}
    assert pages == {path.stem for path in (ROOT / "methods").glob("*.py")} - {"__init__"}


def test_make_check_names_files_that_exist() -> None:
    """pytest stops at a missing file, so `make check` would run no test at all."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    names = re.search(r"^UNIT_TESTS := .*?,(architecture .*?)\)", text, re.DOTALL | re.MULTILINE)
    assert names
    listed = names[1].replace("\\", " ").split()
    files = {path.stem for path in (ROOT / "tests").glob("*/test_*.py")}
    missing = [name for name in listed if f"test_{name}" not in files]
    assert len(listed) > 20
    assert not missing
