"""The style of all figures: a colour per arm, and sizes that are readable at a README's width.

Colours: Okabe and Ito's palette for colour-blind readers (jfly.uni-koeln.de/color), without its
yellow, which is too light on white. The reference arm is dark grey, the base policy a lighter grey
and always dashed. From the eighth arm on, colours repeat with another line style, so that no two
arms look the same.
"""

from dataclasses import dataclass
from typing import Any

import matplotlib as mpl

from analysis.results.folder import BASE, Results

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
REFERENCE, BASE_COLOUR = "#3b3b3b", "#8a8a8a"
GAINED, LOST = "#009E73", "#D55E00"
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))

WIDTH = 7.2  # inches; 1,080 pixels at DPI, which a README shows at about three quarters
DPI = 150
BAND_OPACITY = 0.18  # opacity of bands
SINGLE_SEED_LINE: dict[str, Any] = {"alpha": 0.35, "linewidth": 0.6}  # single seeds behind the mean

RC_PARAMS: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "legend.fontsize": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.edgecolor": "#555555",
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "xtick.labelcolor": "#222222",
    "ytick.labelcolor": "#222222",
    "axes.grid": True,
    "grid.color": "#ececec",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "pdf.fonttype": 42,
    "text.parse_math": False,
}


@dataclass(frozen=True)
class ArmStyle:
    """Line style of an arm."""

    color: str
    linestyle: Any = "-"


def arm_styles(results: Results) -> dict[str, ArmStyle]:
    """{arm: style} of the base policy, the reference and the other arms in the spec's order."""
    others = [arm for arm in results.arms if arm != results.reference]
    chosen = {
        arm: ArmStyle(PALETTE[i % len(PALETTE)], DASHES[i // len(PALETTE) % len(DASHES)])
        for i, arm in enumerate(others)
    }
    return {
        BASE: ArmStyle(BASE_COLOUR, (0, (4, 2))),
        results.reference: ArmStyle(REFERENCE),
    } | chosen


def use_style() -> None:
    """Sets a backend that needs no screen, and RC_PARAMS."""
    mpl.use("Agg")
    mpl.rcParams.update(RC_PARAMS)
