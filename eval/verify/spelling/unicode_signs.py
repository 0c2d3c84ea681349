"""Unicode signs as LaTeX: the root, infinity, fractions, full-width and zero-width characters."""

import re

_SIGNS = {
    **dict.fromkeys("−–‐‑﹣", "-"),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad\u2061\u2062", ""),  # zero width
    **dict.fromkeys(
        "\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u3000", " "
    ),
    **{
        "×": r"\times ",
        "·": r"\cdot ",
        "⋅": r"\cdot ",
        "∙": r"\cdot ",
        "÷": "/",
        "∕": "/",
        "⁄": "/",
    },
    **{"∞": r"\infty ", "π": r"\pi ", "𝜋": r"\pi ", "θ": r"\theta ", "α": r"\alpha "},
    **{
        "β": r"\beta ",
        "γ": r"\gamma ",
        "λ": r"\lambda ",
        "μ": r"\mu ",
        "φ": r"\phi ",
        "ω": r"\omega ",
    },
    **{"∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ", "ℝ": r"\mathbb{R} "},
    **{"≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx "},
    **{
        "±": r"\pm ",
        "∓": r"\mp ",
        "°": r"^\circ ",
        "º": r"^\circ ",
        "…": r"\ldots ",
        "∠": r"\angle ",
    },
    **{"′": "'", "’": "'", "″": "''", "⟨": "(", "⟩": ")", "〈": "(", "〉": ")", "∗": "*"},
    **{"，": ",", "、": ",", "；": ";", "：": ":", "。": ".", "﹪": "%", "ℯ": "e"},
    **{"½": r"\frac{1}{2}", "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}", "¼": r"\frac{1}{4}"},
    **{"¾": r"\frac{3}{4}", "⅕": r"\frac{1}{5}", "⅖": r"\frac{2}{5}", "⅗": r"\frac{3}{5}"},
    **{"⅘": r"\frac{4}{5}", "⅙": r"\frac{1}{6}", "⅚": r"\frac{5}{6}", "⅛": r"\frac{1}{8}"},
    **{"⅜": r"\frac{3}{8}", "⅝": r"\frac{5}{8}", "⅞": r"\frac{7}{8}"},
}
# full-width forms stand exactly 0xFEE0 above ASCII
_UNICODE = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {
    ord(sign): spelling for sign, spelling in _SIGNS.items()
}
_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+", strict=True))
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
_RAISED = re.compile(f"[{''.join(_SUPERSCRIPTS)}]+")
_LOWERED = re.compile(f"[{''.join(_SUBSCRIPTS)}]+")
_ROOT = re.compile(r"√\s*(?:\{([^{}]*)\}|\(([^()]*)\)|([0-9]+(?:\.[0-9]+)?|[a-zA-Z]|\\pi))?")


def from_unicode(text: str) -> str:
    text = _RAISED.sub(lambda m: f"^{{{''.join(_SUPERSCRIPTS[c] for c in m[0])}}}", text)
    text = _LOWERED.sub(lambda m: f"_{{{''.join(_SUBSCRIPTS[c] for c in m[0])}}}", text)
    text = _ROOT.sub(
        lambda m: rf"\sqrt{{{m[1] or m[2] or m[3]}}}" if m[m.lastindex or 0] else m[0], text
    )
    return re.sub(r"(?<=[0-9]) ?(?=\\frac\{1\}\{[2-9]\})", "", text.translate(_UNICODE))
