"""The command-line parser of every command of the project.

A command is `python -m NAME`. Its `main` makes the parser here, and runs inside
`eval.files.errors.exit_with_message`, so that a wrong input ends as one message:

    def main(argv: Sequence[str] | None = None) -> None:
        parser = command_parser("analysis.tables", __doc__)
        parser.add_argument("results", type=Path)
        with exit_with_message():
            write_tables(parser.parse_args(argv).results)
"""

import argparse


def command_parser(name: str, doc: str | None) -> argparse.ArgumentParser:
    """An empty parser of the command `python -m NAME`.

    `doc` is the docstring of the command's module or function. Its first paragraph, without a
    leading "python -m NAME ...: ", is the description that --help shows.
    """
    paragraph = " ".join((doc or "").partition("\n\n")[0].split())
    if paragraph.startswith("python -m "):
        paragraph = paragraph.partition(": ")[2]
    return argparse.ArgumentParser(prog=f"python -m {name}", description=paragraph)
