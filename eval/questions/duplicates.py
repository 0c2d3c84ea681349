"""Finds repeated problems in a training set by the normal form of their texts.

Normal form: Unicode compatibility form (NFKC), lower case, without blanks and ASCII punctuation.
Operators are punctuation, so "1+2" and "1-2" have the same form. The check rather calls two
different problems equal than misses a repeat, since a false match costs only one training row.
"""

import string
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normal_form(text: str) -> str:
    """The normal form of a text; the text itself if its normal form is empty."""
    form = unicodedata.normalize("NFKC", text).lower().translate(_NO_PUNCTUATION)
    return "".join(form.split()) or text


class Repeats(NamedTuple):
    """Rows that are dropped because a training set holds their problem more than once."""

    repeated: int  # equal text, equal answer; the first row is kept and not counted
    conflicting: int  # equal text, different answers; no row is kept


def drop_repeats(texts: Sequence[str], answers: Sequence[str]) -> tuple[list[int], Repeats]:
    """Positions of the rows to keep, and the counts of the others. Of a repeated problem the first
    row is kept, of a problem with different answers none.
    """
    groups: dict[str, list[int]] = {}
    for position, text in enumerate(texts):
        groups.setdefault(normal_form(text), []).append(position)
    agreed = [group for group in groups.values() if len({answers[i].strip() for i in group}) == 1]
    repeated = sum(len(group) - 1 for group in agreed)
    conflicting = len(texts) - sum(map(len, agreed))
    return [group[0] for group in agreed], Repeats(repeated, conflicting)
