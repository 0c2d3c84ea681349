"""python -m analysis.figures results/<experiment>: writes figures/<name>.{pdf,png,csv,json,rst}.

analysis/figures/figure_files.py says what each of them holds. Equal inputs give equal bytes.
"""

from collections.abc import Sequence
from pathlib import Path

from eval.files.command_line import command_parser
from eval.files.errors import exit_with_message


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_parser("analysis.figures", __doc__)
    parser.add_argument("results", type=Path, help="folder of one experiment, results/<experiment>")
    folder = parser.parse_args(argv).results
    from analysis.figures.command import write_figures  # matplotlib and pandas take seconds to load

    with exit_with_message():
        write_figures(folder)


if __name__ == "__main__":
    main()
