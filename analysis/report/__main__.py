"""python -m analysis.report results/<experiment>: writes report.html, one self-contained page.

The page needs neither a server nor the network (analysis/report/html_page.py). It shows the tables
and figures that `analysis.tables` and `analysis.figures` have written, and lists failed runs and
missing files. Equal inputs give equal bytes.
"""

from collections.abc import Sequence
from pathlib import Path

from eval.files.command_line import command_parser
from eval.files.errors import exit_with_message


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_parser("analysis.report", __doc__)
    parser.add_argument("results", type=Path, help="folder of one experiment, results/<experiment>")
    folder = parser.parse_args(argv).results
    from analysis.report.command import make_report  # matplotlib and pandas take seconds to load

    with exit_with_message():
        make_report(folder)


if __name__ == "__main__":
    main()
