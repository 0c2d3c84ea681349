"""A self-contained HTML page from a template: style and script within it, no resource from outside.

All text is escaped by the template engine. The content security policy of base.html lets only the
page's own script run, known by its hash.
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
    """A figure on the page; `uri` is empty where there is none."""

    name: str
    title: str
    text: str
    uri: str = ""
    why: str = ""
    made: bool = True  # False where no file is there


def render_page(template: str, **context: Any) -> str:
    """The whole page."""
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
    """The figure <name> in `folder`, or why there is none; `command` would make it."""
    path = folder / f"{name}.png"
    sidecar = object_or_none(path.with_suffix(".json")) or {}
    if not path.is_file() or not is_within(path, folder.parent):
        return Picture(
            name, caption.title, caption.text, why=f"not made yet: {command}", made=False
        )
    if why := str(sidecar.get("missing") or ""):
        return Picture(name, caption.title, caption.text, why=why)
    return Picture(name, caption.title, caption.text, uri=data_uri(path))


def data_uri(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
