"""Hostile text, made from the shapes of the real thing: what the fuzz targets and the property
tests draw from.

Random bytes die at the first bracket. So answers are built from the grammar of boxed LaTeX, rows
and specs are real ones with a leaf, a key or a byte changed, and everywhere the same list of
awkward texts may take the place of a text.
"""

import json
from typing import Any

import yaml
from hypothesis import strategies as st

PATHOLOGICAL = [  # each takes computer algebra for ever, or all memory
    r"9^{9^{9^9}}",
    "10000000!",
    r"\binom{10^9}{10^8}",
    r"2^{10^9}",
    r"7^{7^{7^7}}",
    r"10^{10^{10}}+1",
    "99999999!",
    r"\left(10^{10}\right)!",
    r"\gcd(10^{10^7},3)",
    r"2^{2^{2^{2^{2^2}}}}",
]
AWKWARD = [
    *(
        "",
        " ",
        "\0",
        "\ud800",
        "\udfff\ud800",
        "\u202ecod",
        "\u2028",
        "\ufeff",
        "e\u0301" * 40,
        "٣",
        "²",
        "\x1b[31m",
        "\r\n",
    ),
    *(
        "..",
        "../../x",
        "/etc/passwd",
        "a/../b",
        "~",
        "-x",
        "con",
        "$(true)",
        "`true`",
        "%s",
        "{0.__class__}",
        "{{7*7}}",
    ),
    *("=1+1", "@SUM(1)", "+1", "-1", "'=1", "＝1", "\t=1", "a\rb", 'a"b', "a,b", "a;b"),
    *(
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "javascript:alert(1)",
        "]]>",
        "<!--",
        "</style>",
    ),
    *(
        r"\input{/etc/passwd}",
        r"\write18{true}",
        "$x$",
        "^^41",
        "%",
        "|",
        "[x](y)",
        "&amp;",
        "\\",
        "}{",
        "*",
    ),
    *(
        "9" * 5000,
        "1e999999",
        "NaN",
        "Infinity",
        "-0",
        "0x_",
        "1_000",
        "null",
        "true",
        "2001-99-99",
    ),
    '__import__("os").abort()',
]
TEXT = st.sampled_from(AWKWARD) | st.text(st.characters(), max_size=20)

_ATOM = (
    st.sampled_from(
        [
            *"0123456789xyei",
            r"\pi",
            r"\infty",
            "0.5",
            "1{,}000",
            r"\text{east}",
            "",
            "?",
            "12 13",
            "1e9",
        ]
    )
    | TEXT
)
_WRAP = st.sampled_from(
    [
        *(
            r"\frac{%s}{%s}",
            r"\sqrt{%s}",
            "%s^{%s}",
            "%s_{%s}",
            r"\left(%s, %s\right]",
            r"\{%s, %s\}",
            "(%s,%s)",
            "%s!",
        ),
        *(
            "%s + %s",
            "%s = %s",
            r"%s \le %s",
            r"\binom{%s}{%s}",
            r"%s\%%",
            r"\text{%s}",
            "$%s$",
            r"\boxed{%s}",
            r"%s^\circ",
        ),
        *(
            r"\begin{pmatrix} %s \\ %s \end{pmatrix}",
            r"%s \cup %s",
            r"\pm %s",
            r"\log_{%s} %s",
            r"|%s|",
            r"\int_{%s}^{%s} x",
        ),
    ]
)


def _fill(form: str, first: str, second: str) -> str:
    parts = form.replace("%%", "\0").split("%s")
    return "".join(p + f for p, f in zip(parts, [first, second, ""], strict=False)).replace(
        "\0", "%"
    )


LATEX = st.recursive(_ATOM, lambda inner: st.builds(_fill, _WRAP, inner, inner), max_leaves=6)
_GAP = st.sampled_from(
    ["", ", ", " and ", r"\quad", "\n\n", r"\text{ or }", "so ", "{", "}", "\\", r"\\"]
)
COMPLETIONS = st.lists(
    st.one_of(
        LATEX.map(lambda x: rf"\boxed{{{x}}}"), LATEX.map(lambda x: rf"\fbox {{{x}"), LATEX, _GAP
    ),
    max_size=6,
).map("".join)

LEAF = st.one_of(
    TEXT,
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.integers(2**60, 2**80),
    st.just([]),
    st.just({}),
)
VALUE = st.recursive(
    LEAF, lambda v: st.lists(v, max_size=3) | st.dictionaries(TEXT, v, max_size=3), max_leaves=8
)


@st.composite
def mutated(draw: st.DrawFn, real: Any) -> Any:
    """A real value in which one place, on the way down, has another value, another key, or is
    gone.
    """
    if isinstance(real, dict) and real and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(real, key=str)))
        rest = {name: value for name, value in real.items() if name != key}
        action = draw(st.integers(0, 5))
        if action == 0:
            return rest
        return (
            {**rest, draw(TEXT): real[key]}
            if action == 1
            else {**rest, key: draw(mutated(real[key]))}
        )
    if isinstance(real, list) and real and draw(st.integers(0, 4)):
        place = draw(st.integers(0, len(real) - 1))
        return [*real[:place], draw(mutated(real[place])), *real[place + 1 :]]
    return draw(VALUE)


@st.composite
def bitten(draw: st.DrawFn, data: bytes) -> bytes:
    """Bytes of which one run has been cut out, doubled or replaced."""
    start = draw(st.integers(0, len(data)))
    end = min(len(data), start + draw(st.integers(0, 12)))
    tokens = [
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\r",
        b'"',
        b"'",
        b",",
        b"[" * 200,
        b"{" * 200,
        b"&a [*a]",
        b"<<: *a",
    ]
    middle = draw(
        st.one_of(
            st.sampled_from(tokens),
            st.binary(max_size=6),
            st.just(data[start:end] * 2),
            st.just(b""),
        )
    )
    return data[:start] + middle + data[end:]


def json_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


def yaml_bytes(value: Any) -> bytes:
    return yaml.safe_dump(value, sort_keys=False).encode("utf-8", "surrogatepass")
