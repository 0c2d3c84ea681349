"""How fast the looks at a study may spend its false alarms (Lan and DeMets, Biometrika 70, 1983).

The analysis tests by it (analysis/inference/looks.py), and the plan says which looks cannot decide.
"""

import numpy as np

from eval.looks.settings import Spending


def spent(share: float, spending: Spending, alpha: float) -> float:
    """False alarms, of alpha, that may have happened after this share of the seeds. No look's level
    is above it.
    """
    if spending == "pocock":
        return alpha * float(np.log1p((np.e - 1) * share))
    from scipy.stats import norm  # takes half a second to load, and most plans need none of it

    return 4 * float(norm.sf(norm.isf(alpha / 4) / share**0.5))  # half of it on each side
