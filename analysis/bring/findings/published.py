"""Published figures beside their recount, and figures that cannot both be true."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from analysis.bring.files.records import BroughtCount, Claim, Finding, Place
from eval.scoring.pass_at_k import pass_at_k

SAME_MEAN = 1e-9  # of two means of the same counts
SOME = 0.1  # share of right answers beside which no question won by majority is not believable
CountsByPlace = Mapping[Place, Sequence[BroughtCount]]
MEANS = {"all", "average", "avg", "mean", "overall"}


class Published(NamedTuple):
    """One published figure; `recounted` is None where the files do not allow it."""

    claim: Claim
    recounted: float | None
    grading: str = ""  # of the recount: the suite's verifier, or the counts as they were brought

    @property
    def outcome(self) -> str:
        if self.recounted is None:
            return "not recounted"
        difference = self.recounted - self.claim.value
        if abs(difference) < SAME_MEAN:
            return "equal"
        if abs(difference) <= rounding(self.claim.value) + SAME_MEAN:
            return "equal as rounded"
        return f"differs by {100 * difference:+.2f} points"


def rounding(value: float) -> float:
    """Half a unit of the last digit in which a share is written, of a tenth of a percent at most:
    .0005 for 0.752, and for 0.5 too, which is rarely a rounded figure.
    """
    exponent = Decimal(f"{value:.12g}").normalize().as_tuple().exponent
    return 0.5 * 10.0 ** min(-3, int(exponent))


def beside_recounts(
    claims: Iterable[Claim], recounts: CountsByPlace, counts: CountsByPlace, totals: set[Place]
) -> list[Published]:
    """Each figure once, with the recount of the same run, set and policy.

    The verifier's recount goes before counts that were brought. A total has none, as it would be
    compared with itself.
    """
    found = []
    for claim in dict.fromkeys(claims):
        again = recounted(claim, recounts)
        grading = "verifier" if again is not None else "counts"
        if again is None and claim.place not in totals:
            again = recounted(claim, counts)
        found.append(Published(claim, again, grading if again is not None else ""))
    return found


def recounted(claim: Claim, counts: CountsByPlace) -> float | None:
    """The figure from the counts of its place. Majorities need the answers, which counts lack."""
    if is_reward(claim.metric):
        return None
    name, _, k = claim.metric.partition("@")
    own = counts.get(claim.place) or _only(claim.place, counts)
    if not own or not all(row.n for row in own):
        return None
    n, correct = np.array([[row.n, row.correct] for row in own]).T
    if claim.metric == "pass@1" or (name in ("avg", "mean") and not k.isdecimal()):
        return float((correct / n).mean())
    if name in ("avg", "mean", "acc"):  # of k answers, of one
        return float((correct / n).mean()) if (n == int(k or 1)).all() else None
    if name == "pass" and k.isdecimal() and 1 <= int(k) <= n.min():
        return float(pass_at_k(n, correct, int(k)).mean())
    return None


def is_reward(metric: str) -> bool:
    """Whether a figure is of rewards, which need not be shares of right answers."""
    return "reward" in metric


def _only(place: Place, counts: CountsByPlace) -> Sequence[BroughtCount] | None:
    """The counts of the run's only evaluated policy, where the figure does not name a policy."""
    own = [rows for at, rows in counts.items() if at._replace(checkpoint=None) == place]
    return own[0] if len(own) == 1 else None


def impossible(claims: Iterable[Claim]) -> list[Finding]:
    """Figures of one evaluation that contradict each other, and two figures for one thing."""
    places: dict[Place, dict[str, float]] = defaultdict(dict)
    findings = []
    for claim in claims:
        known = places[claim.place].setdefault(claim.metric, claim.value)
        if abs(known - claim.value) > SAME_MEAN:
            said = f"{claim.metric} is published as {known:.4g} and as {claim.value:.4g}"
            findings.append(Finding("two figures", str(claim.place), said))
        if not 0 <= claim.value <= 1 and not is_reward(claim.metric):
            said = f"{claim.metric} = {claim.value:.4g} is not in [0, 1]"
            findings.append(Finding("impossible", str(claim.place), said))
        if claim.place.benchmark.lower() in MEANS:
            said = f"{claim.place.benchmark} is a mean over evaluation sets, not one of them"
            findings.append(Finding("mean over tasks", str(claim.place), said))
    for place, figures in places.items():
        findings += contradictions(place, figures)
    return list(dict.fromkeys(findings))


def contradictions(place: Place, figures: Mapping[str, float]) -> list[Finding]:
    """maj@k = 0 where many answers are right; pass@k or best@k below the mean."""
    figures = {key: value for key, value in figures.items() if not is_reward(key)}
    mean = next(
        (value for key, value in figures.items() if key == "pass@1" or key[:4] in ("mean", "avg@")),
        None,
    )
    findings = []
    if mean is None:
        return findings
    for key, value in figures.items():
        name = key.partition("@")[0]
        if name == "maj" and value == 0 and mean > SOME:
            said = f"{key} = 0 beside a mean of {mean:.3g}: no question won by its majority"
            findings.append(Finding("looks impossible", str(place), said))
        if name in ("pass", "best") and value < mean - SAME_MEAN:
            said = f"{key} = {value:.3g} is below the mean of {mean:.3g}"
            findings.append(Finding("impossible", str(place), said))
    return findings
