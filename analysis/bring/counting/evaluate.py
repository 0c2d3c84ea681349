"""Samples, counts and totals -> counts per question.

Of samples with two gradings the mapping says which one is counted; both are kept, with every sample
on which they differ.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from analysis.bring.counting.grading import Graded, grade, merged, unread_answers
from analysis.bring.files.records import BroughtCount, Claim, Finding, Found, Place, Total
from analysis.bring.mapping_file.mapping import BringFile
from analysis.results.counts import TOTAL
from eval.files.errors import BadInput

MOST_TOTAL = 100_000  # questions of a score without counts, each of which becomes a row


@dataclass
class Evaluated:
    """Counts of every evaluation, and what else is known of it."""

    counts: dict[Place, list[BroughtCount]] = field(default_factory=dict)  # as the mapping counts
    recounts: dict[Place, list[BroughtCount]] = field(default_factory=dict)  # by the verifier
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
            raise BadInput(f"{place}: has both counts and samples: leave one of the files out")
        done.counts[place] = counted(group, mapping.count)
        done.differing += [each for each in group if each.differs]
        done.findings += unread_answers(place, group)
        if all(each.recomputed is not None for each in group):
            done.recounts[place] = counted(group, "recomputed")
            done.claims += sample_claims(place, group)
    for total in found.totals:
        add_total(done, total)
    return done


def once(counts: Sequence[BroughtCount], place: Place) -> list[BroughtCount]:
    """One row per question. BadInput names a question with two, and an n that is none."""
    times = Counter(count.problem_id for count in counts)
    if len(times) < len(counts):
        name = times.most_common(1)[0][0]
        raise BadInput(
            f"{place}: duplicate question {name}: set which runs these are"
            " (arm, seed, benchmark, checkpoint) or leave a file out"
        )
    questions = len(counts)
    if questions > 4 and all(each.n == questions and each.correct <= 1 for each in counts):
        raise BadInput(
            f"{place}: every question has n = {questions}, the number of questions, and at most"
            " one right answer: set n to the number of samples of each question"
        )
    return list(counts)


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
    if total.questions > MOST_TOTAL:
        raise BadInput(
            f"{place}: a score over {total.questions:,} questions: {MOST_TOTAL:,} are the most:"
            " correct the number"
        )
    if place in done.counts and place not in done.totals:
        done.claims.append(Claim(place, "pass@1", total.score))
        return
    whole = round(right)
    if not 0 <= whole <= total.questions:
        raise BadInput(f"{place}: the score is {total.score:g}, not in [0, 1]: correct it")
    if abs(right - whole) > 1e-6 * max(1.0, right):
        said = (
            f"{total.score:.6g} of {total.questions} questions is not a whole number, so there are"
            f" several samples per question or another number of questions; counted as {whole}"
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
