"""Reads the completions that a run kept (docs/metrics.md lists the keys), a group at a time.

A file may be large, damaged or anybody's: it is read line by line up to fixed limits, and no
further than the group that is asked for.
"""

import gzip
import zlib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Annotated

from annotated_types import Ge
from pydantic import BaseModel, ValidationError, model_validator

from eval.files.errors import BadInput
from eval.files.json_text import parse

LONGEST_LINE = 1 << 24  # bytes: a completion of some 500,000 tokens
MOST_READ = 1 << 28  # bytes of a file, unpacked


class KeptCompletion(BaseModel, frozen=True, strict=True):
    """One completion of a rollout; the lists have an entry per token."""

    prompt: str
    text: str
    verdict: float | None  # None: unscored
    reward: float | None
    advantage: float | None
    length: Annotated[int, Ge(0)]  # tokens
    truncated: bool
    pieces: list[str]  # text of each token
    entropy: list[float | None]  # nats
    logp: list[float | None]  # nats

    @model_validator(mode="after")
    def lists_fit(self) -> "KeptCompletion":
        if not len(self.pieces) == len(self.entropy) == len(self.logp) == self.length:
            raise ValueError("pieces, entropy and logp must have `length` entries each")
        return self


def read_completions(path: Path) -> Iterator[KeptCompletion]:
    """The completions of a file, in order.

    Raises:
        BadInput: the file cannot be read, or a line is no completion.
    """
    try:
        with gzip.open(path, "rb") as file:
            number = 0
            while line := file.readline(LONGEST_LINE + 1):
                number += 1
                if len(line) > LONGEST_LINE or file.tell() > MOST_READ:
                    raise BadInput(f"{path}, line {number}: too long to be a completion")
                yield completion_in(line, f"{path}, line {number}")
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{path}: cannot be read ({str(error) or type(error).__name__})") from None


def completion_in(line: bytes, place: str) -> KeptCompletion:
    try:
        return KeptCompletion.model_validate(parse(line, lone_surrogates=True))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        said = f"{where} {first['msg']}".strip()
        raise BadInput(f"{place}: not a completion ({said}): delete the file") from None
    except ValueError as error:
        raise BadInput(f"{place}: not JSON ({error}): delete the file") from None


def group_of(path: Path, prompt: str | None = None) -> list[KeptCompletion]:
    """The completions for a prompt; none if it is not in the file.

    prompt None: the first prompt that the policy answered both rightly and wrongly, or the first
    one where it never did.
    """
    first: list[KeptCompletion] = []
    for found, group in groupby(read_completions(path), lambda each: each.prompt):
        if prompt is None:
            rows = list(group)
            first = first or rows
            if len({row.verdict for row in rows} - {None}) > 1:
                return rows
        elif found == prompt:
            return list(group)
    return first
