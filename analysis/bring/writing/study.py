"""What was read -> everything that is written: curves, counts, and what a reader must know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.bring.counting.evaluate import Evaluated, evaluate
from analysis.bring.counting.rollouts import add_accuracy
from analysis.bring.files.records import BroughtCount, Finding, Place
from analysis.bring.findings.change import AnswerChange, change_findings, changes
from analysis.bring.findings.curves import Series, run_series
from analysis.bring.findings.diagnose import curve_findings
from analysis.bring.findings.published import Published, beside_recounts, impossible
from analysis.bring.findings.selection import (
    EvaluatedPolicy,
    choose_policies,
    published_selection,
    selection_findings,
)
from analysis.bring.gather import Gathered
from analysis.bring.mapping_file.arms import check_arms, difference_findings
from analysis.bring.mapping_file.mapping import BringFile
from analysis.results.counts import TOTAL
from analysis.results.folder import BASE

LAST_KINDS = ("unknown", "not logged")
"""Kinds of findings that say what is not known, behind those that say what is."""


@dataclass(frozen=True)
class BroughtStudy:
    """Everything that is written."""

    mapping: BringFile
    gathered: Gathered
    series: dict[Place, Series]
    evaluated: Evaluated
    evaluations: list[EvaluatedPolicy]
    published: list[Published]
    changed: list[AnswerChange]
    findings: list[Finding]

    @property
    def runs(self) -> list[Place]:
        """Every run of an arm: arm and seed."""
        places = [*self.evaluated.counts, *self.series, *self.gathered.found.runs]
        runs = [Place(at.arm, at.seed) for at in places if at.arm != BASE]
        return sorted(dict.fromkeys(runs), key=lambda at: (self.arms.index(at.arm), at.seed or 0))

    @property
    def arms(self) -> list[str]:
        """In the order of the mapping."""
        return list(self.mapping.arms)

    def reported(self) -> dict[Place, list[BroughtCount]]:
        """{arm, seed, set: counts} of the policies that stand for their runs."""
        return {
            each.place._replace(checkpoint=None): self.evaluated.counts[each.place]
            for each in self.evaluations
            if each.reported
        }


def make_study(gathered: Gathered, mapping: BringFile) -> BroughtStudy:
    """Grades, compares and checks. Raises BadInput for what must be said or corrected first."""
    found = gathered.found
    check_arms(mapping, dict.fromkeys(at.arm for at in found.places() if at.arm != BASE))
    differences = difference_findings(mapping)
    series, twice = run_series(found)
    evaluated = evaluate(found, mapping)
    add_accuracy(series, evaluated)
    evaluations = choose_policies(evaluated.counts, mapping)
    reported = {
        each.place._replace(checkpoint=None): evaluated.counts[each.place]
        for each in evaluations
        if each.reported
    }
    countable = {at: rows for at, rows in reported.items() if not is_total(rows)}
    changed = changes(countable)
    published = beside_recounts(
        evaluated.claims, evaluated.recounts, evaluated.counts, evaluated.totals
    )
    exported = {"suite"} == {file.tool for file in gathered.files} - {"counts_csv"}
    findings = [
        *differences,
        *selection_findings(evaluations, mapping),
        *published_selection(evaluated.claims, evaluated.counts),
        *change_findings(changed),
        *impossible(evaluated.claims),
        *published_findings(published),
        *total_findings(reported),
        *found.findings,
        *evaluated.findings,
        *twice,
        *([] if exported else curve_findings(series)),
    ]
    return BroughtStudy(
        mapping, gathered, series, evaluated, evaluations, published, changed,
        sorted(dict.fromkeys(findings), key=lambda each: each.kind in LAST_KINDS),
    )  # fmt: skip


def is_total(rows: Sequence[BroughtCount]) -> bool:
    """Whether counts were made of a mean alone."""
    return bool(rows) and rows[0].problem_id.startswith(f"{rows[0].place.arm}{TOTAL}")


def total_findings(reported: Mapping[Place, Sequence[BroughtCount]]) -> list[Finding]:
    sets = dict.fromkeys(at.benchmark for at, rows in reported.items() if is_total(rows))
    said = (
        "only means are known, not which questions were right: counts are rounded totals, scores"
        " have intervals, and no arms are compared"
    )
    return [Finding("totals only", benchmark, said) for benchmark in sets]


def published_findings(published: Sequence[Published]) -> list[Finding]:
    """How many published figures the recount bears out, and each that it does not."""
    known = [each for each in published if each.recounted is not None]
    equal = [each for each in known if each.outcome.startswith("equal")]
    if not published:
        return []
    said = (
        f"{len(equal)} of {len(known)} figures that can be recounted are equal;"
        f" {len(published) - len(known)} cannot be recounted from these files"
    )
    return [
        Finding("published figures", "all", said),
        *(
            Finding(
                "published figures", str(each.claim.place), f"{each.claim.metric} {each.outcome}"
            )
            for each in known
            if not each.outcome.startswith("equal")
        ),
    ]
