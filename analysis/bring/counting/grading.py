"""Samples -> both gradings of each: the tool's own, and that of the suite's verifier."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analysis.bring.files.records import Finding, Place, Sample
from analysis.bring.mapping_file.mapping import OPEN, BringFile
from eval.files.errors import BadInput
from eval.verify.verifier import Verdict, Verifier

GSM8K_MARK = "####"  # GSM8K's golds are worked solutions, with the answer behind this mark


@dataclass(frozen=True)
class Graded:
    """One sample with both gradings."""

    sample: Sample
    claimed: bool | None
    recomputed: bool | None
    answer: str  # what the suite's verifier read in the text

    @property
    def differs(self) -> bool:
        return None not in (self.claimed, self.recomputed) and self.claimed != self.recomputed


def merged(samples: Iterable[Sample]) -> list[Sample]:
    """One row per sample: its text may be in one file and its score in another.

    BadInput where two files hold the same part of one sample.
    """
    found: dict[tuple[Place, str, int], Sample] = {}
    for sample in samples:
        key = (sample.place, sample.problem_id, sample.number)
        other = found.get(key)
        if other is None:
            found[key] = sample
        elif (other.text is None) == (sample.text is None):
            raise BadInput(
                f"{sample.place}: duplicate sample {sample.number} of question"
                f" {sample.problem_id}: set which runs these are, or leave a file out"
            )
        else:
            full, score = (other, sample) if sample.text is None else (sample, other)
            found[key] = full._replace(claimed=score.claimed)
    for place, own in by_place(found.values()).items():
        texts = sum(each.claimed is None for each in own)
        scores = sum(each.text is None for each in own)
        if texts and scores:
            raise BadInput(
                f"{place}: {texts} texts have no score and {scores} scores have no text: their"
                " files number samples differently: leave one of them out"
            )
    return list(found.values())


def by_place(samples: Iterable[Sample]) -> dict[Place, list[Sample]]:
    places: dict[Place, list[Sample]] = defaultdict(list)
    for sample in samples:
        places[sample.place].append(sample)
    return places


def grade(samples: Sequence[Sample], mapping: BringFile, findings: list[Finding]) -> list[Graded]:
    """Both gradings of each sample. BadInput where scores are not plainly right or wrong."""
    values = {sample.claimed for sample in samples if sample.claimed is not None}
    if values - {0.0, 1.0}:
        raise BadInput(
            f"scores of samples are {', '.join(f'{each:g}' for each in sorted(values)[:5])}: which"
            " one is right? Set right_score: NUMBER in their entry of sources"
        )
    verdicts = recount(samples, findings)
    graded = [
        Graded(
            sample,
            None if sample.claimed is None else sample.claimed == 1,
            verdict.correct if verdict else None,
            (verdict.answer or "") if verdict else "",
        )
        for sample, verdict in zip(samples, verdicts, strict=True)
    ]
    if mapping.count == OPEN and any(each.differs for each in graded):
        raise BadInput(
            f"{sum(each.differs for each in graded):,} of {len(graded):,} samples are graded"
            " otherwise by the suite's verifier than by the tool: set count: recomputed or"
            " count: claimed"
        )
    return graded


def recount(samples: Sequence[Sample], findings: list[Finding]) -> list[Verdict | None]:
    """The suite's verdicts; None where there is no text, or no gold answer that it can read."""
    asked = [(i, each) for i, each in enumerate(samples) if each.text is not None and each.gold]
    if not asked:
        return [None] * len(samples)
    with Verifier() as verifier:
        answers = {gold: gold_answer(gold, verifier) for gold in {each.gold for _, each in asked}}
        unread = sorted(gold or "" for gold, answer in answers.items() if answer is None)
        if unread:
            said = (
                f"{len(unread)} gold answers are not readable for the suite's verifier"
                f" ({unread[0][:60]!r}, ...): their samples are not graded again"
            )
            findings.append(Finding("gold answers", "samples", said))
        chosen = [
            (i, each.text or "", answer)
            for i, each in asked
            if (answer := answers[each.gold]) is not None
        ]
        verdicts = verifier.verify([text for _, text, _ in chosen], [gold for *_, gold in chosen])
    made = dict(zip([i for i, *_ in chosen], verdicts, strict=True))
    return [made.get(i) for i in range(len(samples))]


def gold_answer(gold: str | None, verifier: Verifier) -> str | None:
    """The answer in a gold; None for one that is unreadable, or a text without a marked answer."""
    text = (gold or "").rpartition(GSM8K_MARK)[2].strip()
    if "\n" in text and "\\boxed" not in text:
        return None
    try:
        verifier.check_golds([text])
    except BadInput:
        return None
    return text


def unread_answers(place: Place, group: Sequence[Graded]) -> list[Finding]:
    """A recount that measures the form: texts in which the verifier finds no answer to grade."""
    without = [each for each in group if each.recomputed is False and not each.answer]
    right = sum(each.claimed is True for each in without)
    if not right and 2 * len(without) <= len(group):
        return []
    said = (
        f"{len(without):,} of {len(group):,} texts have no \\boxed{{}} answer, which the suite's"
        f" verifier asks for, and are wrong in the recount; the tool counts {right:,} of them right"
    )
    return [Finding("no boxed answer", str(place), said)]
