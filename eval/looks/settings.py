"""What may be said about a study's looks, by an experiment's file, a spec or a command line.

A file of its own: training reads it with the experiment's file, and must not be made from the rest
of what looks are.
"""

from typing import Literal, get_args

Spending = Literal["pocock", "obrien_fleming"]
"""How looks share the 5 %: pocock decides early, obrien_fleming hardly before the last look."""
SPENDINGS: tuple[Spending, ...] = get_args(Spending)
DEFAULT_SPENDING: Spending = "pocock"

MOST_LOOK_SEEDS = 10_000
"""Per arm, at the last look."""
