"""The methods that can be compared. To add one: write its file, import its class, name it in
AnyMethod.
"""

from methods.aer import AER
from methods.clip_higher import ClipHigher
from methods.control import Control, Method, Signals, State
from methods.fixed_coefficient import FixedCoefficient
from methods.no_entropy import NoEntropy

AnyMethod = NoEntropy | FixedCoefficient | ClipHigher | AER

__all__ = [
    "AER",
    "AnyMethod",
    "ClipHigher",
    "Control",
    "FixedCoefficient",
    "Method",
    "NoEntropy",
    "Signals",
    "State",
]
