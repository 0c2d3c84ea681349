"""Samples that were drawn in training: points of the curve `accuracy`, and no evaluation."""

from collections.abc import MutableMapping

from analysis.bring.counting.evaluate import Evaluated
from analysis.bring.files.records import TRAINING, Finding, Place
from analysis.bring.findings.curves import Series
from analysis.bring.findings.selection import score_of


def add_accuracy(series: MutableMapping[Place, Series], evaluated: Evaluated) -> None:
    """Takes the rollouts out of the evaluations and puts their recounted accuracy into the curves.

    `accuracy` is the mean verdict of the suite's verifier, so rollouts that it could not grade give
    none, which is named.
    """
    for at in [at for at in evaluated.counts if at.benchmark == TRAINING]:
        del evaluated.counts[at]
        run = Place(at.arm, at.seed)
        if at in evaluated.recounts and at.checkpoint is not None:
            rows = series.setdefault(run, {})
            rows.setdefault(at.checkpoint, {})["accuracy"] = score_of(evaluated.recounts[at])
            series[run] = dict(sorted(rows.items()))
        else:
            said = "not all of them could be graded again, so there is no accuracy of this step"
            evaluated.findings.append(Finding("rollouts", str(at), said))
