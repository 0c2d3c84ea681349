"""What may stand behind `--config`, and where the results go.

Snakemake takes any key, and would run the default experiment for minutes where `experimentt=smoke`
was typed. So an unknown key is refused with the nearest known one.
"""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.files.errors import BadInput

KEYS = (
    *("experiment", "sweep", "results", "gpus", "processes", "launch", "retries"),
    *("battery", "probes", "methods"),
)


def check_config(config: Mapping[str, Any]) -> None:
    """Refuses keys that mean nothing, and keys without a value.

    Raises:
        BadInput: naming the key, and the nearest known one.
    """
    if {"arms", "training"} <= set(config):
        raise BadInput(
            "--configfile: this file is an experiment, not a configuration of Snakemake: run"
            " snakemake all --config experiment=FILE"
        )
    for key, value in config.items():
        if key in KEYS and value is None:  # Snakemake reads `key=` so
            raise BadInput(f"--config {key}=: give a value, or leave the key out")
        if key not in KEYS:
            close = difflib.get_close_matches(str(key), KEYS, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise BadInput(f"--config {key}=…: unknown key: {hint}Choose one of {', '.join(KEYS)}")


def whole_number(config: Mapping[str, Any], key: str, default: int, least: int) -> int:
    """The number that a key has.

    Raises:
        BadInput: it is no whole number, or less than `least`.
    """
    value = config.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise BadInput(f"--config {key}={value}: give a whole number, {least} or more")
    return value


def results_folder(config: Mapping[str, Any]) -> Path:
    """The folder below which each experiment has its own; `~` is the home folder.

    Raises:
        BadInput: the name is empty, or a file stands in the way.
    """
    named = str(config.get("results", "results"))
    if not named.strip():
        raise BadInput("--config results=: give a folder, or leave the key out")
    folder = Path(named).expanduser()
    for part in (folder, *folder.parents):
        if part.exists() and not part.is_dir():
            raise BadInput(f"--config results={named}: {part} is a file: name a folder")
    if any(sign in named for sign in "{}\n"):
        raise BadInput(
            f"--config results={named!r}: braces and line breaks have a meaning in rules"
        )
    return folder
