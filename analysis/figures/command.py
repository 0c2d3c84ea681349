"""Makes the figures of an experiment. The command line is in __main__.py."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from analysis.figures import difficulty as figures_difficulty
from analysis.figures import evaluation as figures_evaluation
from analysis.figures import style
from analysis.figures import training as figures_training
from analysis.figures.captions import CAPTIONS
from analysis.figures.curves import plot_curves
from analysis.figures.figure_files import figure_origin, write_figure
from analysis.figures.forest import plot_forest
from analysis.figures.plotting import Drawn
from analysis.figures.reach import plot_reach
from analysis.results.folder import Results, counts_on_the_way, is_within, load_results
from eval.files.evidence import analysis_made_from
from eval.files.marks import mark_folder

FIGURES: dict[str, Callable[[Results], Drawn]] = {
    "forest": plot_forest,
    "pass_at_k": figures_evaluation.plot_pass_at_k,
    "curves": plot_curves,
    "reach": plot_reach,
    "entropy": figures_training.plot_entropy,
    "entropy_tokens": partial(figures_training.plot_entropy, over="tokens"),
    "reward": figures_training.plot_reward,
    "reward_tokens": partial(figures_training.plot_reward, over="tokens"),
    "length": figures_training.plot_length,
    "length_tokens": partial(figures_training.plot_length, over="tokens"),
    "phase": figures_training.plot_phase,
    "controller": figures_training.plot_controller,
    "levels": figures_difficulty.plot_levels,
    "strata": figures_difficulty.plot_strata,
    "groups": figures_difficulty.plot_groups,
    "questions": figures_evaluation.plot_questions,
    "histograms": figures_evaluation.plot_histograms,
}
COUNTS_FIGURES = ("forest", "pass_at_k", "curves", "reach", "questions", "histograms")
"""Figures made from counts; the others are made from training logs."""


def save_figure(name: str, results: Results) -> str:
    """Draws and writes one figure. Returns "", or why there is nothing to show."""
    files = evaluation_files(results) if name in COUNTS_FIGURES else training_files(results)
    if name == "curves":
        files += on_the_way_files(results)
    origin = figure_origin(results.folder, files, "spec.yaml", "python -m analysis.figures")
    return write_figure(
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


def on_the_way_files(results: Results) -> list[Path]:
    wanted = [
        counts_on_the_way(run.folder, after, benchmark)
        for run in results.runs
        for benchmark in results.benchmarks
        for after in results.checkpoints
    ]
    return [path for path in wanted if path.is_file() and is_within(path, results.folder)]


def write_figures(folder: Path) -> None:
    """Writes all figures of the experiment in the folder, then their checksums."""
    style.use_style()
    results = load_results(folder)
    for name in FIGURES:
        save_figure(name, results)
    mark_folder(folder / "figures", analysis_made_from(folder, "analysis.figures"))
