r"""Answers in words: \text{Monday}, Yes, \text{A, B, E}, \text{1:03 PM}, \text{June 20}.

Words are compared without case, blanks, brackets and a final stop. Their order counts, unless one
side is in braces: the question may have been for an order. A clock time may leave out a.m. or p.m.,
as an answer may leave out a unit, but never contradict it.
"""

import re

_TEXT = re.compile(r"\\text\{([^{}]*)\}")
# letters, digits and the punctuation of words; no operator, no command
_WORDY = re.compile(r"[^\W_](?:[^\W_]|[ ,;:.'’&/()\\-])*")
_LETTERS = re.compile(r"[a-zA-Z]")
_BARE_LETTERS = re.compile(r"\(?[a-zA-Z]+\)?\.?")
_JOINING_WORD = re.compile(r"\s*(?:,\s*(?:and|or|&)\s+|\s(?:and|or|&)\s|[,;])\s*", re.IGNORECASE)
_LIST_ONLY = re.compile(
    r"^[\s,;]*(?:and|or|&)?[\s,;]*$"
)  # 19 \text{ and } 43 is no answer in words
_MERIDIEM = re.compile(r"\s*(?<![a-z])([ap])\s*\.?\s*m\b\.?", re.IGNORECASE)
_TIME = re.compile(r"0?([0-9]{1,2})(?::([0-9]{2}))?(?::([0-9]{2}))? ([ap]m)")
_ORDINAL = re.compile(r"(?<=[0-9])(?:st|nd|rd|th)\b")


def plain_text(cleaned: str) -> str:
    r"""The answer with the contents of \text{...} in place."""
    return " ".join(_TEXT.sub(r" \1 ", cleaned).split())


def is_words(cleaned: str) -> bool:
    r"""Nothing but words (and numbers among them), at least one of which is in \text{...}."""
    texts = [_LIST_ONLY.sub("", text) for text in _TEXT.findall(cleaned)]
    has_words = any(_LETTERS.search(text) for text in texts)
    return has_words and bool(_WORDY.fullmatch(_without_text_group(plain_text(cleaned))))


def _without_text_group(text: str) -> str:
    text = text.strip()
    for opening, closing in (("(", ")"), (r"\{", r"\}"), ("[", "]"), ("{", "}")):
        if text.startswith(opening) and text.endswith(closing):
            inner = text[len(opening) : -len(closing)].strip()
            if opening not in inner and closing not in inner:
                return inner
    return text


def _item(text: str) -> str:
    text = _without_text_group(text).rstrip(".").strip().casefold()
    text = _ORDINAL.sub("", _MERIDIEM.sub(r" \1m", text))
    time = _TIME.fullmatch(text.strip())
    if time:
        seconds = f":{time[3]}" if time[3] else ""
        return f"{int(time[1])}:{time[2] or '00'}{seconds} {time[4]}"
    return " ".join(text.split())


def _items(cleaned: str) -> list[str]:
    text = _without_text_group(plain_text(cleaned))
    return [_item(item) for item in _JOINING_WORD.split(text) if item.strip()]


def _in_braces(cleaned: str) -> bool:
    return cleaned.startswith(r"\{") and cleaned.endswith(r"\}")


def same_words(gold: str, answer: str) -> bool:
    """Whether two cleaned answers say the same words."""
    ours, theirs = _items(gold), _items(answer)
    is_time = len(ours) == len(theirs) == 1 and ours[0].endswith((" am", " pm"))
    if is_time and re.fullmatch(r"[0-9:]+", theirs[0]):
        theirs = [_item(f"{theirs[0]} {ours[0][-2:]}")]
    if _in_braces(gold) or _in_braces(answer):
        ours, theirs = sorted(ours), sorted(theirs)
    return ours == theirs != []


def same_letters(gold: str, answer: str) -> bool:
    r"""A gold of bare letters against the same letters: C and c, odd and \text{Odd}.

    Bare letters of both sides are variables, unless there is one, or they are a word: xy is not XY.
    """
    if _TEXT.search(answer):
        return bool(_LETTERS.search(gold)) and is_words(answer) and same_words(gold, answer)
    if not (_BARE_LETTERS.fullmatch(gold) and _BARE_LETTERS.fullmatch(answer)):
        return False
    ours = _item(gold)
    return ours == _item(answer) and (len(ours) != 2 or ours == "no")


def segments(cleaned: str) -> list[str]:
    r"""Mathematics and words in turn: `3\text{ ft }6\text{ in}` is ["3", "ft", "6", "in"]."""
    parts = _TEXT.split(cleaned)
    return [part.strip() for part in parts]
