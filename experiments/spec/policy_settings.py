"""The `model` block of an experiment: where its base policy comes from.

`source: tiny` is trained here on a family of generated problems, `source: miniature` is trained
here on the training problems, `source: pretrained` comes from the Hugging Face hub or a folder,
`source: package` from a file inside an installed Python package.
"""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from annotated_types import Ge, Len
from pydantic import BaseModel, StringConstraints, model_validator

from methods.common.ranges import Count, Natural, Positive

Levels = Annotated[tuple[Count, ...], Len(1)]
# A commit and never a branch or a tag, because those can be moved to other weights.
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
PackageName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
GgufPath = Annotated[str, StringConstraints(pattern=r"^[^/].*\.gguf$")]


class TinyPolicy(BaseModel, extra="forbid", frozen=True):
    """A base policy that the experiment trains on demonstrations of its `task.family`."""

    source: Literal["tiny"]
    hidden_size: Count = 96
    layers: Count = 3
    heads: Count = 4
    steps: Count = 300  # optimizer steps
    batch_size: Count = 128  # demonstrations per step
    learning_rate: Positive = 3e-3  # peak of a one-cycle schedule
    seed: Natural = 0

    @model_validator(mode="after")
    def heads_divide_width(self) -> Self:
        check_heads(self.hidden_size, self.heads)
        return self


class MiniaturePolicy(BaseModel, extra="forbid", frozen=True):
    """A small Qwen3 with byte-level BPE, trained as a language model on the training problems.

    It has the parts of a pretrained policy but cannot solve problems.
    """

    source: Literal["miniature"]
    # tokens: 256 bytes, the special tokens, and merges
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
    """A pretrained policy, from the Hugging Face hub at a pinned commit or from a local folder."""

    source: Literal["pretrained"]
    name: Annotated[str, Len(1, 1000)]  # hub id, or a folder
    revision: Commit | None = None  # required for a hub id
    # of the trained weights; docs/planning.md compares the two
    dtype: Literal["float32", "bfloat16"] = "float32"

    @property
    def is_folder(self) -> bool:
        """Whether `name` is a folder on this machine."""
        try:
            return Path(self.name).is_dir()
        except OSError:  # the name is longer than a path may be
            return False

    @model_validator(mode="after")
    def is_folder_or_id(self) -> Self:
        if not self.is_folder and not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", self.name, re.ASCII):
            raise ValueError(
                f"name {self.name[:80]!r} is neither a folder nor an id of the hub: correct it"
            )
        return self


class PackagePolicy(BaseModel, extra="forbid", frozen=True):
    """A pretrained policy, from a GGUF file inside an installed Python package."""

    source: Literal["package"]
    name: PackageName  # as pip calls it
    file: GgufPath  # as the package lists it
    sha256: Sha256  # of the file
    # of the trained weights; docs/planning.md compares the two
    dtype: Literal["float32", "bfloat16"] = "float32"

    @property
    def checkpoint(self) -> str:
        """The file's name without folder and ending."""
        return Path(self.file).stem


PretrainedPolicy = HubPolicy | PackagePolicy
"""Those with a tokenizer and weights that nobody trained here."""


def check_heads(hidden_size: int, heads: int) -> None:
    """Raises ValueError unless the model can be built: two query heads share one key/value head
    (`heads` is even), and rotary embeddings need an even head width.
    """
    if heads % 2:
        raise ValueError(
            f"heads {heads} is odd: choose an even number, because two heads share their keys and"
            " values"
        )
    if hidden_size % (2 * heads):
        raise ValueError(
            f"hidden_size {hidden_size} is not divisible by 2 x heads ({heads}): change one of the"
            " two"
        )
