"""Ranges of hyperparameters, as annotations that pydantic enforces when an experiment is loaded."""

from math import inf
from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt

Fraction = Annotated[float, Gt(0), Le(1)]  # (0, 1]
Share = Annotated[float, Ge(0), Le(1)]  # [0, 1]
OpenFraction = Annotated[float, Gt(0), Lt(1)]  # (0, 1)
Coefficient = Annotated[float, Ge(0), Lt(inf)]  # loss units per nat
Nats = Annotated[float, Ge(0), Lt(inf)]
Positive = Annotated[float, Gt(0), Lt(inf)]
NonNegative = Annotated[float, Ge(0), Lt(inf)]
AtLeastOne = Annotated[float, Ge(1), Lt(inf)]
Natural = Annotated[int, Ge(0)]  # 0, 1, 2, …: counts of rollouts, say
Count = Annotated[int, Ge(1)]  # 1, 2, …
Epsilon = Annotated[float, Gt(0), Lt(1)]  # the ratio is clipped from 1 - epsilon
Clip = tuple[Epsilon, Positive]  # (epsilon_low, epsilon_high): to 1 + epsilon_high
# epsilon_low may be 1: nothing is clipped below
WideClip = tuple[Annotated[float, Gt(0), Le(1)], Positive]
