"""python -m analysis.tables results/<experiment>: writes tables/<name>.{csv,md,tex,html}.

Which tables there are, and their columns: analysis/tables/layouts.py.
"""

from collections.abc import Sequence
from pathlib import Path

from eval.files.command_line import command_parser
from eval.files.errors import exit_with_message


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_parser("analysis.tables", __doc__)
    parser.add_argument("results", type=Path, help="folder of one experiment, results/<experiment>")
    folder = parser.parse_args(argv).results
    from analysis.tables.command import write_tables  # pandas and scipy take a second to load

    with exit_with_message():
        write_tables(folder)


if __name__ == "__main__":
    main()
