"""Reading JSON that others may have written: strict where the format's readers are lax.

Python's json takes the last of repeated keys, NaN and Infinity, 1e999 as infinity, numbers of any
length, any depth and any of Unicode's encodings. Here each of these is an error: a file that two
readers would understand differently is not read.
"""

import json
import math
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

from eval.files.errors import BadInput

DEEPEST = 50  # objects within objects; a row of ours has three
_DIGITS = 19  # of a whole number: seeds have 53 bits


def parse(
    text: bytes | str, lone_surrogates: bool = False, nan_is_null: bool = False
) -> Any:
    """The value of a JSON text in UTF-8, with or without a byte order mark.

    `lone_surrogates`: whether strings may hold halves of surrogate pairs. A model can write them,
    and nothing else does.

    `nan_is_null`: whether NaN and Infinity are read as null. Python's json writes them, so the
    logs of other tools hold them.

    Raises:
        ValueError: it is not JSON, or holds one of the above.
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
    if text.count("[") + text.count("{") > DEEPEST:
        _check_depth(value)
    if not lone_surrogates and r"\ud" in text.lower():
        json.dumps(
            value, ensure_ascii=False
        ).encode()  # raises UnicodeEncodeError, which is a ValueError
    return value


def read_object(path: Path) -> dict[str, Any]:
    """The object in a file. BadInput names the file where it cannot be read or holds something
    else.
    """
    try:
        value = parse(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read ({error}): delete it and make it again") from None
    if not isinstance(value, dict):
        raise BadInput(f"{path}: holds no JSON object: delete it and make it again")
    return value


_TOO_DEEP = f"nested deeper than {DEEPEST}"


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        times = Counter(key for key, _ in pairs)
        raise ValueError(f"key {next(key for key in times if times[key] > 1)!r} stands twice")
    return found


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


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
    """Level by level, so that depth costs no stack."""
    level = [value]
    for _ in range(DEEPEST + 1):
        inner = (
            each.values() if isinstance(each, dict) else each
            for each in level
            if isinstance(each, dict | list)
        )
        level = list(chain.from_iterable(inner))
        if not level:
            return
    raise ValueError(_TOO_DEEP)
