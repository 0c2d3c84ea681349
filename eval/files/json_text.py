"""Reads JSON strictly: a text that two readers could understand differently is an error.

Python's json accepts duplicate keys (the last one wins), NaN, Infinity, 1e999 as infinity, numbers
of any length, any depth, and UTF-16 and UTF-32. Each of these is an error here.
"""

import json
import math
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

from eval.files.errors import BadInput

DEEPEST_JSON = 50  # levels of nesting; the project's own rows have three
_DIGITS = 19  # of a whole number, as many as 64 bits need; seeds have 53 bits


def parse(text: bytes | str, lone_surrogates: bool = False, nan_is_null: bool = False) -> Any:
    """The value of a JSON text in UTF-8, with or without a byte order mark.

    `lone_surrogates`: whether strings may hold lone surrogates, which a language model can write.

    `nan_is_null`: whether NaN and Infinity are read as null. Python's json writes them, so the
    logs of other tools hold them.

    Raises:
        ValueError: the text is not JSON, or not strict as the module describes.
    """
    text = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_distinct,
            parse_constant=(lambda name: None) if nan_is_null else _constant,
            parse_float=_finite,
            parse_int=_whole,
        )
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if text.count("[") + text.count("{") > DEEPEST_JSON:
        _check_depth(value)
    if not lone_surrogates and r"\ud" in text.lower():
        # A lone surrogate raises UnicodeEncodeError here, which is a ValueError.
        json.dumps(value, ensure_ascii=False).encode()
    return value


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        BadInput: the file is missing, cannot be read, or holds something other than an object.
    """
    found, problem = object_or_problem(path)
    if found is None:
        raise BadInput(f"{path}: {problem}: delete it and make it again")
    return found


def object_or_none(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None if the file is missing, damaged or holds something else.

    For files whose absence means "not measured" or "not done yet", and is not an error.
    """
    return object_or_problem(path)[0]


def object_or_problem(path: Path) -> tuple[dict[str, Any] | None, str]:
    """The JSON object in a file and "", or None and what is wrong with the file."""
    try:
        value = parse(path.read_bytes())
    except FileNotFoundError:
        return None, "is missing"
    except (OSError, ValueError) as error:
        return None, f"cannot be read ({error})"
    return (value, "") if isinstance(value, dict) else (None, "holds no JSON object")


_TOO_DEEP = f"nested deeper than {DEEPEST_JSON}"


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        times = Counter(key for key, _ in pairs)
        raise ValueError(f"duplicate key {next(key for key in times if times[key] > 1)!r}")
    return found


def _constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return value


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > _DIGITS:
        raise ValueError(f"{text[:20]}… is a number of more than {_DIGITS} digits")
    return int(text)


def _check_depth(value: Any) -> None:
    """Raises ValueError if the value is too deep. It goes level by level, without recursion."""
    level = [value]
    for _ in range(DEEPEST_JSON + 1):
        inner = (
            each.values() if isinstance(each, dict) else each
            for each in level
            if isinstance(each, dict | list)
        )
        level = list(chain.from_iterable(inner))
        if not level:
            return
    raise ValueError(_TOO_DEEP)
