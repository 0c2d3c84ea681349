"""A setting's type in words, for the tables in docs/: `Annotated[int, Ge(1)]` is "integer ≥ 1"."""

from math import inf
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Len, Lt

NAMES: dict[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "integer",
    float: "number",
    NoneType: "None",
    Any: "anything",
}


def worded(kind: Any) -> str:
    """The values that a type allows, in words.

    Bounds, lengths and choices are said; a class of settings is a "block".
    """
    if kind in NAMES:
        return NAMES[kind]
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return bounded(inner[0], inner[1:])
    if origin is Literal:
        return listed([f"`{value}`" for value in inner])
    if origin in (Union, UnionType):
        words = list(dict.fromkeys(map(worded, inner)))
        return listed([word for word in words if word != "None"]) + ", or None" * ("None" in words)
    if origin is dict:
        return f"name → {worded(inner[1])}"
    if origin is tuple and inner[1:] == (...,):
        return f"list: {worded(inner[0])}"
    if origin is tuple:
        return f"({', '.join(map(worded, inner))})"
    return "block"


def bounded(kind: Any, limits: tuple[Any, ...]) -> str:
    """A type with what its annotations say of bounds and lengths; others say nothing."""
    low = next((each for each in limits if isinstance(each, Ge | Gt)), None)
    high = next((each for each in limits if isinstance(each, Le | Lt)), None)
    shortest = next((each.min_length for each in limits if isinstance(each, Len)), 0)
    whole = "integer " if kind is int else ""
    below = None if high is None else high.le if isinstance(high, Le) else high.lt
    above = None if low is None else low.ge if isinstance(low, Ge) else low.gt
    if above is None:
        words = worded(kind)
        return f"{words} (at least {shortest})" if shortest > 1 else words
    if below in (None, inf):
        return f"{whole}{'≥' if isinstance(low, Ge) else '>'} {above:,}"
    left, right = "[" if isinstance(low, Ge) else "(", "]" if isinstance(high, Le) else ")"
    return f"{whole}in {left}{above:,}, {below:,}{right}"


def listed(words: list[str]) -> str:
    """a; a or b; a, b or c. More than ten choices are not named."""
    if len(words) > 10:
        return f"one of {len(words)} names"
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
