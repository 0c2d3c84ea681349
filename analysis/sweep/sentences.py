"""The sentences of a sweep's report: a verdict per search, and warnings."""

from collections.abc import Iterator

from analysis.sweep.searches import COMPLETE, FAILED, PRUNED, Search, Setting, SweepResults, Trial
from analysis.sweep.summary import SearchSummary, common_budget
from analysis.tables.cells import points

DRAWN_FROM = {
    "grid": "grid trials",
    "random": "random trials",
    "all": "trials, which a sampler placed",
}


def search_verdict(
    study: SweepResults, found: SearchSummary, summaries: tuple[SearchSummary, ...]
) -> list[str]:
    """The sentences about one search."""
    if not found.best:
        return [f"No trial ended with a score; {found.search.count(FAILED)} failed."]
    return [
        f"Best at {settings_in_words(found.search, found.best)}:"
        f" {points(found.best.score)}{interval_in_brackets(found, found.best)} points of"
        f" {study.measure} on {study.benchmark}.",
        tied_sentence(study, found),
        *([held_out_sentence(found)] if len(study.seeds) > 1 else []),
        *([tuning_gain_sentence(study, found, common_budget(summaries))] if found.budget else []),
    ]


def tied_sentence(study: SweepResults, found: SearchSummary) -> str:
    """How many trials are not distinguishable from the best."""
    if found.noise.dof == 0:
        return (
            "How far its trials differ beyond the noise of training is unknown: no trial has two"
            " seeds."
        )
    trials = len(found.search.complete)
    if trials == 1:
        return "It is the only trial with a score."
    if len(found.tied) == 1:
        return f"All {trials - 1} other trials are distinguishably worse."
    return (
        f"{len(found.tied)} of {trials} trials are not distinguishable from the best, itself among"
        f" them: {tied_ranges(found)}."
    )


def held_out_sentence(found: SearchSummary) -> str:
    return (
        f"As a maximum over {len(found.search.complete)} trials that score is too optimistic."
        " Chosen by the other seeds, the best trial scores"
        f" {points(found.held_out)} on the seed left out."
    )


def tuning_gain_sentence(study: SweepResults, found: SearchSummary, k: int) -> str:
    """What tuning gains over a setting picked blind."""
    gain = found.at(k) - found.at(1)
    seen = "" if len(study.seeds) > 1 else ", scored on the seed that chose it, which is optimistic"
    return (
        f"A setting picked blind from its {len(found.drawn)} {DRAWN_FROM[found.source]} scores"
        f" {points(found.at(1))}, the best of {k} scores {points(found.at(k))}{seen}: picking blind"
        f" costs {points(gain)} points."
    )


def settings_in_words(search: Search, trial: Trial) -> str:
    return ", ".join(
        f"{each.path} = {shown_value(trial.settings[each.path])}" for each in search.settings
    )


def shown_value(value: float | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value) or "–"


def interval_in_brackets(found: SearchSummary, trial: Trial) -> str:
    low, high = found.ends(trial)
    return f" [{points(low)}, {points(high)}]" if low == low else ""


def tied_ranges(found: SearchSummary) -> str:
    """For every setting, the range of the trials that are not distinguishable from the best."""
    spans = "; ".join(setting_span(each, found.tied) for each in found.search.settings)
    gaps = worse_between(found) if len(found.search.settings) == 1 else 0
    return f"{spans}, with {gaps} worse between them" if gaps else spans


def worse_between(found: SearchSummary) -> int:
    """Number of distinguishably worse trials inside the range of the others, for a search of one
    numeric setting.
    """
    (setting,) = found.search.settings
    tied = [setting.position(trial.settings[setting.path]) for trial in found.tied]
    rest = [
        trial.settings[setting.path] for trial in found.search.complete if trial not in found.tied
    ]
    return (
        0
        if setting.choices
        else sum(min(tied) < setting.position(value) < max(tied) for value in rest)
    )


def setting_span(setting: Setting, trials: tuple[Trial, ...]) -> str:
    values = [trial.settings[setting.path] for trial in trials]
    if setting.choices:
        return f"{setting.path} {', '.join(name for name in setting.choices if name in values)}"
    ordered = sorted(value for value in values if isinstance(value, float))
    width = setting.share(ordered[-1]) - setting.share(ordered[0])
    share = f"{100 * width:.0f} % of its range" + " on its logarithmic scale" * setting.log
    return f"{setting.path} {shown_value(ordered[0])} to {shown_value(ordered[-1])}, {share}"


def tuning_budget_sentence(study: SweepResults) -> str:
    """Whether all searches had the same tuning budget."""
    if len(set(tuning_spent(study).values())) == 1:
        trials, runs = next(iter(tuning_spent(study).values()))
        return f"Tuning budget equal: {trials} trials each, {runs} trainings each."
    said = ", ".join(
        f"{name} {trials} trials and {runs} trainings"
        for name, (trials, runs) in tuning_spent(study).items()
    )
    return f"Tuning budget not equal: {said}."


def tuning_spent(study: SweepResults) -> dict[str, tuple[int, int]]:
    """{search: (trials that completed or were pruned, trainings that ended with a score)}."""
    return {
        search.name: (search.count(COMPLETE) + search.count(PRUNED), trainings(search))
        for search in study.searches
    }


def trainings(search: Search) -> int:
    """Number of trainings of a search that ended with a score."""
    return sum(len(trial.seeds) for trial in search.trials)


def study_warnings(study: SweepResults, summaries: tuple[SearchSummary, ...]) -> list[str]:
    """What a reader should know before trusting the verdicts."""
    said = [] if len(set(tuning_spent(study).values())) == 1 else [tuning_budget_sentence(study)]
    if len(study.seeds) == 1:
        said.append(
            "One seed per trial: differences between trials may be the seed's. No interval can be"
            " given."
        )
    return said + [
        f"{found.search.name}: {text}"
        for found in summaries
        for text in search_warnings(study, found)
    ]


def search_warnings(study: SweepResults, found: SearchSummary) -> Iterator[str]:
    search, asked = found.search, study.spec.get("trials")
    tried = search.count(COMPLETE) + search.count(PRUNED)
    if isinstance(asked, int) and tried < asked:
        yield f"{tried} trials of the {asked} that the study asks for."
    if search.count(FAILED):
        retried = sum(bool(trial.words["retry_of"]) for trial in search.trials)
        yield f"{search.count(FAILED)} failed; {retried} of its trials repeat a failed one."
    if search.count(PRUNED):
        yield (
            f"{search.count(PRUNED)} pruned: left out of the budget curve, which makes the"
            " search look a little too good."
        )
    if found.best and search.chosen and search.chosen.score < found.best.score:
        yield (
            f"the trial marked as chosen is number {search.chosen.number}, the best is number"
            f" {found.best.number}."
        )
    for each in found.edges():
        yield f"the best {each.path} is at an end of its range; the best may lie beyond."
    if found.source == "all" and found.drawn:
        yield (
            "it has neither grid nor random trials: its budget curve is drawn from trials that a"
            " sampler placed."
        )
    left_out = sum(len(trial.seeds) < len(study.seeds) for trial in search.complete)
    if left_out:
        yield (
            f"{left_out} complete trials lack a score on some seed and are left out of the budget"
            " curve."
        )
