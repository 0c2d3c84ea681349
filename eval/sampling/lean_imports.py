"""Keeps transformers and TRL from importing packages that no run here uses.

Import it before anything of theirs. Both import optional packages as soon as they are installed:
scikit-learn for assisted generation, scipy for detection losses, mlflow for TRL's profiler. That is
a fifth of the time until a run starts (docs/speed.md). And both list all installed distributions,
which takes as long as numpy. Python's cyclic garbage collector scans all loaded objects again and
again during imports, which is another fifth: it runs rarely until `begin_work` is called.
"""

import functools
import gc
import importlib.metadata

USUAL_COLLECTION = gc.get_threshold()
gc.set_threshold(200_000, 30, 30)

importlib.metadata.packages_distributions = functools.cache(
    importlib.metadata.packages_distributions
)

import transformers.integrations  # noqa: E402
import transformers.utils  # noqa: E402


def not_used_here() -> bool:
    """What transformers is told when it asks for one of them."""
    return False


for package, question in (
    (transformers.utils, "is_scipy_available"),
    (transformers.utils, "is_sklearn_available"),
    (transformers.integrations, "is_mlflow_available"),
):
    setattr(package, question, not_used_here)


def begin_work() -> None:
    """Call when a command has finished its imports. The collector then runs as usual, but skips
    what has been imported.
    """
    gc.freeze()
    gc.set_threshold(*USUAL_COLLECTION)
