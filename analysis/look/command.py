"""Writes what a look has found. The command line is in __main__.py."""

import json
from pathlib import Path

from analysis.look.decide import look_content
from analysis.results.folder import load_results, path_to_write
from eval.files.durable import write_text
from eval.files.errors import BadInput
from eval.files.marks import write_mark
from eval.looks.made_from import look_parts
from eval.looks.record import look_file, look_mark


def write_look(folder: Path, seeds: int) -> None:
    """Writes looks/<seeds>.json and its mark, and prints what was found."""
    results = load_results(folder)
    if seeds not in results.looks:
        raise BadInput(
            f"{folder}: there is no look after {seeds} seeds: choose one of"
            f" {', '.join(map(str, results.looks)) or 'none'}"
        )
    content = look_content(results, seeds)
    file = path_to_write(look_file(folder, seeds), folder)
    file.parent.mkdir(exist_ok=True)
    write_text(file, json.dumps(content, indent=2, allow_nan=False) + "\n")
    write_mark(look_mark(folder, seeds), [file], look_parts(folder, seeds, results.spec))
    for line in look_sentences(content):
        print(line)


def look_sentences(content: dict) -> list[str]:
    """A sentence per comparison, and what is trained next."""
    further = content["open"]
    following = f"more seeds of {', '.join(further)}" if further else "no further seeds"
    said = [row["sentence"] for row in content["comparisons"]]
    return [*said, f"After {content['seeds']} seeds: {following}."]
