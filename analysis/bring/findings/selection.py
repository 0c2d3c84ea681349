"""Several policies of one run evaluated on one set: which is reported, and what choosing it means.

The highest of many scores flatters: it holds the luck of its evaluation. So a choice among
checkpoints is said wherever it is shown, with the range that it was made from.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from analysis.bring.files.records import TRAINING, BroughtCount, Claim, Finding, Place
from analysis.bring.mapping_file.mapping import OPEN, BringFile, of_arm
from eval.files.errors import BadInput


class EvaluatedPolicy(NamedTuple):
    """One evaluated policy."""

    place: Place
    score: float  # mean share of right answers
    reported: bool


def score_of(counts: Sequence[BroughtCount]) -> float:
    """Mean over questions of the share of right answers; NaN where nothing was sampled."""
    rates = [each.correct / each.n for each in counts if each.n]
    return sum(rates) / len(rates) if rates else float("nan")


def choose_policies(
    counts: Mapping[Place, Sequence[BroughtCount]], mapping: BringFile
) -> list[EvaluatedPolicy]:
    """Every evaluated policy, one of each run and set reported. BadInput where that is open."""
    runs: dict[Place, list[Place]] = defaultdict(list)
    for place in counts:
        runs[place._replace(checkpoint=None)].append(place)
    found = []
    for run, places in runs.items():
        check_questions(run, {at: {row.problem_id for row in counts[at]} for at in places})
        chosen = places[0] if len(places) == 1 else chosen_place(run, places, mapping)
        found += [EvaluatedPolicy(at, score_of(counts[at]), at == chosen) for at in by_step(places)]
    return found


def check_questions(run: Place, questions: Mapping[Place, set[str]]) -> None:
    """BadInput where the policies of a run were not asked the same questions."""
    (first, asked), *others = questions.items()
    for at, own in others:
        if own != asked:
            raise BadInput(
                f"{run}: checkpoints {first.checkpoint} and {at.checkpoint} were asked different"
                f" questions ({len(asked):,}, {len(own):,}, of these {len(asked & own):,} in both),"
                " so their scores are not comparable: give them different benchmarks; for verl's"
                " dumps of training rollouts set tool: verl_rollouts"
            )


def by_step(places: Sequence[Place]) -> list[Place]:
    return sorted(places, key=lambda at: -1 if at.checkpoint is None else at.checkpoint)


def chosen_place(run: Place, places: Sequence[Place], mapping: BringFile) -> Place:
    choice = of_arm(mapping.checkpoint, run.arm)
    steps = [place.checkpoint for place in by_step(places)]
    if choice == OPEN or None in steps:
        shown = ", ".join("unknown" if step is None else str(step) for step in steps)
        raise BadInput(
            f"{run}: policies of several checkpoints were evaluated ({shown}): set checkpoint:"
            " last, a step, or one per arm, and the checkpoint of each file"
        )
    wanted = steps[-1] if choice == "last" else choice
    if wanted not in steps:
        raise BadInput(
            f"{run}: checkpoint {choice} was not evaluated: choose one of"
            f" {', '.join(map(str, steps))}, or last"
        )
    return next(place for place in places if place.checkpoint == wanted)


def selection_findings(evaluations: Sequence[EvaluatedPolicy], mapping: BringFile) -> list[Finding]:
    """A warning per run and set with several policies, and one per set over all arms."""
    runs: dict[Place, list[EvaluatedPolicy]] = defaultdict(list)
    sets: dict[str, list[EvaluatedPolicy]] = defaultdict(list)
    for each in evaluations:
        runs[each.place._replace(checkpoint=None)].append(each)
    findings = []
    for run, own in runs.items():
        if len(own) > 1:
            sets[run.benchmark] += own
            by_rule = of_arm(mapping.checkpoint, run.arm) == "last"
            findings.append(Finding("selection", str(run), said_of(own, by_rule)))
    for benchmark, own in sets.items():
        scores = [each.score for each in own]
        said = (
            f"{len(own)} checkpoints were evaluated on this set, {100 * min(scores):.1f} to"
            f" {100 * max(scores):.1f}: the highest overestimates how good the method is"
        )
        findings.insert(0, Finding("selection", benchmark, said))
    return findings


def published_selection(claims: Iterable[Claim], counted: Container[Place]) -> list[Finding]:
    """The same of runs of which only published means over checkpoints are known."""
    runs: dict[tuple[Place, str], dict[int, float]] = defaultdict(dict)
    for claim in claims:
        step = claim.place.checkpoint
        if step is not None and is_mean(claim) and claim.place not in counted:
            runs[claim.place._replace(checkpoint=None), claim.metric][step] = claim.value
    return [
        Finding(
            "selection",
            str(run),
            f"{metric} is published for {len(scores)} checkpoints,"
            f" {100 * min(scores.values()):.1f} to {100 * max(scores.values()):.1f}: the highest"
            " overestimates the method; there are no answers to count",
        )
        for (run, metric), scores in runs.items()
        if len(scores) > 1
    ]


def is_mean(claim: Claim) -> bool:
    """Whether a figure is a mean share of right answers of an evaluation."""
    is_named = claim.metric == "pass@1" or claim.metric.startswith(("mean@", "avg@"))
    return is_named and "reward" not in claim.metric and claim.place.benchmark != TRAINING


def said_of(own: Sequence[EvaluatedPolicy], by_rule: bool) -> str:
    """The range, and the reported score in it. The last one is not chosen by its score."""
    scores = [each.score for each in own]
    shown = next(each for each in own if each.reported)
    place = 1 + sum(score > shown.score for score in scores)
    highest = (
        "the highest: chosen by its score, it is too optimistic" if place == 1 else f"place {place}"
    )
    if by_rule:
        highest = f"the last one, place {place}"
    return (
        f"{len(own)} checkpoints, {100 * min(scores):.1f} to {100 * max(scores):.1f}; reported:"
        f" {100 * shown.score:.1f} at {shown.place.checkpoint}, {highest}"
    )
