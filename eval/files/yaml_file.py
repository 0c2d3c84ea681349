"""Reads a YAML file strictly, and only the part of YAML that settings need.

The file may hold mappings, lists, text, numbers, true, false and null; no merges, dates or other
tags. A duplicate key is an error (PyYAML keeps the last one). An alias counts as many items as it
stands for, because ten lines of aliases can expand to a billion items. Numbers are finite and fit
into 64 bits. Text holds no control characters, lone surrogates or marks that change the direction
of writing.
"""

import re
from os.path import isfile
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from eval.files.errors import BadInput

# bytes; PyYAML reads about a megabyte per second, and a resolved spec has 3,000 bytes
LARGEST_YAML = 1_000_000
DEEPEST_YAML = 50  # levels of nesting; a spec has five
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
MOST_ITEMS = 100_000
_KINDS = ("null", "bool", "int", "float", "str", "seq", "map")


class _Strict(yaml.SafeLoader):
    """A safe loader with the limits of this module; its methods override PyYAML's."""

    depth = items = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        mark, is_alias, before = (
            self.peek_event().start_mark,
            self.check_event(yaml.AliasEvent),
            self.items,
        )
        if self.depth == DEEPEST_YAML:
            raise ConstructorError(None, None, f"nested deeper than {DEEPEST_YAML}", mark)
        self.depth += 1
        node: Any = super().compose_node(parent, index)
        self.depth -= 1
        # A node that contains itself has no size yet, and counts as too large.
        self.items += getattr(node, "items", MOST_ITEMS) if is_alias else 1
        if self.items > MOST_ITEMS:
            raise ConstructorError(None, None, f"expands to more than {MOST_ITEMS:,} items", mark)
        if not is_alias:
            node.items = self.items - before
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool | None):
                raise ConstructorError(None, None, "a key must be plain text", key_node.start_mark)
            if key in seen:
                raise ConstructorError(None, None, f"duplicate key {key!r}", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
        except (ValueError, KeyError):  # !!int x, !!bool x, or more digits than Python converts
            raise ConstructorError(None, None, "value is invalid", node.start_mark) from None
        if isinstance(value, int | float) and not abs(value) < 2**63:  # true for NaN as well
            raise ConstructorError(
                None, None, "a number must be finite and fit into 64 bits", node.start_mark
            )
        if isinstance(value, str) and (found := UNSAFE.search(value)):
            raise ConstructorError(
                None, None, f"text holds the character {found[0]!a}", node.start_mark
            )
        return value


def _whole_number(loader: _Strict, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    if "_" in text:
        raise ValueError
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


_tags = [f"tag:yaml.org,2002:{kind}" for kind in _KINDS]
_Strict.yaml_constructors = {tag: yaml.SafeLoader.yaml_constructors[tag] for tag in (*_tags, None)}
_Strict.add_constructor("tag:yaml.org,2002:int", _whole_number)

# Plain scalars are read as YAML 1.2's core schema says. PyYAML's own rules are of YAML 1.1, in
# which 010 is 8, 1:30 is 90, and yes, no, on and off are true and false.
_Strict.yaml_implicit_resolvers = {}
for _kind, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
    ("null", r"~|null|Null|NULL|", "~nN"),
):
    _Strict.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(rf"(?:{_pattern})\Z"), [*_first]
    )
_Strict.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"\Z"), [""])
# A merge is of YAML 1.1, too. It keeps its tag, which has no constructor, so that it is refused.
_Strict.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"<<\Z"), ["<"])


def is_yaml_file(path: Path) -> bool:
    """Whether the path is an existing file with a YAML suffix."""
    # isfile, because Path.is_file raises if the name is too long.
    return path.suffix in (".yaml", ".yml") and isfile(path)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        BadInput: the file cannot be read, has more than LARGEST_YAML bytes, is not strict YAML as
            the module describes, or holds something other than a mapping.
    """
    text = _read_text(path)
    try:
        content = yaml.load(text, Loader=_Strict)
    except (yaml.YAMLError, RecursionError) as error:
        raise BadInput(f"{path}: not readable as YAML: {_harmless(str(error))}") from None
    if not isinstance(content, dict):
        raise BadInput(
            f"{path}: is not a mapping of keys: see experiments/probes/rare.yaml for the form"
        )
    return content


def _harmless(said: str) -> str:
    """PyYAML's message on one line, with unsafe characters escaped: it quotes the file, which may
    hold commands to the terminal.
    """
    return UNSAFE.sub(lambda found: ascii(found[0])[1:-1], " ".join(said.split()))


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_YAML + 1)
        if len(data) > LARGEST_YAML:
            raise BadInput(
                f"{path}: over {LARGEST_YAML:,} bytes: no experiment is that long, check the file"
            )
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from None
