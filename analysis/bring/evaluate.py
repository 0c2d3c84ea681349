"""Samples, counts and totals -> counts per question, and every published figure beside its recount.

Samples with text and gold answer are graded again by the suite's verifier. Which of the two
gradings is counted is said in the mapping; both are kept, with every sample on which they differ.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from analysis.bring.mapping import OPEN, BringFile
from analysis.bring.records import BroughtCount, Claim, Finding, Found, Place, Sample, Total
from analysis.results.counts import TOTAL
from eval.files.errors import BadInput
from eval.verify.verifier import Verdict, Verifier


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


@dataclass
class Evaluated:
    """Counts of every evaluation, and what else is known of it."""

    counts: dict[Place, list[BroughtCount]] = field(default_factory=dict)
    totals: set[Place] = field(default_factory=set)  # counts made of a mean alone
    claims: list[Claim] = field(default_factory=list)
    differing: list[Graded] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def evaluate(found: Found, mapping: BringFile) -> Evaluated:
    """Counts of everything that was evaluated. Raises BadInput for what must be said first."""
    done = Evaluated(claims=list(found.claims))
    by_place: dict[Place, list[BroughtCount]] = defaultdict(list)
    for count in found.counts:
        by_place[count.place].append(count)
    for place, counts in by_place.items():
        done.counts[place] = once(counts, place)
    graded = grade(merged(found.samples), mapping, done.findings)
    for place, group in grouped(graded).items():
        if place in done.counts:
            raise BadInput(f"{place}: counts and samples both: leave one of them out")
        done.counts[place] = counted(group, mapping.count)
        done.differing += [each for each in group if each.differs]
        done.claims += sample_claims(place, group)
    for total in found.totals:
        add_total(done, total)
    return done


def once(counts: Sequence[BroughtCount], place: Place) -> list[BroughtCount]:
    """One row per question. BadInput names a question with two, and an n that is none."""
    names = [count.problem_id for count in counts]
    if len(set(names)) < len(names):
        name = next(each for each in names if names.count(each) > 1)
        raise BadInput(
            f"{place}: question {name} is there twice: say which runs these are"
            " (arm, seed, benchmark, checkpoint) or leave a file out"
        )
    questions = len(counts)
    if questions > 4 and all(each.n == questions and each.correct <= 1 for each in counts):
        raise BadInput(
            f"{place}: n is {questions} for each of {questions} questions, of which at most one"
            " answer is right: n is the number of samples of a question, not of questions"
        )
    return list(counts)


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
                f"{sample.place}: sample {sample.number} of question {sample.problem_id} is there"
                " twice: say which runs these are or leave a file out"
            )
        else:
            full, score = (other, sample) if sample.text is None else (sample, other)
            found[key] = full._replace(claimed=score.claimed)
    return list(found.values())


def grade(samples: Sequence[Sample], mapping: BringFile, findings: list[Finding]) -> list[Graded]:
    """Both gradings of each sample. BadInput where scores are not plainly right or wrong."""
    values = {sample.claimed for sample in samples if sample.claimed is not None}
    if values - {0.0, 1.0}:
        raise BadInput(
            f"scores of samples are {', '.join(f'{each:g}' for each in sorted(values)[:5])}: which"
            " one is right? Say right_score: NUMBER in their entry of sources"
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
            " otherwise by the suite's verifier than by the tool: say count: recomputed or"
            " count: claimed"
        )
    return graded


def recount(samples: Sequence[Sample], findings: list[Finding]) -> list[Verdict | None]:
    """The suite's verdicts; None where there is no text, or no gold answer that it can read."""
    golds = {sample.gold for sample in samples if sample.text is not None and sample.gold}
    if not golds:
        return [None] * len(samples)
    with Verifier() as verifier:
        readable = {gold for gold in sorted(golds) if _is_readable(gold, verifier)}
        if golds - readable:
            said = (
                f"{len(golds - readable)} gold answers are not readable for the suite's verifier"
                f" ({sorted(golds - readable)[0][:60]!r}, ...): their samples are not graded again"
            )
            findings.append(Finding("gold answers", "samples", said))
        chosen = [
            i for i, each in enumerate(samples) if each.text is not None and each.gold in readable
        ]
        texts, answers = zip(
            *((samples[i].text or "", samples[i].gold or "") for i in chosen), strict=True
        ) if chosen else ((), ())  # fmt: skip
        made = dict(zip(chosen, verifier.verify(texts, answers), strict=True))
    return [made.get(i) for i in range(len(samples))]


def _is_readable(gold: str, verifier: Verifier) -> bool:
    try:
        verifier.check_golds([gold])
    except BadInput:
        return False
    return True


def grouped(graded: Iterable[Graded]) -> dict[Place, list[Graded]]:
    groups: dict[Place, list[Graded]] = defaultdict(list)
    for each in graded:
        groups[each.sample.place].append(each)
    return groups


def counted(group: Sequence[Graded], how: str) -> list[BroughtCount]:
    """Counts by the grading that was asked for; a sample without it counts by the other one."""
    rows: dict[str, list[tuple[bool, bool | None]]] = defaultdict(list)
    for each in group:
        first, second = each.recomputed, each.claimed
        if how == "claimed":
            first, second = second, first
        verdict = second if first is None else first
        if verdict is None:
            raise BadInput(
                f"{each.sample.place}: sample {each.sample.number} of question"
                f" {each.sample.problem_id} has neither a score nor a text with its gold answer:"
                " bring the file that has one"
            )
        rows[each.sample.problem_id].append((verdict, each.claimed))
    place = group[0].sample.place
    return [
        BroughtCount(
            place, name, len(said), sum(right for right, _ in said),
            {"claimed_correct": str(sum(claimed is True for _, claimed in said))},
        )
        for name, said in rows.items()
    ]  # fmt: skip


def sample_claims(place: Place, group: Sequence[Graded]) -> list[Claim]:
    """The tool's own mean over its scores, where every sample has one."""
    claimed = [each.claimed for each in group]
    return (
        [] if None in claimed else [Claim(place, "pass@1", sum(map(bool, claimed)) / len(claimed))]
    )


def add_total(done: Evaluated, total: Total) -> None:
    """Counts of a mean: which questions were right is not known, so their names say so.

    The names hold the arm. Two arms then have no question in common, and no comparison can pair
    what nobody has paired. Within an arm the right ones come first in every seed, which makes an
    interval over questions as wide as the means allow.
    """
    place, right = total.place, total.score * total.questions
    if place in done.counts and place not in done.totals:
        done.claims.append(Claim(place, "pass@1", total.score))
        return
    whole = round(right)
    if not 0 <= whole <= total.questions:
        raise BadInput(f"{place}: the score is {total.score:g}: needs one in [0, 1]")
    if abs(right - whole) > 1e-6 * max(1.0, right):
        said = (
            f"{total.score:.6g} of {total.questions} questions is no whole number: several samples"
            f" per question, or another number of questions; counted as {whole}"
        )
        done.findings.append(Finding("rounded total", str(place), said))
    counts = [
        BroughtCount(place, f"{place.arm}{TOTAL}{i:06d}", 1, int(i < whole), {})
        for i in range(total.questions)
    ]
    if done.counts.get(place, counts) != counts:
        raise BadInput(
            f"{place}: evaluated twice with different scores: leave one of the files out, or tell"
            " them apart by checkpoint or seed"
        )
    if place in done.totals:
        done.findings.append(
            Finding("evaluated twice", str(place), "two files with one score: counted once")
        )
    done.counts[place] = counts
    done.totals.add(place)
