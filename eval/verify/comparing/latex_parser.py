"""LaTeX to sympy as math-verify does it, several times as fast: ANTLR's two-stage parsing.

latex2sympy parses in ANTLR's LL mode, which looks at the full context of every decision and takes 5
to 20 ms for a short answer, exponentially more for nested ones. The SLL mode gives the same tree or
a syntax error (T. Parr, The Definitive ANTLR 4 Reference, 2nd ed. 2013, section 13.7), so SLL goes
first and LL repeats only what fails.
"""

import re
from typing import Any

from antlr4.atn.PredictionMode import PredictionMode
from latex2sympy2_extended import latex2sympy2
from math_verify import parser

# SLL reports an error at x^2, where it expects x^2_1, and none at {x}^2. Not at e, whose powers are
# exp.
_POWER_OF_VARIABLE = re.compile(r"(?<![a-zA-Z\\{])([a-df-zA-Z])(?=\s*\^)")


class _SLLParser(latex2sympy2._Latex2Sympy):
    def create_parser(self, latex_str: str) -> Any:
        created = super().create_parser(latex_str)
        created._interp.predictionMode = PredictionMode.SLL
        return created


def two_stage(
    latex: str, is_real: bool | None, convert_degrees: bool, normalization_config: None
) -> Any:
    """In place of latex2sympy, as math-verify calls it. Raises what latex2sympy raises."""
    try:
        return _SLLParser(None, is_real, convert_degrees).parse(
            _POWER_OF_VARIABLE.sub(r"{\1}", latex)
        )
    except Exception:
        return latex2sympy2.latex2sympy(latex, None, is_real, convert_degrees, normalization_config)


def install() -> None:
    """Makes math-verify use it, in this process."""

    parser.latex2sympy = two_stage
