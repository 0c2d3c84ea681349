"""python -m analysis.figures results/<experiment>: writes figures/<name>.{pdf,png,csv,json,rst}.

What the files hold: analysis/figures/files.py. Equal inputs give equal bytes.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

from analysis.figures import difficulty as figures_difficulty
from analysis.figures import evaluation as figures_evaluation
from analysis.figures import style
from analysis.figures import training as figures_training
from analysis.figures.captions import CAPTIONS
from analysis.figures.files import provenance, save
from analysis.figures.plotting import Drawn
from analysis.results.folder import Results, load
from eval.files.errors import exit_with_message
from eval.files.evidence import analysis_made_from
from eval.files.marks import mark_folder

FIGURES: dict[str, Callable[[Results], Drawn]] = {
    "pass_at_k": figures_evaluation.pass_at_k,
    "entropy": figures_training.entropy,
    "entropy_tokens": partial(figures_training.entropy, over="tokens"),
    "reward": figures_training.reward,
    "reward_tokens": partial(figures_training.reward, over="tokens"),
    "length": figures_training.length,
    "length_tokens": partial(figures_training.length, over="tokens"),
    "phase": figures_training.phase,
    "controller": figures_training.controller,
    "levels": figures_difficulty.levels,
    "strata": figures_difficulty.strata,
    "groups": figures_difficulty.groups,
    "questions": figures_evaluation.questions,
    "histograms": figures_evaluation.histograms,
}
EVALUATION = ("pass_at_k", "questions", "histograms")
"""Figures made from counts; the others are made from training logs."""


def make(name: str, results: Results) -> str:
    """Draws and saves one figure; "" or why there is nothing to show."""
    files = evaluation_files(results) if name in EVALUATION else training_files(results)
    origin = provenance(results.folder, files, "spec.yaml", "python -m analysis.figures")
    return save(
        results.folder / "figures",
        name,
        partial(FIGURES[name], results),
        CAPTIONS[name].text,
        origin,
    )


def training_files(results: Results) -> list[Path]:
    return [run.folder / "train.jsonl" for run in results.runs if run.log]


def evaluation_files(results: Results) -> list[Path]:
    arms = ("base", *results.arms)
    found = (
        results.evaluation(arm, benchmark, "counts.csv")
        for benchmark in results.benchmarks
        for arm in arms
    )
    return [path for files in found for path in files.values()]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m analysis.figures", description=__doc__)
    parser.add_argument("results", type=Path, help="folder of one experiment, results/<experiment>")
    folder = parser.parse_args(argv).results
    style.use()
    with exit_with_message():
        results = load(folder)
        for name in FIGURES:
            make(name, results)
        mark_folder(folder / "figures", analysis_made_from(folder, "analysis.figures"))
