"""How many samples per question are enough: beyond, seeds and questions decide the interval.

A comparison's variance is (analysis/inference/components.py)

    Var = 2 σ_A²/S + 2 σ_I²/Q + 2 σ_J²/(S Q) + 2 p(1 − p)/(n S Q)

for S seeds per arm, Q questions and n samples, so that sampling weighs as much as all the rest at

    n = p(1 − p) / (Q σ_A² + S σ_I² + σ_J²)

Before there are results the sizes are assumed; where the experiment's own results hold
tables/precision.csv, they are measured, and the median over its arms counts.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from eval.files.csv_text import read_csv
from eval.files.errors import BadInput
from experiments.plan.cost import question_count
from experiments.spec.schema import Experiment

# what docs/statistics.md simulates, too
RUN_SD = 0.01  # σ_A: a training run's mean
LOGIT_SD = 0.3  # what a method or a run does to a single question, in logits
# of questions like MATH's and like AIME's: mean p(1 − p), and mean (p(1 − p))², which turns logits
# into rates
SAMPLE_VARIANCE, SLOPE = 0.11, 0.02


def enough_samples(seeds: int, asked: int) -> float:
    """n at which sampling weighs as much as all the rest, for assumed sizes."""
    single = LOGIT_SD**2 * SLOPE
    return SAMPLE_VARIANCE / (asked * RUN_SD**2 + (seeds + 1) * single)


def measured_samples(precision: Path) -> dict[str, float]:
    """{benchmark: n} of tables/precision.csv: the median over arms; {} where there is no file."""
    if not precision.is_file():
        return {}
    found: dict[str, list[float]] = {}
    for where, row in read_csv(precision, ("benchmark", "enough_samples")):
        try:
            value = float(row["enough_samples"] or "nan")
        except ValueError:
            raise BadInput(
                f"{where}: enough_samples is {row['enough_samples']!r}: make the tables again"
            ) from None
        if math.isfinite(value):
            found.setdefault(row["benchmark"], []).append(value)
    return {benchmark: median(values) for benchmark, values in found.items()}


def sample_notes(experiment: Experiment, results: Path) -> Iterator[str]:
    """One line per benchmark."""
    measured = measured_samples(results / experiment.name / "tables" / "precision.csv")
    for name, benchmark in experiment.evaluation.benchmarks.items():
        asked, seeds = question_count(name, benchmark), len(experiment.seeds)
        number = measured.get(name, enough_samples(seeds, asked))
        basis = (
            f"measured in {results / experiment.name}"
            if name in measured
            else "assumed: a run moves the mean by 1 point, a method or run single questions by .3"
            " logits (sd)"
        )
        yield (
            f"{name}: beyond about {max(1, round(number))} samples per question seeds and questions"
            f" dominate the interval; {benchmark.samples} are drawn ({basis})"
        )
        if benchmark.allocation != "equal":
            yield (
                f"{name}: trained policies draw {benchmark.samples} samples per question in the"
                f" mean, {benchmark.least_samples} of any at least, more where the base policy's"
                " answers vary: the cost is the same"
            )
