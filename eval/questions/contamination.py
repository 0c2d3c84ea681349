"""Finds training problems that are also in a benchmark, word for word or nearly.

    exact      equal normal forms, in which case, blanks and punctuation do not count
               (eval/questions/duplicates.py)
    near       at least half of the distinct 13-word windows of the benchmark problem are in the
               training problem
    contained  on request: at least half of the training problem's windows are in the benchmark
               problem

A word is a run of letters or of digits after NFKC and lower-casing, so a LaTeX command is a word
and "2x" is two words. Problems under 13 words have no window and are compared by exact form only.
The 13-gram is from Brown et al. 2020 (arXiv 2005.14165, appendix C). Departure: there one shared
13-gram is an overlap; here half of them must be shared, because contest problems often have whole
phrases in common.

    python -m eval.questions.contamination --train train.jsonl \\
        --against aime_2024.jsonl math_500.jsonl --report contamination.csv --out clean.jsonl

writes the overlapping pairs, their counts (contamination.json), and the training problems without
duplicate, conflicting and overlapping rows.
"""

import argparse
import json
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, NamedTuple

from eval.files.command_line import command_parser
from eval.files.csv_text import csv_text
from eval.files.durable import write_text
from eval.files.errors import BadInput, exit_with_message
from eval.questions.duplicates import Repeats, drop_repeats, normal_form
from eval.questions.problems import Problem, read_problems

WINDOW = 13  # words
NEAR_SHARE = 0.5  # share of windows

_WORD_PATTERN = re.compile(r"[^\W\d_]+|\d+")


class Overlap(NamedTuple):
    """A training problem and a benchmark problem that overlap."""

    kind: Literal["exact", "near", "contained"]
    train_id: str
    benchmark: str
    problem_id: str
    share: float  # of shared windows, in [0, 1]; 1 if the pair is exact


def word_windows(text: str) -> set[str]:
    """The distinct windows of 13 words of a text."""
    words = _WORD_PATTERN.findall(unicodedata.normalize("NFKC", text).lower())
    return {" ".join(words[start : start + WINDOW]) for start in range(len(words) - WINDOW + 1)}


def find_overlaps(
    train: Sequence[Problem],
    benchmarks: Mapping[str, Sequence[Problem]],
    both_directions: bool = False,
) -> list[Overlap]:
    """All overlapping pairs, in the order of the training set, then of the benchmarks.

    It makes one inverted index over the benchmarks (window -> problems that have it), and one pass
    over the training set.

    `both_directions`: also find pairs of kind `contained`.
    """
    targets = [(name, problem) for name, problems in benchmarks.items() for problem in problems]
    windows_of = [word_windows(problem.text) for _, problem in targets]
    with_window = _inverted_index(windows_of)
    with_form = _inverted_index([{normal_form(problem.text)} for _, problem in targets])
    pairs = []
    for row in train:
        own = word_windows(row.text)
        shared = Counter(target for window in own for target in with_window.get(window, ()))
        exact = with_form.get(normal_form(row.text), ())
        for target in sorted({*shared, *exact}):
            name, problem = targets[target]
            if target in exact:
                pairs.append(Overlap("exact", row.id, name, problem.id, 1.0))
            elif (share := shared[target] / len(windows_of[target])) >= NEAR_SHARE:
                pairs.append(Overlap("near", row.id, name, problem.id, share))
            elif both_directions and (share := shared[target] / len(own)) >= NEAR_SHARE:
                pairs.append(Overlap("contained", row.id, name, problem.id, share))
    return pairs


def _inverted_index(keys: Sequence[set[str]]) -> dict[str, list[int]]:
    """{key: positions of the sets that hold it}."""
    index: dict[str, list[int]] = {}
    for position, own in enumerate(keys):
        for key in own:
            index.setdefault(key, []).append(position)
    return index


def overlap_counts(
    pairs: Sequence[Overlap], benchmarks: Mapping[str, Sequence[Problem]]
) -> dict[str, dict[str, int]]:
    """Per benchmark: its number of problems, how many of them overlap by kind (`near` includes
    `exact`), and the number of training rows that overlap with it.
    """
    table = {}
    for name, problems in benchmarks.items():
        own = [pair for pair in pairs if pair.benchmark == name]
        exact, near, contained = (
            {pair.problem_id for pair in own if pair.kind == kind}
            for kind in ("exact", "near", "contained")
        )
        table[name] = {
            "problems": len(problems),
            "exact": len(exact),
            "near": len(exact | near),
            "contained": len(contained - exact - near),
            "train_rows": len({pair.train_id for pair in own}),
        }
    return table


def clean_training_rows(
    train: Sequence[Problem],
    pairs: Sequence[Overlap],
    action: Literal["drop", "flag"],
    distinct: bool = False,
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Rows of the cleaned training set, and their counts.

    Of repeated problems the first row is kept, of conflicting ones none. Overlapping rows are
    dropped (`drop`), or kept with the names of the benchmarks they overlap with (`flag`).

    `distinct`: the problems are known to be distinct, so that none is taken for a repeat.
    """
    hit: dict[str, list[str]] = {}
    for pair in pairs:
        hit.setdefault(pair.train_id, []).append(pair.benchmark)
    positions, repeats = (
        (range(len(train)), Repeats(0, 0))
        if distinct
        else drop_repeats([p.text for p in train], [p.answer for p in train])
    )
    different = [asdict(train[position]) for position in positions]
    overlapping = sum(row["id"] in hit for row in different)
    if action == "drop":
        rows = [row for row in different if row["id"] not in hit]
    else:
        rows = [
            row | {"overlaps": list(dict.fromkeys(hit.get(row["id"], [])))} for row in different
        ]
    return rows, {
        "rows": len(train),
        **repeats._asdict(),
        "overlapping": overlapping,
        "kept": len(rows),
    }


class Examination(NamedTuple):
    """Overlaps of a training set with the benchmarks, and the cleaned training set."""

    rows: list[dict[str, Any]]  # the cleaned training set
    pairs: list[Overlap]
    report: dict[str, Any]  # counts, as in contamination.json


def examine(
    name: str,
    train: Sequence[Problem],
    benchmarks: Mapping[str, Sequence[Problem]],
    action: Literal["drop", "flag"] = "drop",
    both_directions: bool = False,
    distinct: bool = False,
) -> Examination:
    """Finds the overlaps of one training set and cleans it. `distinct`: as in clean_training_rows.

    Raises:
        BadInput: no row is left after cleaning.
    """
    pairs = find_overlaps(train, benchmarks, both_directions)
    rows, totals = clean_training_rows(train, pairs, action, distinct)
    if not rows:
        raise BadInput(
            f"{name}: no row is left after cleaning: keep overlapping rows (action `flag`), or use"
            " another training set"
        )
    return Examination(
        rows,
        pairs,
        {
            "train": name,
            "action": action,
            **totals,
            "benchmarks": overlap_counts(pairs, benchmarks),
        },
    )


def write_report(path: Path, found: Examination) -> None:
    """Writes the pairs as CSV to `path`, and the counts as JSON to the same name in .json."""
    rows = (pair._replace(share=round(pair.share, 4)) for pair in found.pairs)
    write_text(path, csv_text([Overlap._fields, *rows]))
    write_text(path.with_suffix(".json"), json.dumps(found.report, indent=2) + "\n")


def _read_benchmarks(paths: Sequence[Path], train: Path) -> dict[str, list[Problem]]:
    benchmarks: dict[str, list[Problem]] = {}
    for path in paths:
        if path.resolve() == train.resolve():
            raise BadInput(f"--against {path} is the training set itself: leave it out")
        if path.stem in benchmarks:
            raise BadInput(
                f"--against {path}: a second benchmark named {path.stem!r}: rename one file"
            )
        benchmarks[path.stem] = read_problems(path)
    return benchmarks


def _check_outputs(options: argparse.Namespace) -> None:
    if options.report.suffix != ".csv":
        raise BadInput(
            f"--report {options.report}: the name must end in .csv; counts are written to .json"
        )
    outputs = [
        options.report,
        options.report.with_suffix(".json"),
        *([options.out] if options.out else []),
    ]
    taken = {path.resolve() for path in (options.train, *options.against)}
    for path in outputs:
        if path.resolve() in taken:
            raise BadInput(
                f"{path}: the command already reads or writes this file: give another name"
            )
        taken.add(path.resolve())


def _compare_files(options: argparse.Namespace) -> None:
    _check_outputs(options)
    train = read_problems(options.train)
    benchmarks = _read_benchmarks(options.against, options.train)
    found = examine(options.train.stem, train, benchmarks, options.action, options.both_directions)
    write_report(options.report, found)
    if options.out:
        write_text(options.out, "".join(json.dumps(row) + "\n" for row in found.rows))
    counted = {key: value for key, value in found.report.items() if key != "benchmarks"}
    print(", ".join(f"{key} {value}" for key, value in counted.items()), file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> None:
    """Compares a training set with benchmarks and writes a report of the overlaps."""
    parser = command_parser("eval.questions.contamination", main.__doc__)
    parser.add_argument("--train", type=Path, required=True, help="training problems, JSON lines")
    parser.add_argument(
        "--against", type=Path, nargs="+", required=True, help="benchmarks, JSON lines"
    )
    parser.add_argument(
        "--report", type=Path, required=True, help="CSV of the pairs; counts are written to .json"
    )
    parser.add_argument("--out", type=Path, help="the cleaned training problems, JSON lines")
    parser.add_argument(
        "--action", choices=("drop", "flag"), default="drop", help="what to do with overlaps"
    )
    parser.add_argument(
        "--both-directions", action="store_true", help="also pairs of kind `contained`"
    )
    with exit_with_message():
        _compare_files(parser.parse_args(arguments))


if __name__ == "__main__":
    main()
