"""The notes under the tables: how to read them, and under which conditions they were measured."""

from pathlib import Path
from typing import Any

from analysis.results.folder import BASE, Results, as_number
from analysis.tables.at_looks import spending_of
from analysis.tables.diagnostics import (
    COLLAPSED,
    DIVERGED,
    EXPLODED,
    LATE_SHARE,
    NEAR_TARGET,
    OFF_TARGET,
    OFTEN_SHARE,
)
from analysis.tables.scores import draws, is_planned, pairing
from eval.files.errors import BadInput
from eval.files.json_text import object_or_none
from eval.scoring.counts import read_counts


def main_notes(results: Results) -> tuple[str, ...]:
    tied = (
        "arms that stopped at different looks are not compared with it"
        if results.looks
        else "†: not distinguishable from it, or not comparable with it (paired by question, Holm"
        " within the column of a benchmark)"
    )
    return (
        f"Points, with 95 % intervals in brackets. Bold: the best arm of the benchmark; {tied}. The"
        " base policy is not ranked.",
        "tokens: mean length of a completion; final entropy: nats per token on the training"
        " prompts, mean over the last tenth of the rollouts; for the base policy, before the first"
        " update.",
        *sampling_notes(results),
        *reconstruction_note(results),
    )


def comparison_notes(results: Results) -> tuple[str, ...]:
    seeds = (
        "runs of one seed number are pairs"
        if pairing(results) == "seed"
        else "the arms' training seeds are two samples, so that their numbers do not matter"
    )
    return (
        f"Difference to {results.reference} in points with 95 % intervals, paired by question;"
        f" {seeds}. p: sign-flip permutation. p and interval are adjusted (Holm) over all rows of"
        " pass@1, and over all rows of pass@k; the CSV has them unadjusted, too. P(better):"
        " probability of improvement. Smallest visible: the difference that this design would"
        " detect four times in five.",
        *looks_note(results),
        *sampling_notes(results),
        *reconstruction_note(results),
    )


def looks_note(results: Results) -> tuple[str, ...]:
    """How a study is read whose arms stop at looks."""
    if not results.looks:
        return ()
    return (
        f"Looks after {', '.join(map(str, results.looks))} seeds per arm, fixed beforehand"
        f" ({spending_of(results)}). A row has the numbers of the look that decided it, else of the"
        " last look that tested it, with that look's seeds of both arms; the main table may use"
        " more seeds. All looks together give a false alarm in at most 5 % of the studies in the"
        " rows of pass@1, and in at most 5 % in those of pass@k. p is multiplied by .05 / level, so"
        " that .05 decides. Intervals hold over all looks. A difference that stopped an arm early"
        " is, on average, larger than the true one.",
    )


def training_notes(results: Results) -> tuple[str, ...]:
    return (
        "Difference to the base policy in points, with 95 % intervals over questions and the arm's"
        " training seeds; the base policy is one given policy. p and interval are adjusted (Holm)"
        " over all rows of pass@1, and over all rows of pass@k. Flips: probability that one answer"
        " of each of two runs to the same question is right in one and wrong in the other, between"
        " two seeds of the arm, and between a run of it and the base policy.",
    )


def precision_notes(results: Results) -> tuple[str, ...]:
    return (
        f"pass@1 against {results.reference}, in points. ±: half the 95 % interval of the"
        " difference as its only comparison, and what it would be with one more seed per arm, 100"
        " more questions, or twice the samples. Shares of its variance: seeds, what moves whole"
        " training runs; questions, what the methods do to single questions; interaction, what a"
        " run does to single questions (with one sample per question: counted as sampling). Seeds"
        " to see 5 points: the seeds per arm with which four of five studies would call a true"
        " difference of 5 points; – if no number of seeds suffices on these questions. Enough"
        " samples: the samples per question at which sampling adds as much variance as all the"
        " rest."
        + " Where arms stop at looks, a row uses the seeds of its look."
        * bool(results.looks),
    )


def budget_notes(results: Results) -> tuple[str, ...]:
    return (
        "Per run, with the range over seeds in brackets. Equal: as many rollouts and optimizer"
        f" updates as {results.reference}. Tokens follow from the length of the answers, so they"
        " may differ under an equal budget.",
    )


def diagnostics_notes(results: Results) -> tuple[str, ...]:
    return (
        "Entropy in nats per token. Tracking error: mean |H − H*| / H* over the last"
        f" {LATE_SHARE:.0%} of the rollouts; near target: share of rollouts within"
        f" {NEAR_TARGET:.0%}; overshoot: largest excursion after the target was first reached.",
        f"Flags: collapsed, final entropy below {COLLAPSED:g} × initial (unless a lower target is"
        f" held); exploded, above {EXPLODED:g} × or so recorded by its run, from the rollout in"
        " the column on; stopped early, because it exploded; all wrong or all right, every group in"
        f" more than {OFTEN_SHARE:.0%} of the rollouts; diverged, final accuracy below"
        f" {DIVERGED:g} ×"
        f" initial; off target, tracking error above {OFF_TARGET:.0%}; inert, the method never"
        " moved the policy; wound up, alpha at its maximum or growing without effect; unequal"
        " budget; missing.",
        *extreme_base_notes(results),
        *reconstruction_note(results),
    )


def extreme_base_notes(results: Results) -> list[str]:
    """A note on each set that the base policy answers all wrong or all right: nothing can be learnt
    there, or nothing gained.
    """
    said = []
    for name in ("train", *results.benchmarks):
        for path in results.evaluation(BASE, name, "counts.csv").values():
            n, correct = answer_totals(path)
            if n and correct in (0, n):
                said.append(
                    f"The base policy's {n:,} answers on {name} are all"
                    f" {'right' if correct else 'wrong'}."
                )
    return said


def answer_totals(path: Path) -> tuple[int, int]:
    """(completions, correct completions) of a counts file; (0, 0) if it cannot be read, which the
    remarks of the main table say.
    """
    try:
        rows = read_counts(path)
    except BadInput:
        return 0, 0
    return sum(row.n for row in rows), sum(row.correct for row in rows)


def sampling_notes(results: Results) -> tuple[str, ...]:
    evaluation = results.spec.get("evaluation", {})
    samples = {
        name: (asked or {}).get("samples", "?")
        for name, asked in evaluation.get("benchmarks", {}).items()
    }
    listed = ", ".join(
        f"{name} n = {n}{' on average, planned' * is_planned(results, name)}"
        for name, n in samples.items()
    )
    shared = evaluation | {"template": results.spec.get("task", {}).get("template")}
    names = {
        "T": "temperature",
        "top-p": "top_p",
        "max tokens": "max_tokens",
        "template": "template",
    }
    conditions = ", ".join(
        f"{name} = {shared[key]}" for name, key in names.items() if shared.get(key) is not None
    )
    verifiers = sorted(
        {
            f"math-verify {v['math-verify']}"
            for v in recorded_versions(results)
            if "math-verify" in v
        }
    )
    seeds = ", ".join(map(str, results.seeds))
    if results.looks:
        each = (f"{arm} {len(results.seeds_of(arm))}" for arm in results.arms)
        seeds = f"from {seeds}, as many as the looks asked for ({', '.join(each)})"
    return (
        f"Samples per question: {listed}; {conditions or 'sampling not known'};"
        f" training seeds {seeds};"
        f" {', '.join(verifiers) or 'verifier version not recorded'}; {draws(results):,} bootstrap"
        " draws.",
        overlap_note(results),
    )


def recorded_versions(results: Results) -> list[dict[str, Any]]:
    return [
        run.info["versions"] for run in results.runs if isinstance(run.info.get("versions"), dict)
    ]


def overlap_note(results: Results) -> str:
    path = results.folder / "problems" / "contamination.json"
    report = object_or_none(path)
    if not report:
        return "Overlap of the training set with the benchmarks: not examined."
    hits = [
        f"{name}: {as_number(counts.get('exact')):.0f} exact, {as_number(counts.get('near')):.0f}"
        " near or exact"
        for name, counts in (report.get("benchmarks") or {}).items()
        if name in results.benchmarks
    ]
    done = {"drop": "dropped from training", "flag": "kept in training"}.get(
        str(report.get("action")), "counted"
    )
    cleaned = {name: as_number(report.get(name)) for name in ("conflicting", "repeated")}
    gone = [f"{count:.0f} {name} rows" for name, count in cleaned.items() if count > 0]
    removed = f" Left out of the training set as well: {', '.join(gone)}." if gone else ""
    listed = "; ".join(hits) or "none listed"
    return f"Problems that overlap with the training set, {done}: {listed}.{removed}"


def reconstruction_note(results: Results) -> tuple[str, ...]:
    rebuilt = [arm for arm in results.arms if results.is_reconstruction(arm)]
    if not rebuilt:
        return ()
    return (
        f"{', '.join(rebuilt)}: a reconstruction from the method's description, without its"
        " authors' code.",
    )


def missing_notes(results: Results) -> list[str]:
    """What is missing in the folder, one note per kind."""
    kinds: dict[str, list[str]] = {}
    for gap in results.missing:
        kinds.setdefault(gap.what, []).append(gap.where)
    return [f"Missing: {what} ({'; '.join(places)})." for what, places in kinds.items()]
