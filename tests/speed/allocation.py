"""What a planned number of samples per question gains: variances of avg@n at equal cost.

    python -m tests.speed.allocation results/rare --samples 8
    python -m tests.speed.allocation --runs tests/analysis/foreign/xling/counts_mgsm.csv --samples 8

Equal numbers give avg@n the sampling variance Σ_q p_q(1 − p_q)/n / Q², a plan Σ_q p_q(1 − p_q)/n_q
/ Q². Printed is the first over the second, with p(1 − p) by its unbiased estimate c(n − c)/(n(n −
1)) from counts that the plan has not seen.

A results folder: planned from the base policy's counts, estimated from each arm's runs. A file with
one answer per run and question: runs stand for samples of one policy; planned from half of them,
estimated from the others, in 200 random halves.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from analysis.results.folder import BASE, Results, load_results
from eval.files.command_line import command_parser
from eval.files.csv_text import read_csv
from eval.files.errors import exit_with_message
from eval.scoring.allocation import neyman_allocation
from eval.scoring.counts import read_counts

HALVES = 200


def main() -> None:
    parser = command_parser("tests.speed.allocation", __doc__)
    parser.add_argument("results", type=Path, nargs="*", help="results folders")
    parser.add_argument("--runs", type=Path, help="CSV: arm, seed, benchmark, problem_id, correct")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--least", type=int, default=2)
    arguments = parser.parse_args()
    print("| counts | planned from | estimated from | n_q | equal / planned |")
    print("|---|---|---|---|---:|")
    for folder in arguments.results:
        for line in of_results(load_results(folder), arguments.samples, arguments.least):
            print(line)
    if arguments.runs:
        print(of_runs(arguments.runs, arguments.samples, arguments.least))


def of_results(results: Results, samples: int, least: int) -> Iterator[str]:
    """A line per benchmark and arm."""
    for benchmark in results.benchmarks:
        base = {
            row.problem_id: (row.n, row.correct)
            for path in results.evaluation(BASE, benchmark, "counts.csv").values()
            for row in read_counts(path)
        }
        planned = neyman_allocation([*base.values()], samples, least)
        numbers = dict(zip(base, planned, strict=True))
        for arm in results.arms:
            files = results.evaluation(arm, benchmark, "counts.csv").values()
            rows = [row for path in files for row in read_counts(path)]
            gain = variance_ratio(
                [row.n for row in rows],
                [row.correct for row in rows],
                [numbers[row.problem_id] for row in rows],
                samples,
            )
            yield (
                f"| {benchmark} | base | `{arm}`, {len(files)} runs |"
                f" {min(planned)} to {max(planned)} | {gain:.2f} |"
            )


def of_runs(path: Path, samples: int, least: int) -> str:
    """The line of a file of runs with one answer to each question."""
    answers: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
    for _, row in read_csv(path, ("arm", "seed", "benchmark", "problem_id", "correct")):
        question = answers.setdefault((row["benchmark"], row["problem_id"]), {})
        question[row["arm"], row["seed"]] = int(row["correct"])
    runs = sorted(next(iter(answers.values())))
    right_QR = np.array([[question[run] for run in runs] for question in answers.values()])
    rng, gains, half = np.random.default_rng(0), [], len(runs) // 2
    for _ in range(HALVES):
        order = rng.permutation(len(runs))
        seen_Q, kept_Q = (right_QR[:, part].sum(1) for part in (order[:half], order[half:]))
        planned = neyman_allocation([(half, c) for c in seen_Q], samples, least)
        kept = len(runs) - half
        gains.append(variance_ratio([kept] * len(kept_Q), kept_Q, planned, samples))
    return (
        f"| {path.stem} | {half} runs | {len(runs) - half} others | | {np.mean(gains):.2f}"
        f" ({min(gains):.2f} to {max(gains):.2f}) |"
    )


def variance_ratio(
    n: Sequence[int], correct: Sequence[int] | np.ndarray, planned: Sequence[int], samples: int
) -> float:
    """Sampling variance of avg@n with `samples` of each over that with the planned numbers; NaN
    where no question has both right and wrong answers.
    """
    n_Q, c_Q, planned_Q = np.array(n), np.array(correct), np.array(planned)
    variance_Q = c_Q * (n_Q - c_Q) / (n_Q * (n_Q - 1))
    with np.errstate(invalid="ignore"):
        return float(np.sum(variance_Q / samples) / np.sum(variance_Q / planned_Q))


if __name__ == "__main__":
    with exit_with_message():
        main()
