"""The frame behind the precision table: where each comparison's interval comes from, and how wide
it would be after one more seed per arm, 100 more questions, or twice the samples.

Formulas: analysis/inference/components.py. pass@1 only: the sampling of pass@k with k > 1 cannot be
told from the counts of one set of samples.
"""

from contextlib import suppress
from typing import Any

import pandas as pd

from analysis.inference.components import Components, components
from analysis.inference.statistics import Comparison, Counts
from analysis.results.folder import Results
from analysis.tables.at_looks import recorded_rows
from analysis.tables.scores import NAN, compared, counts_of
from eval.files.errors import BadInput

MORE_QUESTIONS = 100
WORTH_SEEING = 0.05  # a true difference that most papers would report
NUMBERS = (
    "half_width",
    "of_seeds",
    "of_questions",
    "of_interaction",
    "of_sampling",
    "one_more_seed",
    "more_questions",
    "twice_the_samples",
    "seeds_needed",
    "enough_samples",
)


def precision_frame(results: Results) -> pd.DataFrame:
    """One row per benchmark and arm other than the reference, at pass@1."""
    rows = [
        {"benchmark": benchmark, "arm": arm} | measured(results, benchmark, arm)
        for benchmark in results.benchmarks
        for arm in results.arms
        if arm != results.reference
    ]
    return pd.DataFrame(rows, columns=["benchmark", "arm", *NUMBERS, "remarks"])


def measured(results: Results, benchmark: str, arm: str) -> dict[str, Any]:
    own, other = (counts_of(results, name, benchmark)[0] for name in (arm, results.reference))
    if own and other:
        with suppress(BadInput):  # which the comparisons table tells
            own, other = (seeds_of_look(results, benchmark, arm, each) for each in (own, other))
            found = compared(results, own, other, 1, benchmark, arm, results.reference)
            return precision_row(own, other, found)
    return dict.fromkeys(NUMBERS, NAN) | {"remarks": "no comparison"}


def seeds_of_look(results: Results, benchmark: str, arm: str, counts: Counts) -> Counts:
    """The counts of the seeds that the look had which judged the arm; all, where no look has."""
    row = recorded_rows(results).get((benchmark, 1, arm))
    if row is None:
        return counts
    judged = results.seeds[: row["look"]]
    return counts.of_seeds([seed for seed in counts.seeds if seed in judged])


def precision_row(a: Counts, b: Counts, comparison: Comparison) -> dict[str, Any]:
    """Shares of the variance in [0, 1]; half widths of the difference's interval, as shares."""
    half = (comparison.high - comparison.low) / 2
    found = components(a, b, half)
    if found is None:
        alone = dict.fromkeys(NUMBERS, NAN) | {"half_width": half}
        return alone | {"remarks": "an arm has one seed: its seed-to-seed variation is unknown"}
    seeds, questions, samples = found.design
    one_more = found.design._replace(seeds=(seeds[0] + 1, seeds[1] + 1))
    needed = found.seeds_to_see(WORTH_SEEING)
    return {
        "half_width": half,
        "of_seeds": share(found, sum(found.seeds)),
        "of_questions": share(found, found.questions),
        "of_interaction": share(found, sum(found.interaction)),
        "of_sampling": share(found, sum(found.sampling)),
        "one_more_seed": found.half_width_at(one_more),
        "more_questions": found.half_width_at(
            found.design._replace(questions=questions + MORE_QUESTIONS)
        ),
        "twice_the_samples": found.half_width_at(found.design._replace(samples=2 * samples)),
        "seeds_needed": NAN if needed is None else needed,
        "enough_samples": found.enough_samples,
        "remarks": "",
    }


def share(found: Components, part: float) -> float:
    return part / found.total if found.total > 0 else NAN
