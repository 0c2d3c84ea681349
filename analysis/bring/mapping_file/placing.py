"""Rows of a file -> the same rows at their places: arm, seed, benchmark, checkpoint.

What the mapping says of a file goes before what its path says, and that before what the file says.
"""

from collections.abc import Iterator

from analysis.bring.files.reading import safe_name
from analysis.bring.files.records import TRAINING, Found, Place, Sample
from analysis.bring.mapping_file.mapping import OPEN, SourceEntry
from analysis.results.folder import BASE
from eval.files.errors import BadInput


def put(found: Found, entry: SourceEntry, fields: dict[str, str], base: str | None) -> Found:
    """The same rows at the places that the mapping and the path give them."""

    def moved(said: Place) -> Place:
        at = place(said, entry, fields)
        if at.arm == BASE != base:
            raise BadInput(
                f"sources: {entry.path}: an arm is called {BASE}: set base: {BASE} if it is the"
                " untrained policy, else rename it"
            )
        return at._replace(arm=BASE, seed=0, checkpoint=None) if at.arm == base else at

    def scored(sample: Sample) -> Sample:
        if entry.right_score is None or sample.claimed is None:
            return sample
        return sample._replace(claimed=float(sample.claimed == entry.right_score))

    there = Found(findings=found.findings, settings=found.settings)
    for name in ("curves", "samples", "counts", "totals", "claims"):
        rows = getattr(found, name)
        setattr(there, name, [row._replace(place=moved(row.place)) for row in rows])
    there.samples = [scored(sample) for sample in there.samples]
    there.runs = {moved(at): row for at, row in found.runs.items()}
    there.measures = {moved(at): row for at, row in found.measures.items()}
    return there


def place(said: Place, entry: SourceEntry, fields: dict[str, str]) -> Place:
    """The place by mapping, path and file, in this order."""
    arm = safe_name(fields.get("arm", said.arm))
    benchmark = safe_name(fields.get("benchmark", said.benchmark))
    seed = int(fields["seed"]) if "seed" in fields else said.seed
    own_seed = entry.rename.seed.get(arm, entry.seed)
    checkpoint = int(fields["checkpoint"]) if "checkpoint" in fields else said.checkpoint
    return Place(
        _said(entry.arm) or entry.rename.arm.get(arm, arm),
        own_seed if isinstance(own_seed, int) else seed,
        TRAINING
        if said.benchmark == TRAINING
        else _said(entry.benchmark) or entry.rename.benchmark.get(benchmark, benchmark),
        entry.checkpoint if isinstance(entry.checkpoint, int) else checkpoint,
    )


def _said(answer: str | None) -> str:
    return "" if answer in (None, OPEN) else str(answer)


def missing_labels(found: Found) -> Iterator[str]:
    """What is needed of the places and not said, by name."""
    evaluated = {row.place for row in (*found.samples, *found.counts, *found.totals)}
    claimed = {row.place for row in found.claims}
    for at in found.places():
        if not at.arm:
            yield "arm"
        if at.seed is None and at not in claimed - evaluated:
            yield "seed"
        if at in evaluated and not at.benchmark:
            yield "benchmark"
