"""What the code behind a command means, as one digest: of the exact closure of its imports.

    closure("eval.score")        the project's modules that `python -m eval.score` may run
    code_digest("eval.score")    SHA-256 over the meaning of each

The meaning of a module is its syntax tree without comments, docstrings and positions. So an edit of
prose or formatting changes no digest, and any other edit of any module in the closure does.
Modules are found by reading, not by importing: every `import` anywhere in a file counts, and so
does a string that is the name of a module, since that is how a process is started on it.
"""

import ast
import hashlib
import os
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import TypeGuard

CHECKOUT = Path(__file__).parents[2]
PACKAGES = ("methods", "experiments", "eval", "analysis")

NO_EFFECT = {
    "eval.files.errors": "messages",
    "eval.files.command_line": "help texts and messages",
    "eval.files.durable": "how a file reaches the disk, not what is in it",
    "eval.files.marks": "the mark itself",
    "eval.files.code_digest": "the mark itself",
    "eval.files.evidence": "the mark itself",
    "eval.looks.made_from": "the mark itself",
    "eval.looks.settings": "its effect stands in the resolved settings",
    "eval.sampling.made_from": "the mark itself",
    "eval.scoring.made_from": "the mark itself",
    "eval.sampling.lean_imports": "which optional packages transformers imports",
    "eval.sampling.gpus": "refuses GPUs that cannot be used, before anything is computed",
    "experiments.policies.command_line": "the command line",
    "experiments.run.command_line": "the command line",
    "experiments.run.record": "what a run says about itself: versions, machine, time",
    "experiments.run.fault_dump": "reads the dump of a run that has failed",
    "experiments.run.stopping": "ends a run at a rollout, from which it resumes",
    "experiments.run.identity": "the mark itself",
    "methods": "the list of methods: an arm counts its own method's module",
    "experiments.families": "the list of families: a task counts its own family's module",
}
"""Modules whose edit makes no result outdated, each with the reason. Their imports are not
followed, since these have no other effect than theirs."""

NO_EFFECT_ROOMS = {
    "experiments.workflow": "decides what runs, not how",
    "experiments.spec": "its effect stands in the resolved settings, which count themselves",
}


def code_digest(*entries: str, without: Collection[str] = ()) -> str:
    """Digest of all that running these modules executes of this project; 16 hexadecimal digits.

    Templates, styles and scripts that lie beside one of the modules count by content. `without`:
    modules that this run does not use, though they are imported somewhere (another engine).
    """
    names = sorted(closure(*entries, without=without))
    files = {name: module_file(name) for name in names}
    pages = {page for folder in {file.parent for file in files.values()} for page in _pages(folder)}
    parts = [f"{name} {meaning(file)}" for name, file in files.items()]
    parts += [f"{page.name} {_bytes_digest(page)}" for page in sorted(pages)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def closure(*entries: str, without: Collection[str] = ()) -> set[str]:
    """Names of the project's modules that these modules execute, themselves among them."""
    found: set[str] = set()
    waiting = [*entries]
    while waiting:
        name = waiting.pop()
        if name in found or name in without or has_no_effect(name):
            continue
        source = _source_of(name)
        if source is not None:
            found.add(name)
            waiting += _mentioned_in(source)
    return found


def has_no_effect(name: str) -> bool:
    """Whether an edit of this module must not make results anew."""
    return name in NO_EFFECT or any(name.startswith(f"{room}.") for room in NO_EFFECT_ROOMS)


def module_file(name: str) -> Path:
    """Where a module lies: a package's code is its __main__.py, if it has one, else __init__.py."""
    return Path(_path_of_module(name))


def _path_of_module(name: str) -> str:
    # Strings, since a start asks a hundred thousand times, and pathlib takes ten times as long.
    path = f"{CHECKOUT}/{name.replace('.', '/')}"
    if not os.path.isdir(path):
        return f"{path}.py"
    main = f"{path}/__main__.py"
    return main if os.path.exists(main) else f"{path}/__init__.py"


def _source_of(name: str) -> bytes | None:
    """A module's source; None if there is no such module."""
    try:
        with open(_path_of_module(name), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def meaning(file: Path) -> str:
    """SHA-256 of the syntax tree of a file without comments, docstrings and positions."""
    return _meaning(file.read_bytes())


@cache
def _meaning(source: bytes) -> str:
    words: list[str] = []
    _write(ast.parse(source), words)
    return hashlib.sha256(" ".join(words).encode(errors="surrogatepass")).hexdigest()


def _write(node: ast.AST, words: list[str]) -> None:
    # Empty fields are left out, so that a Python version with more of them gives the same digest.
    words.append(type(node).__name__)
    for name in node._fields:
        value = getattr(node, name, None)
        if name == "body" and isinstance(value, list):
            value = [each for each in value if not _is_text(each)]
        if isinstance(value, ast.AST):
            words.append(name)
            _write(value, words)
        elif isinstance(value, list) and value:
            words.append(f"{name}[{len(value)}")
            for each in value:
                if isinstance(each, ast.AST):
                    _write(each, words)
                else:
                    words.append(repr(each))
        elif value is not None and value != []:
            words.append(f"{name}={value!r}")


def _is_text(node: ast.AST) -> bool:
    """Whether a statement is a string alone: a docstring, or the text below a constant."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@cache
def _mentioned_in(source: bytes) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_names(ast.parse(source))))


def _names(tree: ast.Module) -> Iterator[str]:
    """Modules of the project that a file imports, or names in a string."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _is_ours(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.module and _is_ours(node.module):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and _is_module_name(node.value):
            yield node.value


def _is_ours(name: str) -> bool:
    return name.split(".")[0] in PACKAGES and name.replace(".", "").replace("_", "").isalnum()


def _is_module_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and "." in value and value.isascii() and _is_ours(value)


def _pages(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix in (".html", ".css", ".js")]


def _bytes_digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
