r"""One spelling for what LaTeX and Unicode write in many ways, before anything is compared.

`clean` changes the notation and never the mathematics: fonts, colours, sizes, blanks, Unicode
signs, thousands separators, 4.5e33. Linear in the length of the text; never raises on any string.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from eval.verify.spelling.normal_form import MAX_ANSWER
from eval.verify.spelling.unicode_signs import from_unicode

# a balanced group, up to three braces deep; possessive, so that it stays linear
_GROUP = r"\{((?:[^{}]|\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*+\})*+\})*+\})*+)\}"


_DELIMITERS = re.compile(r"\\\\|\\[()\[\]]|\\?\$")
_SPACES = re.compile(
    r"\\\\|\\[,;:> \n]|(?<!\\)~|\\(?:q?quad|enspace|thinspace|medspace|thickspace|space|hfill)"
    r"(?![a-zA-Z])|\\[hv]space\*?\{[^{}]*\}"
)
# digits in groups of three. {,} and ,\! and a thin space say that they are one number; a bare comma
# is left where it may separate the members of a list (inside brackets).
_THOUSANDS = re.compile(
    r"(?<![0-9.,])[0-9]{1,3}"
    r"(?:(?:\s*,\s*\\!\s*|\{,\s*(?:\\[,;: ])?\s*\}|\\[,:; ]\s*)[0-9]{3})+(?![0-9])"
)
_NOT_DIGITS = re.compile(r"[^0-9]+")
_SIZES = re.compile(
    r"\\(?:left|right|middle|[bB]ig{1,2}[lrm]?)(?![a-zA-Z])\s*\.?"
    r"|\\(?:display|text|script|scriptscript)style(?![a-zA-Z])"
    r"|\\(?:limits|nolimits|mathstrut|boldmath|unboldmath|null|Large|large|LARGE|huge|small)"
    r"(?![a-zA-Z])"
    r"|\\!"
)
_COLOUR = re.compile(r"\\(?:text|page)?color(?:box)?\s*(?:\[[^\]]*\])?\s*\{[^{}]*\}")
_PHANTOM = re.compile(rf"\\[hv]?phantom\s*(?:{_GROUP}|\S)")
_OLD_FONT = re.compile(r"\{\s*\\(rm|bf|it|sf|tt)(?![a-zA-Z])\s*([^{}]*)\}")
_FONT_SWITCH = re.compile(r"\\(?:rm|bf|it|sf|tt)(?![a-zA-Z])")
_ONE_LETTER_FONT = re.compile(
    r"\\(?:math(?:rm|bf|it|sf|tt|normal)|boldsymbol|bm|pmb)(?![a-zA-Z])\s*([a-zA-Z0-9](?![a-zA-Z]))"
)
_TEXT_FONT = re.compile(r"\\(?:text(?:bf|it|rm|normal|sf|tt|up|md|sl)?|mbox|hbox|emph)\s*" + _GROUP)
_MATH_FONT = re.compile(
    r"\\(?:math(?:rm|bf|it|sf|tt|normal)|boldsymbol|bm|bold|pmb|underline|uline)\s*" + _GROUP
)
_NUMERIC = re.compile(r"\s*(?:\\?\$)?\s*[-+]?[0-9][0-9.,/\s]*(?:\\?%)?\s*|\s*\\?%\s*")
_VARIABLE = re.compile(r"\s*(?![mgshlLNJWVK])[a-zA-Z]\s*")  # but for the symbols of units
_FUNCTION = re.compile(r"(?:arc)?(?:sin|cos|tan)|cot|sec|csc|ln|log|exp|gcd|lcm|min|max|det")
_PLAIN_WORDS = re.compile(r"[^\\{}_^=+*<>|]*[a-zA-Z][^\\{}_^=+*<>|]*")
_SYNONYMS = [
    (re.compile(r"\\[dtc]frac(?![a-zA-Z])"), r"\\frac"),
    (re.compile(r"\\[dt]binom(?![a-zA-Z])"), r"\\binom"),
    (re.compile(r"\\lbrace(?![a-zA-Z])"), r"\\{"),
    (re.compile(r"\\rbrace(?![a-zA-Z])"), r"\\}"),
    (re.compile(r"\\(?:langle|lparen)(?![a-zA-Z])"), "("),
    (re.compile(r"\\(?:rangle|rparen)(?![a-zA-Z])"), ")"),
    (re.compile(r"\\lbrack(?![a-zA-Z])"), "["),
    (re.compile(r"\\rbrack(?![a-zA-Z])"), "]"),
    (re.compile(r"\\[lr]?vert(?![a-zA-Z])"), "|"),
    (re.compile(r"\\varnothing(?![a-zA-Z])"), r"\\emptyset"),
    (re.compile(r"\\colon(?![a-zA-Z])"), ":"),
    (re.compile(r"\\(?:geqslant|geq)(?![a-zA-Z])"), r"\\ge"),
    (re.compile(r"\\(?:leqslant|leq)(?![a-zA-Z])"), r"\\le"),
    (re.compile(r"\\(?:dots[cbo]?|cdots|vdots)(?![a-zA-Z])"), r"\\ldots"),
    (re.compile(r"\\(?:imath|iota)(?![a-zA-Z])"), "i"),
    (re.compile(r"\\(begin|end)\{(?:small|[bBp])?matrix\}"), r"\\\1{pmatrix}"),
    (re.compile(r"\\(begin|end)\{array\}(?:\{[^{}]*\})?"), r"\\\1{pmatrix}"),
    (
        re.compile(r"[(\[]\s*(\\begin\{pmatrix\}(?:(?!\\begin).)*?\\end\{pmatrix\})\s*[)\]]", re.S),
        r"\1",
    ),
    (re.compile(r"\\\\\s*(?=\\end\{pmatrix\})"), ""),
    (re.compile(r"\^\s*\{?\s*((?:\\prime\s*)+)\}?"), lambda m: "'" * m[1].count("prime")),
    (re.compile(r"\^\s*(?:\\circ(?![a-zA-Z])|\{\s*\\circ\s*\})|\\degree(?![a-zA-Z])"), r"^\\circ "),
    (re.compile(r"\\frac\s*([0-9])\s*([0-9])(?![0-9])"), r"\\frac{\1}{\2}"),
    (re.compile(r"\\frac\s*([0-9])\s*\{"), r"\\frac{\1}{"),
    (re.compile(r"(\\frac\s*\{[^{}]*\})\s*([0-9])(?![0-9])"), r"\1{\2}"),
    (re.compile(r"\\sqrt\s*([0-9])(?![0-9])"), r"\\sqrt{\1}"),
    (re.compile(r"\^\s*([+-]?[0-9]{2,}|[+-][0-9])"), r"^{\1}"),
    (re.compile(r"(?<!\\)%"), r"\\%"),
]
_INFIX = re.compile(r"\{([^{}]*)\\(over|choose)(?![a-zA-Z])([^{}]*)\}")
_BARE_INFIX = re.compile(r"([^{}\\+=,-]*)\\(over|choose)(?![a-zA-Z])([^{}\\+=,-]*)")
_LONG_NUMBER = re.compile(r"[-+]?[0-9]{1,3}(?:,[0-9]{3})+(?=[a-zA-Z\\])")
_UPRIGHT_UNIT = re.compile(r"(?=[^A-Za-z]*[A-Za-z][^A-Za-z]*[A-Za-z])[A-Za-z][A-Za-z\s./^{}0-9-]*")
_COUNTED = re.compile(r"\s*([-+]?[0-9]+(?:[.,][0-9]+)*)(\s+[a-zA-Z][a-zA-Z .]*)")
_REPEATING = re.compile(r"([0-9]*)\.([0-9]*)\\(?:overline|bar|dot|overbar)\s*\{?\s*([0-9]+)\}?")
_SCIENTIFIC = re.compile(
    r"(?<![a-zA-Z0-9.\\_{^])([0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE]([+-]?[0-9]{1,3})(?![0-9.a-zA-Z_}])"
)
_POINT_BEFORE_SLASH = re.compile(r"(?<=[0-9])\.(?=/)")
_MIXED = re.compile(r"([+-]?[0-9]+)\s+([0-9]+)/([0-9]+)")
_PRIMED = re.compile(r"(?<![a-zA-Z\\])([a-zA-Z])('+)")
_PLAIN = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?")


def _delimiter(match: re.Match[str]) -> str:
    return match[0] if match[0] == r"\\" else " "


def _space(match: re.Match[str]) -> str:
    return match[0] if match[0] == r"\\" else " "


def _text(match: re.Match[str]) -> str:
    r"""A number or a variable in \text is mathematics; everything else stays words."""
    content = match[1]
    if _NUMERIC.fullmatch(content) or _VARIABLE.fullmatch(content):
        return f" {content.strip()} "
    if counted := _COUNTED.fullmatch(content):  # \text{12 apples}
        return rf" {counted[1]}\text{{{counted[2]}}}"
    return rf"\text{{{content}}}"


def _math(match: re.Match[str]) -> str:
    r"""\mathbf{x} is x, \mathrm{sin} is \sin, \mathrm{cm} is words, \boldsymbol{x+1} is x+1."""
    content = match[1].strip()
    if match[0].startswith(r"\mathrm"):
        content = re.sub(r"\\cdot(?![a-zA-Z])", " ", content)
    if _VARIABLE.fullmatch(content) or _NUMERIC.fullmatch(content):
        return f" {content}"
    if _FUNCTION.fullmatch(content):
        return rf"\{content} "
    if _PLAIN_WORDS.fullmatch(content):
        return rf"\text{{{content}}}"
    if match[0].startswith(r"\mathrm") and _UPRIGHT_UNIT.fullmatch(content):  # erg s^{-1}
        return rf"\text{{{content.replace('{', '').replace('}', '')}}}"
    return f"{{{content}}}"


def _prefix(match: re.Match[str]) -> str:
    r"""{a \over b} and {a \choose b} as \frac and \binom."""
    name = "frac" if match[2] == "over" else "binom"
    return rf"\{name}{{{match[1].strip()}}}{{{match[3].strip()}}}"


def _repeating(match: re.Match[str]) -> str:
    r"""0.1\overline{6} as a fraction."""
    whole, start, period = match[1] or "0", match[2], match[3]
    if len(whole + start + period) > 60:
        return match[0]
    below = (10 ** len(period) - 1) * 10 ** len(start)
    above = int(whole + start + period) - int(whole + start)
    return rf"\frac{{{above}}}{{{below}}}"


def _replaced(text: str, pattern: re.Pattern[str], by: Callable[[re.Match[str]], str] | str) -> str:
    """`pattern` replaced until nothing changes, three times at most: fonts are nested."""
    for _ in range(3):
        before, text = text, pattern.sub(by, text)
        if text == before:
            break
    return text


def _trimmed(text: str) -> str:
    """Without blanks and stops around it, and without one pair of braces around all of it."""
    text = text.strip().removesuffix("\\\\").rstrip(" ").rstrip(",;").rstrip()
    if text.endswith(".") and not text.endswith(("..", r"\.")):
        text = text[:-1].rstrip()
    group = re.fullmatch(_GROUP, text)
    return group[1].strip() if group else text


def _grouped_digits(match: re.Match[str]) -> str:
    return _NOT_DIGITS.sub("", match[0])


@lru_cache(maxsize=10_000)
def clean(answer: str) -> str:
    r"""The answer in one spelling, without $, \( and a final stop around it.

    Longer ones than MAX_ANSWER are only stripped: they are never compared.
    """
    if _PLAIN.fullmatch(answer) or len(answer) > MAX_ANSWER:
        return answer.strip()
    text = answer if answer.isascii() else from_unicode(answer)
    text = text.replace("...", r"\ldots ")
    text = _THOUSANDS.sub(_grouped_digits, _DELIMITERS.sub(_delimiter, text))
    text = _INFIX.sub(_prefix, _SPACES.sub(_space, text))
    text = _trimmed(text)
    if match := _BARE_INFIX.fullmatch(text):
        text = _prefix(match)
    if (long := _LONG_NUMBER.match(text)) and "," not in text[long.end() :]:
        text = long[0].replace(",", "") + text[long.end() :]  # 1,234x
    if "\\" in text or "^" in text or "%" in text or "'" in text:
        text = _COLOUR.sub("", _PHANTOM.sub(" ", text))
        text = _SIZES.sub("", _OLD_FONT.sub(r"\\math\1{\2}", text))
        text = _ONE_LETTER_FONT.sub(r" \1", _FONT_SWITCH.sub(" ", text))
        for pattern, by in _SYNONYMS:
            text = pattern.sub(by, text)
        text = _replaced(_replaced(text, _TEXT_FONT, _text), _MATH_FONT, _math)
        text = _REPEATING.sub(_repeating, text)
        text = _PRIMED.sub(lambda m: rf"{m[1]}_{{{'p' * len(m[2])}}}", text)
        text = _trimmed(text)
    text = " ".join(text.split())
    text = _SCIENTIFIC.sub(lambda m: rf"{m[1]} \times 10^{{{int(m[2])}}}", text)
    text = _POINT_BEFORE_SLASH.sub("", text)
    return _MIXED.sub(r"\1\\frac{\2}{\3}", text) if _MIXED.fullmatch(text) else text
