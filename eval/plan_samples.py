"""python -m eval.plan_samples: plans more samples of questions whose answers vary more.

From the base policy's counts of a set, base/eval/<set>.counts.csv, it writes
<set>.samples_per_question.csv and then <set>.planned, the mark with its checksum, beside them. All
trained policies draw so many samples of each question (eval.sample --plan). eval/scoring/
allocation.py has the formula. The numbers rest on the base policy's answers alone, so that the mean
over questions of each trained policy's right shares stays unbiased.
"""

from collections.abc import Sequence
from pathlib import Path

from eval.files.command_line import command_parser
from eval.files.durable import write_text
from eval.files.errors import BadInput, exit_with_message
from eval.files.marks import known_parts, sha256, write_mark
from eval.sampling.sample_plan import PLAN_ENDING, sample_plan_text
from eval.scoring.allocation import neyman_allocation
from eval.scoring.counts import read_counts
from eval.scoring.made_from import plan_parts


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_parser("eval.plan_samples", __doc__)
    parser.add_argument("--counts", type=Path, required=True, help="<set>.counts.csv of the base")
    parser.add_argument(
        "--samples", type=int, required=True, help="mean number of samples per question"
    )
    parser.add_argument(
        "--least", type=int, default=1, help="least samples of a question: at least the largest k"
    )
    arguments = parser.parse_args(argv)
    write_plan(arguments.counts, arguments.samples, arguments.least)


def write_plan(counts: Path, samples: int, least: int) -> None:
    """Writes the plan and its mark beside the counts.

    Raises:
        BadInput: the counts cannot be read, or the numbers do not fit together.
    """
    name = counts.name.removesuffix(".counts.csv")
    if name == counts.name:
        raise BadInput(f"--counts {counts}: give a file <set>.counts.csv")
    if not 1 <= least <= samples:
        raise BadInput(f"--least {least} must be from 1 to --samples, which is {samples}")
    rows = read_counts(counts)
    planned = neyman_allocation([(row.n, row.correct) for row in rows], samples, least)
    plan, mark = (counts.with_name(name + ending) for ending in (PLAN_ENDING, ".planned"))
    mark.unlink(missing_ok=True)
    ids = [row.problem_id for row in rows]
    write_text(plan, sample_plan_text(zip(ids, planned, strict=True)))
    write_mark(mark, [plan], known_parts(plan_parts(samples, least, sha256(counts))))


if __name__ == "__main__":
    with exit_with_message():
        main()
