"""Which looks at the verdicts can decide nothing: the smallest p that the draws give is too large.

p is a share of 2 · draws + 1 values, so it is 1 / (2 · draws + 1) at least. Holm's first step tests
at the level that looks at .05 / comparisons have, and that is at most what they may have spent.
"""

from collections.abc import Iterator

from eval.looks.spending import spent
from experiments.spec.schema import Experiment

FALSE_ALARMS = 0.05


def looks_without_verdict(experiment: Experiment) -> list[int]:
    """Seeds per arm at the looks before the last that cannot give a verdict in pass@1."""
    if experiment.looks is None:
        return []
    *earlier, last = experiment.looks.after
    comparisons = (len(experiment.arms) - 1) * len(experiment.evaluation.benchmarks)
    smallest = 1 / (2 * experiment.analysis.draws + 1)
    alpha = FALSE_ALARMS / max(1, comparisons)
    spending = experiment.looks.spending
    return [seeds for seeds in earlier if spent(seeds / last, spending, alpha) < smallest]


def look_notes(experiment: Experiment) -> Iterator[str]:
    """A line where looks are made in vain."""
    if useless := looks_without_verdict(experiment):
        yield (
            f"warning: looks after {', '.join(map(str, useless))} seeds cannot stop an arm: with"
            f" {experiment.analysis.draws:,} draws no p is below their level: raise analysis.draws,"
            " or leave these looks out"
        )
