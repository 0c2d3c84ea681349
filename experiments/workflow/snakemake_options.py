"""What the command line of Snakemake asks for, as its own parser reads it."""

from collections.abc import Sequence
from contextlib import redirect_stderr
from io import StringIO
from typing import Any

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
)
"""Options of Snakemake's with which it runs no job."""


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
