"""Ranges of hyperparameters, as annotations that pydantic enforces when an experiment is loaded."""

from math import inf
from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt

Fraction = Annotated[float, Gt(0), Le(1)]  # (0, 1]
Coefficient = Annotated[float, Ge(0), Lt(inf)]  # loss units per nat
Positive = Annotated[float, Gt(0), Lt(inf)]
Epsilon = Annotated[float, Gt(0), Lt(1)]  # the ratio is clipped from 1 - epsilon
Clip = tuple[Epsilon, Positive]  # (epsilon_low, epsilon_high): to 1 + epsilon_high
