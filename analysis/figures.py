"""python -m analysis.figures results/<experiment>: writes figures/<name>.{pdf,png,csv,json,rst}.

The CSV holds the plotted numbers. The JSON says what the figure was made from: input files with their
digests, the spec's digest, the git revision and the command. The .rst is the caption, for `snakemake
--report`. A figure that has nothing to show yet is a page that says so, and its JSON has the reason under
"missing". Equal inputs give equal bytes.
"""

import argparse
import hashlib
import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import figures_difficulty, figures_evaluation, figures_training, style
from analysis.captions import rst
from analysis.plotting import Drawn, NothingToPlot, panels, plt
from analysis.read import Results, load
from eval.errors import exit_with_message

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

METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "png": {"Software": None},
}


def make(name: str, results: Results) -> str:
    """Draws and saves one figure; "" or why there is nothing to show."""
    why = ""
    try:
        drawn = FIGURES[name](results)
    except NothingToPlot as error:
        why = str(error)
        drawn = blank(why)
    folder = results.folder / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    drawn.figure.draw_without_rendering()  # lays the panels out, once for both files
    drawn.figure.set_layout_engine("none")
    for form, metadata in METADATA.items():
        drawn.figure.savefig(folder / f"{name}.{form}", metadata=metadata)
    plt.close("all")
    drawn.numbers.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    (folder / f"{name}.rst").write_text(rst(name), encoding="utf-8")
    (folder / f"{name}.json").write_text(json.dumps(provenance(name, results, why), indent=2) + "\n", encoding="utf-8")
    return why


def blank(why: str) -> Drawn:
    """A figure that says why it is empty."""
    figure, axes = panels(1, 1, 1.0)
    axes[0, 0].set_axis_off()
    axes[0, 0].text(0.5, 0.5, f"Nothing to show: {why}.", ha="center", va="center", color="#555555")
    return Drawn(figure, pd.DataFrame({"missing": [why]}))


def provenance(name: str, results: Results, why: str) -> dict[str, Any]:
    files = evaluation_files(results) if name in EVALUATION else training_files(results)
    return {
        "figure": name,
        "inputs": {path.relative_to(results.folder).as_posix(): digest(path) for path in files},
        "spec_sha256": digest(results.folder / "spec.yaml"),
        "git_revision": git_revision(),
        "command": f"python -m analysis.figures {results.folder.as_posix()}",
        "missing": why,
    }


def training_files(results: Results) -> list[Path]:
    return [run.folder / "train.jsonl" for run in results.runs if run.log]


def evaluation_files(results: Results) -> list[Path]:
    arms = ("base", *results.arms)
    found = (results.evaluation(arm, benchmark, "counts.csv") for benchmark in results.benchmarks for arm in arms)
    return [path for files in found for path in files.values()]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def git_revision() -> str | None:
    """The commit of this code, with "+" where the analysis has been edited since; None without git."""
    here = Path(__file__).parent
    try:
        revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True)
        edited = subprocess.run(
            ["git", "status", "--porcelain", "."], cwd=here, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return revision.stdout.strip() + "+" * bool(edited.stdout.strip())


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m analysis.figures", description=__doc__)
    parser.add_argument("results", type=Path, help="folder of one experiment, results/<experiment>")
    folder = parser.parse_args(argv).results
    style.use()
    with exit_with_message():
        results = load(folder)
        for name in FIGURES:
            make(name, results)


if __name__ == "__main__":
    main()
