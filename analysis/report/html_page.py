"""Fills a template into one self-contained HTML page, with its style, script and figures inside.

The template engine escapes all text. The content security policy in base.html allows only the
page's own script, by its hash, and no resource from elsewhere.
"""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis.figures.captions import Caption
from analysis.results.folder import is_within
from analysis.tables.cells import one_line
from eval.files.json_text import object_or_none

TEMPLATES_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Picture:
    """A figure on the page, or the reason why there is none."""

    name: str
    title: str
    text: str
    uri: str = ""  # the image as a data URI; empty if there is none
    why: str = ""  # there is no image
    made: bool = True  # False if the figure's file does not exist


def render_page(template: str, **context: Any) -> str:
    """The HTML of a template of this folder, filled with `context`."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: one_line(value)
        if type(value) is str
        else value,  # Markup stays as it is
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (TEMPLATES_FOLDER / "page.js").read_text(encoding="utf-8")
    return environment.get_template(template).render(
        style=Markup((TEMPLATES_FOLDER / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        **context,
    )


def figure_picture(folder: Path, name: str, caption: Caption, command: str) -> Picture:
    """The figure <name> in `folder`, or why there is none. `command` is the one that makes it."""
    path = folder / f"{name}.png"
    sidecar = object_or_none(path.with_suffix(".json")) or {}
    if not path.is_file() or not is_within(path, folder.parent):
        return Picture(
            name, caption.title, caption.text, why=f"not made yet, run: {command}", made=False
        )
    if why := str(sidecar.get("missing") or ""):
        return Picture(name, caption.title, caption.text, why=why)
    return Picture(name, caption.title, caption.text, uri=data_uri(path))


def data_uri(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
