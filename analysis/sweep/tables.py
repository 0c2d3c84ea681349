"""The tables of a sweep: `sweep` with a row per trial, and `regret` with a row per search.

Bold marks the highest score of a search, † a trial that is not distinguishable from it. Formulas:
analysis/sweep/trial_statistics.py.
"""

from math import nan

import pandas as pd

from analysis.sweep.searches import SweepResults, Trial
from analysis.sweep.sentences import settings_in_words, shown_value, tied_ranges
from analysis.sweep.summary import SearchSummary, common_budget
from analysis.tables.cells import DAGGER, Column, Table, decimals, points, text_or_dash

LONGEST_REMARK = 60  # characters of a remark that the page shows; the CSV has all
FEW = 3  # trials of a small tuning budget, for the table

INTERVAL_NOTE = (
    "Scores in points with 95 % intervals. They cover the noise of training, taken to be the same"
    " at every setting of a search; not the choice of validation questions, which are the same for"
    " all trials and a sample too, so that a score on other questions may lie further off. Trials"
    " of different searches are not compared."
)


def trials_table(study: SweepResults, summaries: tuple[SearchSummary, ...]) -> Table:
    """One row per trial of every search."""
    paths = list(dict.fromkeys(each.path for found in summaries for each in found.search.settings))
    named = {each.path for found in summaries for each in found.search.settings if each.choices}
    frame = pd.DataFrame(
        [
            trial_row(study, found, trial, paths)
            for found in summaries
            for trial in found.search.trials
        ]
    )
    columns = (
        word("search", "search"),
        Column("trial", "trial", decimals(0)),
        *(Column(path, path, setting_cell, numeric=path not in named) for path in paths),
        Column(
            study.measure, "score", points, "score_low", "score_high", "score_best", "score_tied"
        ),
        word("by seed", "by_seed"),
        Column("final entropy", "final_entropy", decimals(3)),
        Column("% of initial", "entropy_share", points),
        Column("tokens", "length", decimals(1)),
        word("origin", "origin"),
        word("state", "state"),
        Column("remarks", "remarks", short_remark, numeric=False),
    )
    notes = (
        INTERVAL_NOTE,
        f"Bold: the best of a search; {DAGGER}: not distinguishable from it at the 5 % level,"
        " without correction for the number of trials.",
        "final entropy: nats per token on the training prompts, mean over the last tenth of the"
        " rollouts and over seeds; tokens: mean length of an answer to the validation questions.",
    )
    return Table("sweep", f"Every trial on {study.benchmark}", frame, columns, notes, "search")


def trial_row(
    study: SweepResults, found: SearchSummary, trial: Trial, paths: list[str]
) -> dict[str, object]:
    low, high = found.ends(trial)
    best = (
        found.best is not None
        and trial in found.search.complete
        and trial.score == found.best.score
    )
    return {
        "search": found.search.name,
        "trial": trial.number,
        **{path: trial.settings.get(path, nan) for path in paths},
        "score": trial.score,
        "score_low": low,
        "score_high": high,
        "score_best": best,
        "score_tied": trial in found.tied and not best and found.noise.dof > 0,
        **{
            f"score_seed_{seed}": score
            for seed, score in zip(study.seeds, trial.scores, strict=True)
        },
        "by_seed": " / ".join(map(points, trial.scores)),
        "final_entropy": trial.final_entropy,
        "entropy_share": trial.entropy_share,
        "length": trial.numbers["length"],
        "origin": trial.origin,
        "state": trial.state,
        "remarks": trial_remarks(trial),
    }


def trial_remarks(trial: Trial) -> str:
    retry = f"retry of {trial.words['retry_of']}" if trial.words["retry_of"] else ""
    return "; ".join(
        filter(None, ("chosen" if trial.chosen else "", retry, trial.words["remarks"]))
    )


def regret_table(study: SweepResults, summaries: tuple[SearchSummary, ...]) -> Table:
    """One row per search: its best trial, and its score and regret by tuning budget."""
    k = common_budget(summaries)
    frame = pd.DataFrame([regret_row(found, k) for found in summaries])
    columns = (
        word("search", "search"),
        word("best at", "best_at"),
        Column("as chosen", "chosen", points),
        Column("on seeds left out", "held_out", points),
        Column("trials drawn from", "drawn", decimals(0)),
        Column("k = 1", "at_1", points),
        Column(f"k = {FEW}", "at_few", points),
        Column(f"k = {k}", "at_common", points),
        Column("regret, k = 1", "regret_1", points),
        Column(f"regret, k = {FEW}", "regret_few", points),
        Column("alike", "tied", decimals(0)),
        word("not distinguishable from the best", "ranges"),
    )
    notes = (
        f"k = …: {study.measure} in points that the best of k random trials reaches, expected over"
        " all draws without replacement from the grid of the search (from random trials where it"
        " has no grid). "
        + how_scored(study)
        + f" Regret: what is lost against {k} trials, the number that every search has.",
        "As chosen: the highest mean over seeds, a maximum, so it is too optimistic. On seeds left"
        " out: the same choice made without a seed and scored on it, mean over seeds.",
        "alike: number of trials that are not distinguishable from the best, itself among them;"
        " then the settings that they span.",
    )
    return Table("regret", "What a tuning budget buys", frame, columns, notes)


def how_scored(study: SweepResults) -> str:
    """A sentence on how a chosen trial is scored."""
    if len(study.seeds) == 1:
        return "With one seed a trial is chosen and scored by the same score, which is optimistic."
    return (
        "A trial is chosen by the mean of its other seeds and scored on the seed left out, mean"
        " over seeds."
    )


def regret_row(found: SearchSummary, k: int) -> dict[str, object]:
    best = found.best
    return {
        "search": found.search.name,
        "best_at": settings_in_words(found.search, best) if best else "",
        "chosen": best.score if best else nan,
        "held_out": found.held_out,
        "drawn": len(found.drawn),
        "at_1": found.at(1),
        "at_few": found.at(FEW) if k >= FEW else nan,
        "at_common": found.at(k),
        "regret_1": found.at(k) - found.at(1),
        "regret_few": found.at(k) - found.at(FEW) if k >= FEW else nan,
        "tied": len(found.tied) if found.noise.dof else nan,
        "ranges": tied_ranges(found) if found.tied and found.noise.dof else "",
    }


def word(title: str, name: str) -> Column:
    return Column(title, name, text_or_dash, numeric=False)


def setting_cell(found: object) -> str:
    """The value of a setting; a dash if the search does not vary it."""
    return shown_value(found) if isinstance(found, float | str) and found == found else "–"


def short_remark(remark: object) -> str:
    whole = text_or_dash(remark)
    return whole if len(whole) <= LONGEST_REMARK else whole[: LONGEST_REMARK - 1] + "…"
