"""The families of generated problems. To add one: write its file, import its class, name it in
AnyFamily.
"""

from typing import Any, get_args

from experiments.families.arithmetic import Arithmetic
from experiments.families.family import Family, TaughtFamily
from experiments.families.reasoning_gym import ReasoningGym
from experiments.families.skills import Skills

AnyFamily = Arithmetic | Skills | ReasoningGym

FAMILIES: dict[str, Any] = {each.model_fields["name"].default: each for each in get_args(AnyFamily)}
"""Name → class of the settings."""

__all__ = [
    "FAMILIES",
    "AnyFamily",
    "Arithmetic",
    "Family",
    "ReasoningGym",
    "Skills",
    "TaughtFamily",
]
