"""python -m analysis.sweep results/<experiment>/sweep/<study>: tables, figures, report of a sweep.

Writes tables/{sweep,regret}.{csv,md,tex,html},
figures/{response,budget,importance,parallel}.{pdf,png,csv,json,rst} and report.html, from
study.yaml, trials.csv and importance.csv alone. Equal inputs give equal bytes. Formulas:
analysis/sweep/trial_statistics.py.
"""

from collections.abc import Sequence
from pathlib import Path

from eval.files.command_line import command_parser
from eval.files.errors import exit_with_message


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_parser("analysis.sweep", __doc__)
    parser.add_argument(
        "study", type=Path, help="folder of one study, results/<experiment>/sweep/<study>"
    )
    folder = parser.parse_args(argv).study
    from analysis.sweep.command import report_sweep  # matplotlib and pandas take seconds to load

    with exit_with_message():
        report_sweep(folder)


if __name__ == "__main__":
    main()
