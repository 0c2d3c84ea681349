"""What the command line asks for: `--config`, where the results go, and Snakemake's own options.

Snakemake takes any key, and would run the default experiment for minutes where `experimentt=smoke`
was typed. So an unknown key is refused with the nearest known one.
"""

import difflib
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

from eval.files.errors import BadInput

KEYS = (
    *("experiment", "sweep", "results", "gpus", "processes", "launch", "retries"),
    *("battery", "probes", "methods"),
)
LOOKING = (
    *(
        "dryrun",
        "unlock",
        "lint",
        "dag",
        "rulegraph",
        "filegraph",
        "d3dag",
        "summary",
        "detailed_summary",
        "report",
    ),
    *(
        "list_rules",
        "list_target_rules",
        "list_changes",
        "list_untracked",
        "archive",
        "containerize",
        "cleanup_metadata",
    ),
    *("generate_unit_tests", "print_compilation", "delete_all_output", "delete_temp_output"),
    "touch",
)
"""Options of Snakemake's with which it runs no job."""


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
    try:
        folder = Path(named).expanduser()
        wrong = [part for part in (folder, *folder.parents) if part.exists() and not part.is_dir()]
    except (OSError, RuntimeError, ValueError) as error:  # a name that is too long, ~nobody
        raise BadInput(f"--config results={named[:200]}: {error}: name another folder") from None
    if wrong:
        raise BadInput(f"--config results={named}: {wrong[0]} is a file: name a folder")
    if any(sign in named for sign in "{}\n"):
        raise BadInput(
            f"--config results={named!r}: Snakemake would expand braces and line breaks: name a"
            " folder without them"
        )
    return folder


def runs_jobs(arguments: Sequence[str]) -> bool:
    """Whether Snakemake, called so, is the process that starts jobs: not one that shows, and not
    one inside a job.
    """
    options = snakemake_options(arguments)
    if options is None or options.mode.name != "DEFAULT":
        return False
    return not any(getattr(options, name, None) for name in LOOKING)


def only_sweeps(arguments: Sequence[str]) -> bool:
    """Whether Snakemake, called so, makes a sweep and nothing else, or is one inside a job, which
    may be a sweep's.
    """
    options = snakemake_options(arguments)
    return bool(options) and (options.mode.name != "DEFAULT" or only_target("sweep", arguments))


def only_target(name: str, arguments: Sequence[str]) -> bool:
    """Whether Snakemake, called so, makes this target and nothing else."""
    options = snakemake_options(arguments)
    return bool(options) and set(options.targets) == {name}


def snakemake_options(arguments: Sequence[str]) -> Any:
    """Snakemake's options; None where it runs inside another program, whose arguments these are."""
    from snakemake.cli import parse_args

    try:
        with redirect_stderr(StringIO()):
            return parse_args(list(arguments))[1]
    except SystemExit:
        return None
