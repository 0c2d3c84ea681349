"""When two problems are the same: the normal form of a text, and what to do with repeats in a
training set.

Normal form: Unicode compatibility form (NFKC), lower case, without blanks and ASCII punctuation.
Operators go with the punctuation, so "1+2" and "1-2" have the same form: the check errs towards
calling problems equal, and a false hit costs one training row.
"""

import string
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normal_form(text: str) -> str:
    """The form in which two equal problems agree; the text itself where nothing would be left of
    it.
    """
    form = unicodedata.normalize("NFKC", text).lower().translate(_NO_PUNCTUATION)
    return "".join(form.split()) or text


class Repeats(NamedTuple):
    """What a training set holds more than once, in rows."""

    repeated: int  # equal text and equal answer; the first row is kept and not counted here
    conflicting: int  # equal text with different answers; no row is kept


def drop_repeats(texts: Sequence[str], answers: Sequence[str]) -> tuple[list[int], Repeats]:
    """Positions that stay: the first of each repeated problem, none of a problem whose answers
    disagree.
    """
    groups: dict[str, list[int]] = {}
    for position, text in enumerate(texts):
        groups.setdefault(normal_form(text), []).append(position)
    agreed = [group for group in groups.values() if len({answers[i].strip() for i in group}) == 1]
    repeated = sum(len(group) - 1 for group in agreed)
    conflicting = len(texts) - sum(map(len, agreed))
    return [group[0] for group in agreed], Repeats(repeated, conflicting)
