"""The report of a sweep: numbers in its tables, sentences and warnings, faults in its files, and
what is hostile.
"""

import csv
import json
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.figures import style
from analysis.figures.plotting import NothingToPlot, plt
from analysis.sweep.__main__ import main as report_on
from analysis.sweep.command import write_sweep_report
from analysis.sweep.figures import SWEEP_CAPTIONS, SWEEP_FIGURES
from analysis.sweep.response_figure import plot_response
from analysis.sweep.score_map import is_mapped
from analysis.sweep.searches import Setting
from analysis.sweep.sentences import (
    search_verdict,
    settings_in_words,
    study_warnings,
    tuning_budget_sentence,
)
from analysis.sweep.study_files import read_sweep
from analysis.sweep.summary import summarise_searches
from analysis.sweep.tables import regret_table, trials_table
from eval.files.errors import BadInput
from eval.files.marks import CHECKSUMS
from experiments.workflow.repair import undo_damaged
from tests.support import browser
from tests.sweep import synthetic_sweep
from tests.sweep.synthetic_sweep import row, study, write

FORMS = ("pdf", "png", "csv", "json", "rst")
TAU = "method.tau"
HOSTILE = (
    '"><script>document.title = "hacked"</script> =cmd|1 \\input{x} {{ 7 * 7 }} | `a` $x$ %\n# next'
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default synthetic sweep with everything that the command writes."""
    folder = synthetic_sweep.make(tmp_path_factory.mktemp("sweep") / "target_ratio")
    report_on([str(folder)])
    return folder


def small(
    folder: Path, scores: list[list[float]], seeds: tuple[int, ...] = (101, 102), **more: Any
) -> Path:
    """A study of one search over τ with these scores at τ = .1, .2, …"""
    rows = [
        row("aer", i, {TAU: 0.1 * (i + 1)}, each, seeds, **more) for i, each in enumerate(scores)
    ]
    return write(folder, study(seeds, aer=(TAU,)), rows, {"aer": {TAU: 1.0}})


def told(folder: Path) -> tuple[str, str]:
    """All verdicts and all warnings of a study."""
    found = read_sweep(folder)
    summaries = summarise_searches(found)
    said = [sentence for each in summaries for sentence in search_verdict(found, each, summaries)]
    return " ".join(said), " ".join(study_warnings(found, summaries))


# numbers


def test_the_trials_table_by_hand(tmp_path: Path) -> None:
    """sd .1 (ν = 3): a mean of two is known to 3.182 × .1 / √2 = .225, a difference to .318."""
    half = 0.1 / np.sqrt(2)
    found = read_sweep(small(tmp_path, [[m - half, m + half] for m in (0.8, 0.5, 0.4)]))
    frame = trials_table(found, summarise_searches(found)).frame
    assert frame["score_low"].tolist() == pytest.approx([0.575, 0.275, 0.175], abs=1e-4)
    assert frame["score_high"].tolist() == pytest.approx(
        [1.0, 0.725, 0.625], abs=1e-4
    )  # within [0, 1]
    assert frame["score_best"].tolist() == [True, False, False]
    assert frame["score_tied"].tolist() == [False, True, False]
    assert frame["entropy_share"].tolist() == pytest.approx([0.1 / 0.307] * 3)


def test_the_regret_table_by_hand(tmp_path: Path) -> None:
    """Both seeds agree, so leaving one out changes no choice: k = 1 is the mean, k = 3 the best of
    three.
    """
    found = read_sweep(small(tmp_path, [[0.6, 0.6], [0.3, 0.3], [0.3, 0.3]]))
    line = regret_table(found, summarise_searches(found)).frame.iloc[0]
    assert line[["at_1", "at_few", "at_common"]].tolist() == pytest.approx([0.4, 0.6, 0.6])
    assert line[["regret_1", "regret_few", "held_out", "chosen"]].tolist() == pytest.approx(
        [0.2, 0.0, 0.6, 0.6]
    )
    assert (line["drawn"], line["tied"]) == (3, 1)
    assert line["ranges"] == "method.tau 0.1 to 0.1, 0 % of its range"


def test_the_budget_is_drawn_from_the_grid_not_from_what_a_sampler_placed(tmp_path: Path) -> None:
    rows = [row("aer", i, {TAU: 0.1 * (i + 1)}, [0.2, 0.2]) for i in range(2)]
    rows += [
        row("aer", 2, {TAU: 0.5}, [0.9, 0.9], origin="tpe"),
        row("aer", 3, {TAU: 0.6}, [0.8, 0.8], origin="random"),
    ]
    folder = write(tmp_path, study(aer=(TAU,)), rows)
    (found,) = summarise_searches(read_sweep(folder))
    assert (found.source, found.at(1), found.held_out) == (
        "grid",
        pytest.approx(0.2),
        pytest.approx(0.9),
    )
    write(folder, study(aer=(TAU,)), rows[2:])
    assert [each.source for each in summarise_searches(read_sweep(folder))] == ["random"]
    write(folder, study(aer=(TAU,)), rows[2:3])
    assert [each.source for each in summarise_searches(read_sweep(folder))] == ["all"]
    assert "trials that a sampler placed" in told(folder)[1]


def test_positions_and_shares_of_settings() -> None:
    log, named = (
        Setting("c", 0.001, 10, log=True),
        Setting("w", choices=("hinge", "step", "linear")),
    )
    assert log.share(0.1) == pytest.approx(0.5)
    assert [named.position("step"), named.share("linear")] == [1, 1]
    assert np.isnan([named.position(""), log.position(0.0)]).all()


# sentences


def test_verdicts_say_what_was_found(tmp_path: Path) -> None:
    half = 0.01 / np.sqrt(2)
    folder = small(tmp_path, [[m - half, m + half] for m in (0.4, 0.59, 0.6, 0.5, 0.3)])
    said, warned = told(folder)
    assert (
        "Best at method.tau = 0.3: 60.0 [58.2, 61.8] points of avg@16 on arithmetic_validation."
        in said
    )
    assert (
        "2 of 5 trials are not distinguishable from the best, itself among them: method.tau 0.2 to"
        " 0.3, 11 %" in said
    )
    assert "A setting picked blind from its 5 grid trials scores 47.8" in said
    assert "5 trials of the 11 that the study asks for" in warned
    assert (
        tuning_budget_sentence(read_sweep(folder))
        == "Tuning budget equal: 5 trials each, 10 trainings each."
    )


def test_warnings_of_the_default_sweep(made: Path) -> None:
    _, warned = told(made)
    assert (
        "Tuning budget not equal: aer 11 trials and 21 trainings, fixed 11 trials and 22 trainings."
        in warned
    )
    assert "aer: 1 pruned" in warned
    assert "fixed: 1 failed; 1 of its trials repeat a failed one." in warned


def test_a_best_value_at_the_end_of_its_range_is_pointed_out(tmp_path: Path) -> None:
    folder = small(tmp_path, [[0.9, 0.9], [0.5, 0.5]])
    assert "the best method.tau is at an end of its range" in told(folder)[1]
    assert "at an end" not in told(small(tmp_path, [[0.5, 0.5], [0.9, 0.9], [0.5, 0.5]]))[1]


def test_worse_trials_within_the_range_are_counted(tmp_path: Path) -> None:
    folder = small(tmp_path, [[0.9, 0.9], [0.5, 0.5], [0.9, 0.9]])
    assert "method.tau 0.1 to 0.3, 22 % of its range, with 1 worse between them" in told(folder)[0]


def test_one_seed_is_said_to_be_optimistic(tmp_path: Path) -> None:
    said, warned = told(small(tmp_path, [[0.4], [0.6]], seeds=(1,)))
    assert "which is optimistic" in said
    assert "unknown: no trial has two seeds" in said
    assert "too optimistic" not in said  # nothing is left out to score it on
    assert "One seed per trial" in warned
    found = read_sweep(tmp_path)
    frame: Any = trials_table(found, summarise_searches(found)).frame
    assert frame["score_low"].isna().all()
    assert not frame["score_tied"].any()


# files


def test_every_file_is_written(made: Path) -> None:
    tables = {
        f"{name}.{form}" for name in ("sweep", "regret") for form in ("csv", "md", "tex", "html")
    }
    assert {path.name for path in (made / "tables").iterdir()} == tables
    assert set(SWEEP_FIGURES) == set(SWEEP_CAPTIONS)
    assert {path.name for path in (made / "figures").iterdir()} == {
        f"{n}.{form}" for n in SWEEP_FIGURES for form in FORMS
    }
    record = json.loads((made / "figures" / "budget.json").read_text())
    assert set(record["inputs"]) == {"study.yaml", "trials.csv", "importance.csv"}
    assert record["missing"] == ""


def test_a_damaged_file_of_a_sweep_takes_its_mark_away(made: Path, tmp_path: Path) -> None:
    """So that Snakemake, which waits for the mark, makes it again."""
    folder = shutil.copytree(made, tmp_path / "sweep" / "target_ratio")
    mark = folder / f"report.{CHECKSUMS}"
    assert list(undo_damaged(tmp_path)) == []
    (folder / "figures" / "budget.csv").write_text("cut short")
    assert len(list(undo_damaged(tmp_path))) == 1
    assert not mark.exists()


def test_figures_hold_the_numbers_of_the_files(made: Path) -> None:
    shown: Any = pd.read_csv(made / "figures" / "response.csv")
    rows = list(csv.DictReader((made / "trials.csv").open()))
    assert shown["score"].dropna().tolist() == pytest.approx(
        [float(line["score"]) for line in rows if line["score"]]
    )
    assert shown.query("chosen")["value"].tolist() == [0.4, 0.0003]
    curve: Any = pd.read_csv(made / "figures" / "budget.csv")
    assert curve.groupby("search")["k"].max().to_dict() == {"aer": 8, "fixed": 8}
    lines: Any = pd.read_csv(made / "figures" / "parallel.csv")
    assert len(lines) == 21  # all but the pruned and the failed trial


def test_another_process_writes_the_same_bytes(made: Path) -> None:
    paths = sorted(path for path in made.rglob("*") if path.is_file())
    before = {path: path.read_bytes() for path in paths}
    code = "import sys\nfrom analysis.sweep.__main__ import main\nmain(sys.argv[1:])\n"
    code += "heavy = {'torch', 'optuna', 'experiments', 'methods'} & set(sys.modules)\nassert not heavy, heavy"
    subprocess.run(
        [sys.executable, "-c", code, str(made)], check=True, cwd=Path(__file__).parents[2]
    )
    assert [path.name for path in paths if path.read_bytes() != before[path]] == []


class Tags(HTMLParser):
    """Counts scripts and images, and keeps what refers to elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts, self.images, self.sources = 0, 0, list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.images += tag == "img"
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_needs_nothing_from_outside(made: Path) -> None:
    text = (made / "report.html").read_text()
    page = Tags(text)
    assert (page.scripts, page.images) == (1, 4)
    assert all(source.startswith(("data:", "#")) for source in page.sources)
    assert "Content-Security-Policy" in text
    assert "How much do the methods depend on their settings?" in text


@pytest.mark.skipif(browser.executable() is None, reason="no Chromium on this machine")
def test_a_browser_shows_it_without_complaint(made: Path, tmp_path: Path) -> None:
    with browser.page(tmp_path) as page:
        for width, phone in ((1280, False), (390, True)):
            page.resize(width, 900, phone)
            page.open(made / "report.html")
            assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.complaints() == []


# studies out of the ordinary


@pytest.mark.parametrize(
    ("scores", "more"),
    [
        ([], {}),
        ([[], []], {"state": "failed", "final_entropy": ""}),
        ([[0.5, 0.6]], {}),
        ([[0.5], [0.6]], {"state": "pruned"}),
        ([[0.5, 0.5]] * 4, {"length": "", "initial_entropy": 0}),
        ([[0.5, "nan"], [0.4, 0.6]], {"final_entropy": "inf"}),
        ([["", ""], ["nan", "inf"]], {"initial_entropy": "nan"}),
    ],
    ids=[
        "no trial",
        "all failed",
        "one trial",
        "all pruned",
        "all equal",
        "cells that are no number",
        "no score",
    ],
)
def test_a_report_is_made_of_whatever_there_is(
    tmp_path: Path, scores: list[list[Any]], more: dict[str, Any]
) -> None:
    folder = small(tmp_path, scores, **more)
    report_on([str(folder)])
    assert "Verdicts" in (folder / "report.html").read_text()
    if not any(isinstance(score, float) for each in scores for score in each) or more.get("state"):
        assert "No trial ended with a score" in (folder / "report.html").read_text()


def test_several_settings_categories_and_a_map(tmp_path: Path) -> None:
    spec = study(two=(TAU, "method.rho"), named=(TAU, "method.weight"))
    rows = [
        row("two", i, {TAU: tau, "method.rho": rho}, [0.5 + 0.1 * i, 0.5])
        for i, (tau, rho) in enumerate([(0.1, 0.5), (0.9, 0.5), (0.5, 0.9)])
    ]
    rows += [
        row("named", i, {TAU: 0.3, "method.weight": name}, [0.5, 0.4])
        for i, name in enumerate(("hinge", "step"))
    ]
    found = read_sweep(write(tmp_path, spec, rows, {"two": {TAU: 0.8, "method.rho": 0.2}}))
    two, named = summarise_searches(found)
    assert (is_mapped(two), is_mapped(named)) == (True, False)
    style.use_style()
    drawn = plot_response(found)
    assert (
        len([axes for axes in drawn.figure.axes if axes.get_xlabel()]) == 5
    )  # a panel per setting, and the map
    assert len(SWEEP_FIGURES["importance"](found).numbers) == 2
    assert len(SWEEP_FIGURES["parallel"](found).figure.axes) == 3  # two searches and the colours
    plt.close("all")
    assert (
        settings_in_words(named.search, named.search.trials[1])
        == "method.tau = 0.3, method.weight = step"
    )
    rows = [
        each | {"method.rho": 0.5} for each in rows if each["search"] == "two"
    ]  # on one line: no area to fill
    assert not is_mapped(summarise_searches(read_sweep(write(tmp_path, spec, rows)))[0])


def test_what_cannot_be_drawn_says_so(tmp_path: Path) -> None:
    found = read_sweep(write(tmp_path, study(aer=(TAU,)), []))
    for draw in SWEEP_FIGURES.values():
        with pytest.raises(NothingToPlot):
            draw(found)


def test_importance_may_be_missing(made: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made, tmp_path / "study"))
    (folder / "importance.csv").unlink()
    report_on([str(folder)])
    assert "importance.csv is missing" in (folder / "report.html").read_text()
    assert json.loads((folder / "figures" / "importance.json").read_text())["missing"]


def test_hostile_text_is_only_text(tmp_path: Path) -> None:
    spec = study(aer=(TAU,))
    spec |= {"name": HOSTILE, "question": HOSTILE, "experiment": HOSTILE}
    spec["searches"] = {HOSTILE: spec["searches"]["aer"] | {"arm": HOSTILE}}
    rows = [
        row(HOSTILE, i, {TAU: 0.1 * (i + 1)}, [0.5, 0.5], remarks=HOSTILE, origin=HOSTILE)
        for i in range(2)
    ]
    folder = write(tmp_path, spec, rows)
    report_on([str(folder)])
    assert Tags((folder / "report.html").read_text()).scripts == 1
    assert "<script" not in (folder / "tables" / "sweep.html").read_text()
    assert "<script" not in (folder / "tables" / "sweep.md").read_text()
    assert "\\input{" not in (folder / "tables" / "sweep.tex").read_text()
    write(
        folder,
        study(aer=(TAU,)),
        [row("aer", 0, {TAU: 0.5}, [0.5, 0.5], remarks="'=cmd", origin="=1+1")],
    )
    report_on([str(folder)])
    cells = next(csv.DictReader((folder / "tables" / "sweep.csv").open()))
    assert (cells["origin"], cells["remarks"]) == ("'=1+1", "chosen; =cmd")


# faults


def edited(made: Path, tmp_path: Path, old: str, new: str, name: str = "trials.csv") -> Path:
    folder = Path(shutil.copytree(made, tmp_path / "study"))
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))
    return folder


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "aer,1,complete",
            "aer,1,done",
            "line 3: state must be one of complete, pruned, failed, not 'done'",
        ),
        ("aer,1,", "aer,0,", "line 3: trial 0 of aer is duplicate"),
        ("aer,1,", "aer,1.5,", "line 3: trial must be a whole number"),
        ("aer,1,", "none,1,", "line 3: search 'none' is not in study.yaml"),
        ("False,0.2,", "False,much,", "line 3: method.tau must be a number or empty, not 'much'"),
        ("False,0.2,", "True,0.2,", "two trials of aer are marked as chosen"),
        ("failed,tpe,", "failed,tpe,True", "marked as chosen but has no score"),
        ("aer,1,complete", '"aer,1,complete', "cannot be read"),
        ("no hope", "no,hope", "line 11: 23 cells under 22 headings"),
        (",score,", ",points,", "line 1: missing column score: add it"),
    ],
)
def test_bad_trials_are_refused_with_their_line(
    made: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(BadInput) as caught:
        read_sweep(edited(made, tmp_path, old, new))
    assert message in str(caught.value)
    assert "trials.csv" in str(caught.value)


def test_a_score_that_is_not_the_mean_of_its_seeds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"line 2: score is 0\.9, but the mean of its seeds is 0\.5"):
        read_sweep(small(tmp_path, [[0.4, 0.6]], score=0.9))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": []}, "seeds missing, empty"),
        ({"searches": {"aer": {"settings": {TAU: 3}}}}, "a search needs `settings`"),
        ({"searches": {"aer": {"settings": {TAU: {"low": 0}}}}}, "needs numbers `low` and `high`"),
        (
            {"searches": {"aer": {"settings": {TAU: {"low": 0, "high": 1, "log": True}}}}},
            "must be above 0",
        ),
    ],
)
def test_bad_studies_are_refused(
    made: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    folder = Path(shutil.copytree(made, tmp_path / "study"))
    spec = yaml.safe_load((folder / "study.yaml").read_text()) | change
    (folder / "study.yaml").write_text(yaml.safe_dump(spec))
    with pytest.raises(BadInput, match=message):
        read_sweep(folder)


def test_a_study_that_does_not_say_what_it_asks_has_a_page(tmp_path: Path) -> None:
    folder = small(tmp_path, [[0.4, 0.6], [0.5, 0.7]])
    spec = yaml.safe_load((folder / "study.yaml").read_text())
    (folder / "study.yaml").write_text(
        yaml.safe_dump({"searches": spec["searches"], "seeds": spec["seeds"]})
    )
    write_sweep_report(read_sweep(folder))
    page = (folder / "report.html").read_text()
    assert "No question is stated in the study." in page
    assert "experiment not stated" in page


@pytest.mark.parametrize("name", ["tables", "figures"])
def test_a_linked_folder_is_not_written_through(made: Path, tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(made, tmp_path / "study", ignore=shutil.ignore_patterns(name)))
    (tmp_path / "outside").mkdir()
    (folder / name).symlink_to(tmp_path / "outside")
    with pytest.raises(SystemExit):
        report_on([str(folder)])
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("name", ["study.yaml", "trials.csv"])
def test_missing_and_binary_files_are_one_message(
    made: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(made, tmp_path / "study"))
    for content in (b"\xff\xfe\x00", None):
        (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
        with pytest.raises(SystemExit):
            report_on([str(folder)])
        said = capsys.readouterr().err
        assert said.startswith("error: ")
        assert name in said


def test_columns_that_nobody_knows_are_left_aside(made: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made, tmp_path / "study"))
    lines = (folder / "trials.csv").read_text().splitlines()
    (folder / "trials.csv").write_text(
        "\n".join([lines[0] + ",new", *(line + ",1" for line in lines[1:])]) + "\n"
    )
    assert read_sweep(folder).searches == read_sweep(made).searches
