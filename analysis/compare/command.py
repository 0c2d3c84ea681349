"""Verdicts across experiments, machines and evaluation tools: `python -m analysis.compare SOURCE
SOURCE ...`

A SOURCE is an experiment's folder (results/NAME, this machine's or copied from another), or
ARM=FILE.csv[:SEED] with columns problem_id, n, correct (and seed) from another evaluation tool; see
analysis/compare/arms.py. Prints, per benchmark, a Markdown table and the verdict of each arm
against the reference in a sentence. p values and the intervals beside them are adjusted (Holm) over
everything printed. Every number starts the same random stream, so that the order of sources changes
none.

Exit code: 0, or 1 where --fail-on finds what it names, or 2 for sources that cannot be compared.
"""

import argparse
import json
import sys

from eval.files.errors import exit_with_message
from eval.looks.settings import DEFAULT_SPENDING, SPENDINGS

FAILS = {
    "worse": ("worse",),
    "not-better": ("worse", "not distinguishable"),
}
GATE_FAILED = 1


def main(argv: list[str] | None = None) -> None:
    arguments = compare_arguments(argv)
    # after the command line is known to be right: pandas and scipy take a second to load
    from analysis.compare.against import Settings, compare_all
    from analysis.compare.arms import load_sources, shared_benchmarks
    from analysis.compare.page import page, record

    settings = Settings(
        arguments.k,
        arguments.draws,
        arguments.seed,
        arguments.pairing,
        tuple(arguments.looks),
        arguments.spending,
    )
    with exit_with_message():
        sources = load_sources(arguments.sources)
        found = compare_all(
            sources,
            arguments.reference or sources.reference,
            shared_benchmarks(sources.arms, arguments.benchmark),
            settings,
            arguments.arm,
        )
        print(json.dumps(record(found), indent=2) if arguments.json else page(found))
    verdicts = {row.judged.verdict for row in found.rows}
    if arguments.fail_on and verdicts & set(FAILS[arguments.fail_on]):
        sys.exit(GATE_FAILED)


def compare_arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m analysis.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "sources", nargs="+", metavar="SOURCE", help="results/NAME, or ARM=FILE.csv[:SEED]"
    )
    parser.add_argument(
        "--reference",
        help="arm the others are compared with, NAME/ARM, or ARM where one experiment has it"
        " (default: the first experiment's)",
    )
    parser.add_argument(
        "--arm",
        action="append",
        default=[],
        help="compare this one with the reference, and no others (repeatable)",
    )
    parser.add_argument("--benchmark", help="compare on this one only")
    parser.add_argument("--k", type=at_least_one, default=1, help="score is pass@k; 1 is avg@n")
    parser.add_argument("--draws", type=at_least_one, default=10_000, help="bootstrap draws")
    parser.add_argument("--seed", type=int, default=0, help="seed of the bootstrap draws")
    parser.add_argument(
        "--pairing",
        choices=("none", "seed"),
        default="none",
        help="seed: runs with one seed number are pairs, and only these count",
    )
    parser.add_argument(
        "--looks",
        type=int,
        nargs="+",
        default=(),
        metavar="SEEDS",
        help="seeds per arm at each planned look; tests at the level of the look that the arms have"
        " reached (docs/statistics.md)",
    )
    parser.add_argument(
        "--spending", choices=SPENDINGS, default=DEFAULT_SPENDING, help="how looks share the 5 %%"
    )
    parser.add_argument("--json", action="store_true", help="print what the page holds as JSON")
    parser.add_argument(
        "--fail-on",
        choices=FAILS,
        help="exit with 1 where a verdict is worse; or anything but better (not-better)",
    )
    return parser.parse_args(argv)


def at_least_one(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return int(text)
