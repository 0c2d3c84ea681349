"""The tables of settings: what is read from a class, and types in words."""

from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Gt, Le, Len, Lt

from experiments.reference import CLASSES, fields_in, settings_table
from experiments.spec.type_words import worded

SOURCE = """
class Block:
    # this is of the class, not of a field

    kind: ClassVar[str] = "x"  # no setting
    one: int  # first
    # said in
    # two lines
    two: Literal["a # b"] = "a # b"
    three: Annotated[int | None, Field()] = (
        None  # inside
    )
    four: str = "d"
"""


def test_name_type_default_and_meaning_are_read_from_one_line_or_several() -> None:
    assert fields_in(SOURCE.strip()) == [
        ("one", "int", None, "first"),
        ("two", 'Literal["a # b"]', '"a # b"', "said in two lines"),
        ("three", "Annotated[int | None, Field()]", "None", "inside"),
        ("four", "str", '"d"', ""),
    ]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Annotated[int, Ge(1)], "integer ≥ 1"),
        (Annotated[float, Gt(0), Lt(1)], "in (0, 1)"),
        (Annotated[float, Gt(0), Lt(float("inf"))], "> 0"),
        (Annotated[int, Ge(1), Le(65535)], "integer in [1, 65,535]"),
        (int | None, "integer, or None"),
        (Annotated[tuple[bool, ...], Len(2)], "list: true or false (at least 2)"),
        (tuple[Annotated[float, Ge(0)], float], "(≥ 0, number)"),
        (Literal["a", "b", "c"], "`a`, `b` or `c`"),
        (dict[str, Any], "name → anything"),
    ],
)
def test_a_type_in_words(kind: Any, words: str) -> None:
    assert worded(kind) == words


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_no_table_shows_python(cls: type) -> None:
    table = settings_table(cls)
    for word in ("Annotated", "Literal[", "Field(", "`(`"):
        assert word not in table
