"""Other people's runs under the suite's verdicts.

    python -m analysis.bring SOURCE... --out results/NAME [--mapping bring.yaml]
    python -m analysis.bring export results/NAME FOLDER

A SOURCE is a file or a folder of another tool; docs/bring.md lists which. What a comparison needs
and the files do not say is asked for in a mapping file, of which the first call writes a draft. The
folder that comes out is one that tables, figures, report, compare and MLflow sync read as their
own. `export` writes a study of the suite as CSV and JSON lines, which can be brought back.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from eval.files.errors import exit_with_message


def main(argv: Sequence[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["export"]:
        return export_main(argv[1:])
    parser = argparse.ArgumentParser(
        prog="python -m analysis.bring",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sources", nargs="+", type=Path, metavar="SOURCE")
    parser.add_argument("--out", type=Path, required=True, help="results folder to make")
    parser.add_argument(
        "--mapping", type=Path, default=Path("bring.yaml"), help="mapping file (bring.yaml)"
    )
    arguments = parser.parse_args(argv)
    from analysis.bring.command import bring, told  # matplotlib and pandas take seconds to load

    with exit_with_message():
        study = bring(arguments.sources, arguments.out, arguments.mapping)
        print(told(study, arguments.out))


def export_main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m analysis.bring export", description="A study of the suite as plain files."
    )
    parser.add_argument("results", type=Path, help="folder of one experiment, results/<experiment>")
    parser.add_argument("out", type=Path, help="folder to make")
    arguments = parser.parse_args(argv)
    from analysis.bring.writing.export import export_study

    with exit_with_message():
        export_study(arguments.results, arguments.out)
        print(f"{arguments.out}: bring it back with --mapping {arguments.out / 'bring.yaml'}")


if __name__ == "__main__":
    main()
