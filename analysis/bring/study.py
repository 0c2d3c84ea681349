"""What was read -> a results folder: spec.yaml, runs, counts, and `brought/` with all that is said.

brought/findings.csv     what a reader must know: kind, where, what
        claims.csv       every published figure beside its recount
        differences.csv  every sample that the suite's verifier grades otherwise
        checkpoints.csv  every evaluated policy, drawn in selection.png
        change.csv       each arm against the base policy: answers changed, and by other seeds
        sources.csv      every file: tool and SHA-256
        unmapped.csv     keys without a name of the suite
        bring.yaml       the mapping
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from analysis.bring.arms import check_arms, difference_findings
from analysis.bring.change import AnswerChange, change_findings, changes
from analysis.bring.curves import Series, run_series
from analysis.bring.diagnose import curve_findings
from analysis.bring.evaluate import Evaluated, evaluate
from analysis.bring.gather import Gathered
from analysis.bring.mapping import NOT_KNOWN, BringFile
from analysis.bring.published import Published, beside_recounts, impossible
from analysis.bring.records import BroughtCount, Finding, Place
from analysis.bring.selection import EvaluatedPolicy, choose_policies, selection_findings
from analysis.results.counts import TOTAL
from analysis.results.folder import BASE
from eval.files.csv_text import csv_text
from eval.files.durable import write_text
from eval.files.errors import BadInput

BROUGHT = "brought"
ROLLOUTS = "rollouts"


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
    evaluations = choose_policies(evaluated.counts, mapping)
    reported = {
        each.place._replace(checkpoint=None): evaluated.counts[each.place]
        for each in evaluations
        if each.reported
    }
    countable = {at: rows for at, rows in reported.items() if not is_total(rows)}
    changed = changes(countable)
    published = beside_recounts(evaluated.claims, evaluated.counts, evaluated.totals)
    exported = {"suite"} == {file.tool for file in gathered.files} - {"counts_csv"}
    findings = [
        *differences,
        *selection_findings(evaluations),
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
        list(dict.fromkeys(findings)),
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
    equal = [each for each in known if each.outcome == "equal"]
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
            if each.outcome != "equal"
        ),
    ]


def write_study(study: BroughtStudy, folder: Path) -> None:
    """Fills a folder that is empty."""
    spec = study_spec(study)
    write_text(folder / "spec.yaml", yaml.safe_dump(spec, sort_keys=False, allow_unicode=True))
    for run in study.runs:
        write_run_folder(study, run, folder / run.arm / f"seed-{run.seed}")
    for at, counts in study.reported().items():
        write_text(
            evaluation_folder(folder, at) / f"{at.benchmark}.counts.csv", counts_text(counts)
        )
    for at, measures in study.gathered.found.measures.items():
        write_json(evaluation_folder(folder, at) / f"{at.benchmark}.measures.json", measures)
    overlaps = study.gathered.found.settings.get("contamination")
    if overlaps:
        write_json(folder / "problems" / "contamination.json", overlaps)
    for name, rows in brought_tables(study).items():
        write_text(folder / BROUGHT / f"{name}.csv", csv_text(rows))
    text = yaml.safe_dump(study.mapping.model_dump(), sort_keys=False, allow_unicode=True)
    write_text(folder / BROUGHT / "bring.yaml", text)


def evaluation_folder(folder: Path, at: Place) -> Path:
    return (
        folder / BASE / "eval" if at.arm == BASE else folder / at.arm / f"seed-{at.seed}" / "eval"
    )


def write_run_folder(study: BroughtStudy, run: Place, folder: Path) -> None:
    """train.jsonl and run.json; a run without a curve has none, which the tables say."""
    rows = study.series.get(run, {})
    if rows:
        lines = [json.dumps({"rollout": step} | row, allow_nan=False) for step, row in rows.items()]
        write_text(folder / "train.jsonl", "".join(f"{line}\n" for line in lines))
    info = study.gathered.found.runs.get(run) or {
        "experiment": study.mapping.name,
        "arm": run.arm,
        "seed": run.seed,
        "method": study.mapping.arms[run.arm].method or None,
        "status": "finished",
        "brought": True,
        "steps": max(rows, default=None),
    }
    write_json(
        folder / "run.json", {key: value for key, value in info.items() if value is not None}
    )


def study_spec(study: BroughtStudy) -> dict[str, Any]:
    """spec.yaml: the blocks of the mapping, and what the counts say of the evaluation."""
    mapping = study.mapping
    seeds = {
        arm: sorted({run.seed or 0 for run in study.runs if run.arm == arm}) for arm in study.arms
    }
    arms = {
        arm: {"method": words.method or {"name": "as brought"}, "seeds": seeds[arm]}
        | {key: value for key, value in words.model_dump().items() if key != "method"}
        for arm, words in mapping.arms.items()
    }
    blocks = {
        key: value for key, value in mapping.spec.items() if key not in ("evaluation", "arms")
    }
    evaluation = shared_settings(mapping) | mapping.spec.get("evaluation", {})
    evaluation["benchmarks"] = benchmarks(study)
    return {
        "name": mapping.name,
        "question": mapping.question,
        "reference": mapping.reference,
        **blocks,
        "arms": arms,
        "seeds": sorted({seed for own in seeds.values() for seed in own}),
        "evaluation": evaluation,
        BROUGHT: {
            "tools": sorted({file.tool for file in study.gathered.files}),
            "files": len(study.gathered.files),
            "base": mapping.base,
        },
    }


def shared_settings(mapping: BringFile) -> dict[str, Any]:
    """Settings of the sampling in which all arms are known to be equal."""
    shared: dict[str, Any] = {}
    for name in ("temperature", "top_p", "max_tokens"):
        values = {getattr(words, name) for words in mapping.arms.values()}
        if len(values) == 1 and NOT_KNOWN not in values:
            shared[name] = values.pop()
    return shared


def benchmarks(study: BroughtStudy) -> dict[str, dict[str, Any]]:
    """{set: samples, k}: those of the mapping first, in its order."""
    reported = study.reported()
    present = dict.fromkeys([*study.mapping.benchmarks, *(at.benchmark for at in reported)])
    found = {}
    for name in present:
        n = {row.n for at, rows in reported.items() if at.benchmark == name for row in rows}
        if not n:
            raise BadInput(f"benchmarks: {name}: no file holds an evaluation on it: remove it")
        found[name] = {"samples": min(n), "k": [1]} | study.mapping.benchmarks.get(name, {})
    return found


def counts_text(counts: Sequence[BroughtCount]) -> str:
    """counts.csv, further columns in their order of appearance."""
    rest = list(dict.fromkeys(key for row in counts for key in row.rest))
    rows = [
        [row.problem_id, row.n, row.correct, *(row.rest.get(key, "") for key in rest)]
        for row in counts
    ]
    return csv_text([["problem_id", "n", "correct", *rest], *rows])


def brought_tables(study: BroughtStudy) -> dict[str, list[list[Any]]]:
    """{name: header and rows} of the CSVs in brought/."""
    left = [
        Finding("left out", name, "no entry of sources matches it")
        for name in study.gathered.left_out
    ]
    files = [[file.name, file.tool, file.sha256] for file in study.gathered.files]
    claims = [
        [*each.claim.place, each.claim.metric, each.claim.value, each.recounted, each.outcome]
        for each in study.published
    ]
    differing = [
        [*each.sample.place, each.sample.problem_id, each.sample.number,
         int(bool(each.claimed)), int(bool(each.recomputed)), each.answer, each.sample.gold]
        for each in study.evaluated.differing
    ]  # fmt: skip
    checkpoints = [
        [*each.place, each.score, len(study.evaluated.counts[each.place]), int(each.reported)]
        for each in study.evaluations
    ]
    checkpoints += [
        [*claim.place, claim.value, "", 0]
        for claim in study.evaluated.claims
        if claim.place.checkpoint is not None
        and claim.place not in study.evaluated.counts
        and claim.metric.startswith(("mean@", "pass@1"))
        and "reward" not in claim.metric
    ]
    unmapped = [
        [tool, key]
        for tool, keys in sorted(study.gathered.unmapped.items())
        for key in sorted(keys)
    ]
    place = list(Place._fields)
    return {
        "findings": [list(Finding._fields), *map(list, [*study.findings, *left])],
        "claims": [[*place, "metric", "published", "recounted", "outcome"], *claims],
        "differences": [
            [*place, "problem_id", "index", "claimed", "recomputed", "answer", "gold"],
            *differing,
        ],
        "checkpoints": [[*place, "score", "questions", "reported"], *checkpoints],
        "change": [list(AnswerChange._fields), *map(list, study.changed)],
        "sources": [["file", "tool", "sha256"], *files],
        "unmapped": [["tool", "key"], *unmapped],
    }


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")
