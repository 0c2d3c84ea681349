"""The CSVs in brought/ of a results folder."""

from typing import Any

from analysis.bring.files.records import Finding, Place
from analysis.bring.findings.change import AnswerChange
from analysis.bring.findings.selection import is_mean
from analysis.bring.writing.study import BroughtStudy

CsvRows = list[list[Any]]
PLACE = list(Place._fields)


def brought_tables(study: BroughtStudy) -> dict[str, CsvRows]:
    """{name: header and rows}."""
    files = [[file.name, file.tool, file.sha256] for file in study.gathered.files]
    return {
        "findings": finding_rows(study),
        "claims": claim_rows(study),
        "differences": difference_rows(study),
        "checkpoints": checkpoint_rows(study),
        "change": [list(AnswerChange._fields), *map(list, study.changed)],
        "sources": [["file", "tool", "sha256"], *files],
        "unmapped": unmapped_rows(study),
    }


def finding_rows(study: BroughtStudy) -> CsvRows:
    said = "no entry of sources matches it"
    left = [Finding("left out", name, said) for name in study.gathered.left_out]
    return [list(Finding._fields), *map(list, [*study.findings, *left])]


def claim_rows(study: BroughtStudy) -> CsvRows:
    """Figures that differ from their recount come first, those without one last."""
    ranks = {"equal": 1, "equal as rounded": 1, "not recounted": 2}
    rows = [
        [*claim.place, claim.metric, claim.value, each.recounted, each.grading, each.outcome]
        for each in sorted(study.published, key=lambda each: ranks.get(each.outcome, 0))
        for claim in [each.claim]
    ]
    return [[*PLACE, "metric", "published", "recounted", "grading", "outcome"], *rows]


def difference_rows(study: BroughtStudy) -> CsvRows:
    rows = [
        [*each.sample.place, each.sample.problem_id, each.sample.number,
         int(bool(each.claimed)), int(bool(each.recomputed)), each.answer, each.sample.gold]
        for each in study.evaluated.differing
    ]  # fmt: skip
    return [[*PLACE, "problem_id", "index", "claimed", "recomputed", "answer", "gold"], *rows]


def checkpoint_rows(study: BroughtStudy) -> CsvRows:
    """Every evaluated policy, then those of which only a published mean is known."""
    counts = study.evaluated.counts
    counted = [
        [*each.place, each.score, len(counts[each.place]), int(each.reported)]
        for each in study.evaluations
    ]
    published = [
        [*claim.place, claim.value, "", 0]
        for claim in study.evaluated.claims
        if claim.place.checkpoint is not None and claim.place not in counts and is_mean(claim)
    ]
    return [[*PLACE, "score", "questions", "reported"], *counted, *published]


def unmapped_rows(study: BroughtStudy) -> CsvRows:
    unmapped = sorted(study.gathered.unmapped.items())
    return [["tool", "key"], *([tool, key] for tool, keys in unmapped for key in sorted(keys))]
