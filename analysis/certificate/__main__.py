"""python -m analysis.certificate results/certificate: what the suite says where the truth is known.

Writes certificate/tables/{checks,power}.{csv,md,tex,html}, certificate/figures/power.* and
certificate/report.html into the results folder, from its counts alone. Equal inputs give equal
bytes.
"""

from collections.abc import Sequence
from pathlib import Path

from eval.files.command_line import command_parser
from eval.files.errors import BadInput, exit_with_message


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_parser("analysis.certificate", __doc__)
    parser.add_argument("results", type=Path, help="results of experiments/probes/certificate.yaml")
    parser.add_argument("--seeds", type=int, default=3, help="seeds per arm and repetition")
    parser.add_argument(
        "--repetitions", type=int, default=200, help="repetitions per planted difference"
    )
    arguments = parser.parse_args(argv)
    with exit_with_message():
        if arguments.seeds < 2 or arguments.repetitions < 1:
            raise BadInput("--seeds must be 2 or more, and --repetitions 1 or more")
        from analysis.certificate.command import (
            certify,  # matplotlib and pandas take seconds to load
        )

        certify(arguments.results, arguments.seeds, arguments.repetitions)


if __name__ == "__main__":
    main()
