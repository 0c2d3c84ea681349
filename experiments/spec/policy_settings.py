"""Where the base policy of an experiment comes from: taught arithmetic, a miniature of the real
thing, or pretrained.
"""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from annotated_types import Ge, Le, Len
from pydantic import BaseModel, StringConstraints, model_validator

from methods.ranges import Positive

Count = Annotated[int, Ge(1)]
Natural = Annotated[int, Ge(0)]
Share = Annotated[float, Ge(0), Le(1)]
Levels = Annotated[tuple[Count, ...], Len(1)]
Commit = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{40}$")
]  # never a branch or a tag: those move


class TinyPolicy(BaseModel, extra="forbid", frozen=True):
    """A base policy that the experiment trains itself, from demonstrations of arithmetic."""

    source: Literal["tiny"]
    hidden_size: Count = 96
    layers: Count = 3
    heads: Count = 4
    levels: Levels = (1, 2, 3, 4, 5, 6, 7, 8)  # operations in the demonstrations
    direct: Share = 0.33  # demonstrations that answer at once
    repeated: Share = 0.06  # steps written twice
    wrong: Share = 0.1  # steps with a random result
    steps: Count = 300  # optimizer steps
    batch_size: Count = 128  # demonstrations per step
    learning_rate: Positive = 3e-3  # peak of a one-cycle schedule
    seed: Natural = 0

    @model_validator(mode="after")
    def heads_divide_width(self) -> Self:
        check_heads(self.hidden_size, self.heads)
        return self


class MiniaturePolicy(BaseModel, extra="forbid", frozen=True):
    """A base policy of the real kind and no ability: byte-level BPE and a Qwen3, trained on the
    training problems.
    """

    source: Literal["miniature"]
    # tokens: 256 bytes, the special ones, the rest merges
    vocabulary: Annotated[int, Ge(300)] = 1024
    hidden_size: Count = 64
    layers: Count = 2
    heads: Count = 4
    steps: Count = 150  # optimizer steps of language modelling
    batch_size: Count = 8  # windows per step
    window: Annotated[int, Ge(2)] = 192  # tokens
    learning_rate: Positive = 5e-3  # peak of a one-cycle schedule
    seed: Natural = 0

    @model_validator(mode="after")
    def heads_divide_width(self) -> Self:
        check_heads(self.hidden_size, self.heads)
        return self


class HubPolicy(BaseModel, extra="forbid", frozen=True):
    """A pretrained policy, from the Hugging Face hub at a pinned revision, or from a local
    folder.
    """

    source: Literal["pretrained"]
    name: Annotated[str, Len(1, 1000)]  # hub id, or a folder
    revision: Commit | None = None  # required on the hub
    # of the trained weights: docs/planning.md says what each costs
    dtype: Literal["float32", "bfloat16"] = "float32"

    @property
    def is_folder(self) -> bool:
        """Whether the name is a folder on this machine, rather than an id on the hub."""
        try:
            return Path(self.name).is_dir()
        except OSError:  # longer than a name may be
            return False

    @model_validator(mode="after")
    def is_folder_or_id(self) -> Self:
        if not self.is_folder and not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", self.name, re.ASCII):
            raise ValueError(
                f"name {self.name[:80]!r} is neither a folder nor an id on the hub: correct it"
            )
        return self


def check_heads(hidden_size: int, heads: int) -> None:
    """Two heads share keys and values, and a head has an even width."""
    if heads % 2:
        raise ValueError(f"heads {heads} is odd: two heads share their keys and values")
    if hidden_size % (2 * heads):
        raise ValueError(f"hidden_size {hidden_size} is not divisible by 2 x heads ({heads})")
