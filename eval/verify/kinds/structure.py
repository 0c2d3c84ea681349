r"""How an answer is built: lists, tuples, sets, intervals, and chains of equalities."""

import re
from typing import NamedTuple

_TOKEN = re.compile(
    r"\\text\{[^{}]*\}|\\begin|\\end|\\[{}]|\\[a-zA-Z]+|\\.|[(\[{)\]}]|[,;=]"
    r"|(?<![a-zA-Z])(?:and|or)(?![a-zA-Z])"
)
_LIST_WORD = re.compile(r"\\text\{\s*[,;]?\s*(?:and|or|&)?\s*[,;]?\s*\}|and|or")
_OPENING, _CLOSING = {"(", "[", "{", r"\{", r"\begin"}, {")", "]", "}", r"\}", r"\end"}
_PAIRS = (("(", ")"), ("[", "]"), (r"\{", r"\}"), ("(", "]"), ("[", ")"))


class Items(NamedTuple):
    opening: str  # "", "(", "[" or "\{"
    members: list[str]
    closing: str


def _tokens(text: str) -> list[tuple[str, int, int, int]]:
    """(token, start, end, depth around it)."""
    found, depth = [], 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in _CLOSING:
            depth -= 1
        found.append((token, match.start(), match.end(), depth))
        if token in _OPENING:
            depth += 1
    return found


def _cut(text: str, cuts: list[tuple[int, int]]) -> list[str]:
    edges = [0, *(edge for cut in cuts for edge in cut), len(text)]
    return [text[start:end].strip() for start, end in zip(edges[::2], edges[1::2], strict=True)]


def is_balanced(text: str) -> bool:
    """Every bracket has a partner; of which kind does not matter: [0, 1) is an interval."""
    depth = 0
    for token, _, _, around in _tokens(text):
        depth = around + (token in _OPENING)
        if around < 0:
            return False
    return depth == 0


def split(text: str) -> list[str]:
    """Members of a list without brackets around it."""
    cuts = [
        (start, end)
        for token, start, end, depth in _tokens(text)
        if depth == 0 and (token in (",", ";") or _LIST_WORD.fullmatch(token))
    ]
    return [part for part in _cut(text, cuts) if part]


def _enclosed(text: str) -> tuple[str, str, str]:
    """(opening, inside, closing) if one pair of brackets holds everything."""
    tokens = _tokens(text)
    for opening, closing in _PAIRS:
        if not (text.startswith(opening) and text.endswith(closing)):
            continue
        inner = [depth for token, start, end, depth in tokens[1:-1]]
        whole = tokens[0][2] == len(opening) and tokens[-1][1] == len(text) - len(closing)
        if len(tokens) >= 2 and whole and all(depth >= 1 for depth in inner):
            return opening, text[len(opening) : len(text) - len(closing)].strip(), closing
    return "", text, ""


def items(text: str) -> Items:
    r"""Members of a list, tuple, set or interval; one member if it is none of them.

    `1 \pm \sqrt{2}` has two members.
    """
    opening, inside, closing = _enclosed(text)
    while opening == "(" == _enclosed(inside)[0] and closing == ")":  # ((1, 2))
        opening, inside, closing = _enclosed(inside)
    if opening == "(" and closing == ")" and _enclosed(inside)[0] in ("[", r"\{"):
        opening, inside, closing = _enclosed(inside)
    members = split(inside)
    if opening in ("(", "[") and len(members) == 1:
        opening, closing, members = "", "", [text]
    return Items(opening, [part for member in members for part in _signs(member)], closing)


_PLUS_MINUS = re.compile(r"\\(pm|mp)(?![a-zA-Z])")


def _signs(member: str) -> list[str]:
    found = _PLUS_MINUS.findall(member)
    if (
        len(found) != 1 or r"\{" in member or "," in member
    ):  # two of them: which belong together is computer algebra's matter
        return [member]
    sign = _PLUS_MINUS.search(member)
    assert sign
    before, after = member[: sign.start()], member[sign.end() :]
    return [f"{before}+{after}".strip(), f"{before}-{after}".strip()]


def without_parentheses(text: str) -> str:
    """(52_8) is 52_8; a tuple stays as it is."""
    opening, inside, closing = _enclosed(text)
    return inside if (opening, closing) == ("(", ")") and len(split(inside)) == 1 else text


_RELATION = re.compile(
    r"\\(?:l|g|n)?e(?:q)?(?![a-zA-Z])|\\[lg]t(?![a-zA-Z])|[<>]|\\in(?![a-zA-Z])|\\ne"
)
_EQUALITIES = {"=", r"\approx", r"\simeq", r"\equiv"}


def is_inequality(text: str) -> bool:
    return bool(_RELATION.search(text))


def chain(text: str) -> list[str]:
    r"""Members of a chain of equalities, without empty ones: `x = 2/3 \approx 0.67` has three."""
    cuts = [
        (start, end)
        for token, start, end, depth in _tokens(text)
        if depth == 0 and token in _EQUALITIES
    ]
    return [part for part in _cut(text, cuts) if part]


_NAME = re.compile(
    r"(?:\\(?:angle|triangle|overline|vec|hat|bar|widehat|mathcal|Delta|measuredangle|text)\s*)?"
    r"(?:m\\angle\s*)?"
    r"(?:\\[a-zA-Z]+|\{?\s*[a-zA-Z]{1,3}\s*\}?|\{[^{}\\=]*\}"
    r"|[A-Z]{1,4}|\|[A-Z]{2}\||\[[A-Z]{3,5}\])"
    r"(?:_\s*(?:\{[^{}]*\}|[a-zA-Z0-9]))?"
    r"(?:\s*\([a-zA-Z0-9,\s]{1,9}\))?"
    r"|\(\s*[a-zA-Z](?:_[0-9])?(?:\s*,\s*[a-zA-Z](?:_[0-9])?)+\s*\)"
)
_CONSTANT = re.compile(r"\\(?:pi|infty|emptyset|frac|sqrt)(?![a-zA-Z])")


def is_name(text: str) -> bool:
    r"""A variable or what an answer is called: x, f(x), \angle ABC, AB, (x, y)."""
    return bool(_NAME.fullmatch(text)) and not _CONSTANT.search(text)
