"""Writes a figure as <name>.{pdf,png,csv,json,rst}. Equal inputs give equal bytes.

The CSV holds the plotted numbers. The JSON says what the figure was made from: input files with
their digests, the digest of the spec, the git revision and the command. The .rst is the caption,
for `snakemake --report`. If there is nothing to show, the figure says so, and its JSON has the
reason under "missing".
"""

import io
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.figures.captions import plain_rst
from analysis.figures.plotting import Drawn, NothingToPlot, panels, plt
from analysis.results.folder import path_to_write
from analysis.tables.render import frame_csv
from eval.files.durable import write_bytes, write_text
from eval.files.marks import sha256

FIXED_METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "png": {"Software": None},
}


def write_figure(
    folder: Path, name: str, draw: Callable[[], Drawn], text: str, origin: dict[str, Any]
) -> str:
    """Draws one figure and writes it into `folder`. Returns "", or why there is nothing to show.

    `text`: the caption. `origin`: what the figure was made from (`figure_origin`).
    """
    why = ""
    try:
        drawn = draw()
    except NothingToPlot as error:
        why = str(error)
        drawn = blank_figure(why)
    path_to_write(folder, folder.parent).mkdir(parents=True, exist_ok=True)
    drawn.figure.draw_without_rendering()  # computes the layout once, for both files
    drawn.figure.set_layout_engine("none")
    for form, metadata in FIXED_METADATA.items():
        picture = io.BytesIO()
        drawn.figure.savefig(picture, format=form, metadata=metadata)
        write_bytes(folder / f"{name}.{form}", picture.getvalue())
    plt.close("all")
    write_text(folder / f"{name}.csv", frame_csv(drawn.numbers))
    write_text(folder / f"{name}.rst", plain_rst(text))
    record = json.dumps({"figure": name} | origin | {"missing": why}, indent=2)
    write_text(folder / f"{name}.json", record + "\n")
    return why


def blank_figure(why: str) -> Drawn:
    """A figure that holds only the reason why it is empty."""
    figure, axes = panels(1, 1, 1.0)
    axes[0, 0].set_axis_off()
    axes[0, 0].text(0.5, 0.5, f"Nothing to show: {why}.", ha="center", va="center", color="#555555")
    return Drawn(figure, pd.DataFrame({"missing": [why]}))


def figure_origin(root: Path, inputs: Sequence[Path], spec: str, command: str) -> dict[str, Any]:
    """What a figure was made from: the input files with their SHA-256, that of the spec, the git
    revision and the command. `spec` is the spec's name in `root`.
    """
    return {
        "inputs": {path.relative_to(root).as_posix(): sha256(path) for path in inputs},
        "spec_sha256": sha256(root / spec),
        "git_revision": analysis_revision(),
        "command": f"{command} {root.as_posix()}",
    }


def analysis_revision() -> str | None:
    """The commit of this code, with "+" if the analysis has been edited since; None without git."""
    here = Path(__file__).parents[1]
    try:
        revision = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True
        )
        edited = subprocess.run(
            ["git", "status", "--porcelain", "."],
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return revision.stdout.strip() + "+" * bool(edited.stdout.strip())
