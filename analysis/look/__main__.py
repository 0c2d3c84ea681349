"""What a look at a study has found: which arms have their verdicts, and which get more seeds.

    python -m analysis.look results/NAME --seeds 3      # writes results/NAME/looks/3.json

The experiment has `seeds: {looks: [3, 6, 12]}`. The workflow calls this after each look's runs have
been evaluated, and trains the next seeds of the arms that are `open` in the file that it writes.
"""

from collections.abc import Sequence
from pathlib import Path

from eval.files.command_line import command_parser
from eval.files.errors import exit_with_message


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_parser("analysis.look", __doc__)
    parser.add_argument("results", type=Path, help="folder of one experiment, results/<experiment>")
    parser.add_argument("--seeds", type=int, required=True, help="seeds per arm at this look")
    arguments = parser.parse_args(argv)
    from analysis.look.command import write_look  # pandas and scipy take a second to load

    with exit_with_message():
        write_look(arguments.results, arguments.seeds)


if __name__ == "__main__":
    main()
