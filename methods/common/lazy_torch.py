"""torch for the methods, imported when one of them first computes.

The settings of an experiment are checked by the methods' own classes, so `snakemake`, `make plan`
and every refusal import all methods. They compute nothing, and torch alone takes a second. A method
that imports torch itself works as well, and costs each of them that second.
"""

from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:

    class LazyTorch(ModuleType):
        """The module torch, from the first use of one of its names."""

        def __getattr__(self, name: str) -> Any:
            import torch

            return getattr(torch, name)

    torch = LazyTorch("torch")
    Tensor = Any  # in annotations alone; nothing here asks for the class

__all__ = ["Tensor", "torch"]
