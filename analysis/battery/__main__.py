"""python -m analysis.battery results/battery: the scorecard as tables, as a picture, as a page.

Writes tables/{scorecard,cells}.{csv,md,tex,html}, figures/scorecard.{pdf,png,csv,json,rst} and
report.html, from battery.yaml and the probes' results alone. Equal inputs give equal bytes.
"""

from collections.abc import Sequence
from pathlib import Path

from eval.files.command_line import command_parser
from eval.files.errors import exit_with_message


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_parser("analysis.battery", __doc__)
    parser.add_argument("battery", type=Path, help="folder of a battery, results/battery")
    folder = parser.parse_args(argv).battery
    from analysis.battery.command import (
        report_battery,  # matplotlib and pandas take seconds to load
    )

    with exit_with_message():
        report_battery(folder)


if __name__ == "__main__":
    main()
