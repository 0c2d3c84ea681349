"""Measures what the intervals, tests and verdicts are worth: `python -m analysis.calibrate`.

Writes the tables of docs/statistics.md between its `<!-- NAME:begin -->` and `<!-- NAME:end -->`
marks: coverage of the 95 % intervals, A/A studies called different, what pairing by seed and what
one seed would lead to, power and seeds needed. The studies: designs.py; what is measured in each:
measure.py.
"""

import argparse
from pathlib import Path

from eval.files.errors import exit_with_message


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=Path("docs/statistics.md"), help="page to write the tables into"
    )
    parser.add_argument(
        "--studies", type=int, default=1000, help="simulated studies per table cell"
    )
    parser.add_argument("--draws", type=int, default=1000, help="bootstrap draws per study")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random streams")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--only",
        metavar="TABLE",
        action="append",
        default=[],
        help="regenerate this table, a NAME of the marks (repeatable)",
    )
    args = parser.parse_args()
    settings = {"studies": args.studies, "draws": args.draws, "seed": args.seed}
    from analysis.calibrate.command import write_calibration  # scipy takes a second to load

    with exit_with_message():
        write_calibration(args.out, args.only, args.processes, settings)


if __name__ == "__main__":
    main()
