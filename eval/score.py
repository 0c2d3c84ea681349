"""python -m eval.score: turns samples into verdicts, counts per problem and measures.

For each problems file <set>.jsonl it reads OUT/<set>.samples.jsonl and writes <set>.verdicts.jsonl
(one row per completion), <set>.counts.csv (one row per problem, also those without samples) and
<set>.measures.json, each whole or not at all, and then <set>.scored, the mark with their checksums.
It needs neither a GPU nor the policy. Scoring again, for example with another verifier, replaces
these files and leaves the samples as they are.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from eval.files.command_line import command_parser
from eval.files.csv_text import csv_text
from eval.files.durable import write_text
from eval.files.errors import BadInput, exit_with_message
from eval.files.jsonl import Row, dump, read_rows
from eval.files.marks import digest_of, known_parts, sha256, write_mark
from eval.questions.problems import Problem, read_problems
from eval.sampling.engine_interface import Key
from eval.sampling.missing_samples import row_key
from eval.scoring.made_from import scoring_parts
from eval.scoring.measures import Scored, measure_all
from eval.verify.verifier import VERIFIER_VERSION, Verifier

SETTINGS = (
    *("run", "arm", "train_seed", "step", "policy", "template"),
    *("engine", "engine_version", "dtype", "temperature", "top_p", "max_tokens"),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Scores every problems file with one pool of verifier processes."""
    parser = command_parser("eval.score", __doc__)
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="folder with the <set>.samples.jsonl; results go there",
    )
    parser.add_argument(
        "--problems", type=Path, nargs="+", required=True, help="JSON lines, one problem each"
    )
    parser.add_argument(
        "--workers", type=int, help="verifier processes; default: one per core, at most 4"
    )
    parser.add_argument(
        "--k", type=int, nargs="+", help="for pass@k and maj@k; default: powers of two up to n"
    )
    arguments = parser.parse_args(argv)
    if min(arguments.k or [1]) < 1:
        raise BadInput(f"--k {arguments.k}: every k must be 1 or more")
    with Verifier(workers=arguments.workers) as verifier:
        for path in arguments.problems:
            score_file(path, arguments.out, arguments.k, verifier)


def score_file(path: Path, out: Path, ks: Sequence[int] | None, verifier: Verifier) -> None:
    """Scores the samples of one problems file and writes the results into `out`."""
    problems, name = read_problems(path), path.stem
    samples = read_samples(out / f"{name}.samples.jsonl", problems)
    try:
        verifier.check_golds(problem.answer for problem in problems)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    verdicts = verdict_rows(problems, samples, verifier)
    scored = [Scored(p.id, p.level, p.subject, verdicts[p.id]) for p in problems]
    rows = [row for problem in problems for row in verdicts[problem.id]]
    first = next(iter(samples.values()), {})
    about = {
        "benchmark": name,
        "verifier": VERIFIER_VERSION,
        "settings": {key: first.get(key) for key in SETTINGS},
        "prompts": prompts_hash(problems, samples),
    }
    measures = about | measure_all(
        scored, sorted(set(ks or powers_of_two(max(p.n for p in scored))))
    )
    counts = [counts_row(problem) for problem in scored]
    written = {
        out / f"{name}.verdicts.jsonl": "".join(dump(row) + "\n" for row in rows),
        out / f"{name}.counts.csv": csv_text(
            [list(counts[0]), *(list(row.values()) for row in counts)]
        ),
        out / f"{name}.measures.json": json.dumps(measures, indent=2, allow_nan=False) + "\n",
    }
    for file, text in written.items():
        write_text(file, text)
    parts = scoring_parts(ks, sha256(path), sha256(out / f"{name}.samples.jsonl"))
    write_mark(out / f"{name}.scored", written, known_parts(parts))


def prompts_hash(problems: Sequence[Problem], samples: dict[Key, Row]) -> str | None:
    """One hash of the prompts of all problems, which is equal where policies can be compared. None
    if a problem has no sample, or a sample does not record its prompt.
    """
    asked = {(key.problem_id, row.get("prompt_hash")) for key, row in samples.items()}
    if {problem.id for problem in problems} - {name for name, prompt in asked if prompt}:
        return None
    return digest_of(sorted(asked, key=repr))


def powers_of_two(largest: int) -> list[int]:
    """1, 2, 4, ... up to `largest`; always at least 1."""
    return [2**i for i in range(max(1, largest.bit_length()))]


def read_samples(path: Path, problems: Sequence[Problem]) -> dict[Key, Row]:
    """The samples of a file by problem and index.

    Raises:
        BadInput: the file is missing, or a line is damaged, duplicate, of another problem or of
            other settings than the first line.
    """
    if not path.exists():
        raise BadInput(
            f"{path}: is missing: run python -m eval.sample first, with the same --out and"
            " --problems"
        )
    known, samples = {problem.id for problem in problems}, {}
    settings: Row = {}
    for line, row in enumerate(read_rows(path), start=1):
        place = f"{path}, line {line}"
        key = row_key(row, place)
        if key.problem_id not in known:
            raise BadInput(
                f"{place}: problem {key.problem_id!r} is not in the problems file: score with the"
                " problems file that was sampled"
            )
        if key in samples:
            raise BadInput(
                f"{place}: duplicate sample {key.index} of problem {key.problem_id!r}: delete one"
            )
        _check_sample(row, f"{place} (problem {key.problem_id!r}, sample {key.index})")
        settings = settings or row
        mixed = [name for name in SETTINGS if row.get(name) != settings.get(name)]
        if mixed:
            raise BadInput(
                f"{place}: {mixed[0]} differs from that of the first line: delete the file and"
                " sample again"
            )
        samples[key] = row
    return samples


def _check_sample(row: Row, place: str) -> None:
    if not isinstance(row.get("text"), str):
        raise BadInput(f"{place}: has no text: delete the line and sample again")
    if type(row.get("tokens")) is not int or row["tokens"] < 0:
        raise BadInput(
            f"{place}: tokens is {row.get('tokens')!r}, not a count: delete the line and sample"
            " again"
        )
    if row.get("finish_reason") not in ("stop", "length"):
        raise BadInput(
            f"{place}: finish_reason is {row.get('finish_reason')!r}, not stop or length: sample it"
            " again"
        )


def verdict_rows(
    problems: Sequence[Problem], samples: dict[Key, Row], verifier: Verifier
) -> dict[str, list[Row]]:
    """Verdict rows of every problem, in the order of the sample index."""
    answer_of = {problem.id: problem.answer for problem in problems}
    keys = sorted(samples, key=lambda key: key.index)
    found = verifier.verify(
        [samples[key]["text"] for key in keys], [answer_of[key.problem_id] for key in keys]
    )
    rows: dict[str, list[Row]] = {problem.id: [] for problem in problems}
    for key, verdict in zip(keys, found, strict=True):
        own = {
            "correct": verdict.correct,
            "strict": verdict.strict,
            "answer": verdict.answer,
            "status": verdict.status,
        }
        sample = {name: samples[key][name] for name in ("tokens", "finish_reason")}
        rows[key.problem_id].append(
            {"problem_id": key.problem_id, "index": key.index, **own, "class": -1, **sample}
        )
    for own_rows in rows.values():
        readable = [row["answer"] if row["status"] == "ok" else None for row in own_rows]
        for row, number in zip(own_rows, verifier.equivalent(readable), strict=True):
            row["class"] = number
    return rows


def counts_row(problem: Scored) -> Row:
    """The row of one problem in counts.csv."""
    rows = problem.verdicts
    return {
        "problem_id": problem.problem_id,
        "level": problem.level,
        "subject": problem.subject,
        "n": problem.n,
        "correct": problem.c,
        "strict_correct": sum(row["strict"] for row in rows),
        "disagreements": sum(row["correct"] != row["strict"] for row in rows),
        "truncated": sum(row["finish_reason"] == "length" for row in rows),
        "correct_finished": sum(row["correct"] and row["finish_reason"] == "stop" for row in rows),
        "unparsed": sum(row["status"] == "unparsed" for row in rows),
        "timeouts": sum(row["status"] == "timeout" for row in rows),
        "errors": sum(row["status"] == "error" for row in rows),
        "tokens": sum(row["tokens"] for row in rows),
    }


if __name__ == "__main__":
    with exit_with_message():
        main()
