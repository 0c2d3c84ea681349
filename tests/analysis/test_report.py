"""The report: self-contained, safe against hostile names, shown without complaint by a real
browser.
"""

import base64
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis.figures.captions import CAPTIONS
from analysis.report import __main__ as report
from analysis.tables import __main__ as tables_command
from tests.support import browser
from tests.support.synthetic import make

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
HOSTILE = '"><script>document.title = "hacked"</script><img src=x onerror="document.title = 1">{{ 7 * 7 }}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with tables, one-pixel figures and the report."""
    made = make(tmp_path_factory.mktemp("report") / "demo", rollouts=10, questions=8)
    finish(made)
    return made


def finish(folder: Path) -> str:
    tables_command.main([str(folder)])
    (folder / "figures").mkdir(exist_ok=True)
    for name in CAPTIONS:
        (folder / "figures" / f"{name}.png").write_bytes(PIXEL)
    report.main([str(folder)])
    return (folder / "report.html").read_text(encoding="utf-8")


class Tags(HTMLParser):
    """Every tag with its attributes, and a check that they nest."""

    VOID = ("meta", "link", "img", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag


def test_the_page_needs_nothing_from_outside(folder: Path) -> None:
    page = Tags((folder / "report.html").read_text(encoding="utf-8"))
    assert not page.stack
    sources = [attributes.get("src") or attributes.get("href") or "" for _, attributes in page.seen]
    assert all(source.startswith(("data:", "#")) for source in sources if source)
    assert (
        sum(tag == "img" for tag, _ in page.seen) == len(CAPTIONS) - 1
    )  # the page draws the forest itself
    assert sum(tag == "script" for tag, _ in page.seen) == 1
    anchors = {attributes["id"] for _, attributes in page.seen if "id" in attributes}
    assert {source[1:] for source in sources if source.startswith("#")} <= anchors


def test_verdicts_come_first_then_tables(folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    places = [
        text.index(f'id="{name}"')
        for name in ("verdicts", "results", "checks", "settings", "provenance", "missing")
    ]
    assert places == sorted(places)
    assert "Does holding entropy at a target" in text
    assert "not distinguishable" in text
    assert "Collapsed in 3 of 3 runs." in text
    assert "aer (reconstruction)" in text
    assert "Nothing: every run ended" in text


def test_the_same_files_give_the_same_page(folder: Path) -> None:
    before = (folder / "report.html").read_bytes()
    report.main([str(folder)])
    assert (folder / "report.html").read_bytes() == before


def test_what_is_missing_is_listed(folder: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(folder, tmp_path / "demo"))
    shutil.rmtree(broken / "aer" / "seed-2")
    (broken / "figures" / "phase.png").unlink()
    (broken / "tables" / "budget.csv").unlink()
    report.main([str(broken)])
    text = (broken / "report.html").read_text(encoding="utf-8")
    assert "3 things are missing" in text
    assert "<strong>aer, seed 2</strong>: the run has not been made" in text
    assert "<strong>figure phase</strong>: not made yet" in text
    assert "The table “budget” has not been made yet." in text


def test_a_figure_that_is_a_link_out_of_the_folder_is_not_on_the_page(
    folder: Path, tmp_path: Path
) -> None:
    results, private = Path(shutil.copytree(folder, tmp_path / "demo")), tmp_path / "private.png"
    private.write_bytes(b"for no eyes but mine")
    (results / "figures" / "phase.png").unlink()
    (results / "figures" / "phase.png").symlink_to(private)
    report.main([str(results)])
    text = (results / "report.html").read_text(encoding="utf-8")
    assert base64.b64encode(private.read_bytes()).decode() not in text
    assert "<strong>figure phase</strong>: not made yet" in text


def test_a_spec_alone_makes_a_page(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "spec.yaml", tmp_path)
    report.main([str(tmp_path)])
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not Tags(text).stack
    assert "No comparison has been made." in text


def hostile(folder: Path) -> str:
    """The page of an experiment whose names, question and settings try to run a script."""
    make(folder, seeds=(0,), rollouts=4, questions=4)
    spec = yaml.safe_load((folder / "spec.yaml").read_text())
    arms = spec["arms"] | {
        HOSTILE.replace("/", " "): {"method": {"name": HOSTILE, HOSTILE: HOSTILE}}
    }
    changes = {
        "name": HOSTILE,
        "question": HOSTILE,
        "arms": arms,
        "task": {HOSTILE: HOSTILE, "b": 1},
    }
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec | changes))
    return finish(folder)


def test_hostile_names_are_only_text(tmp_path: Path) -> None:
    text = hostile(tmp_path / "demo")
    page = Tags(text)
    assert not page.stack
    assert sum(tag == "script" for tag, _ in page.seen) == 1
    assert not [name for _, attributes in page.seen for name in attributes if name.startswith("on")]
    assert "{{ 7 * 7 }}" in text
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/=]{44}'", text)


# in a browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Any:
    if browser.executable() is None:
        pytest.skip("no Chromium on this machine: the report is not tried in a browser")
    with browser.page(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize(("width", "phone"), [(1280, False), (390, True)])
def test_a_browser_shows_it_without_complaint(
    folder: Path, page: browser.Page, width: int, phone: bool
) -> None:
    page.resize(width, 900, phone)
    page.open(folder / "report.html")
    assert page.complaints() == []
    assert (
        page.evaluate("document.images.length") == len(CAPTIONS) - 1
    )  # the page draws the forest itself
    assert page.evaluate(
        "[...document.images].every((image) => image.complete && image.naturalWidth > 0)"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width


SORTED = """(() => {
  const table = document.querySelector("#table-main table");
  const heading = [...table.tHead.rows[0].cells].find((cell) => cell.textContent.trim() === "pass@1");
  heading.querySelector("button").click();
  const column = heading.cellIndex;
  const values = [...table.tBodies[0].rows].map((row) => row.cells[column].dataset.sort);
  return {order: heading.getAttribute("aria-sort"), values};
})()"""


def test_tables_sort_both_ways_with_gaps_last(folder: Path, page: browser.Page) -> None:
    page.open(folder / "report.html")
    page.evaluate("document.querySelector('#table-main tbody tr').cells[2].dataset.sort = ''")
    for order, reverse in (("ascending", False), ("descending", True)):
        found = page.evaluate(SORTED)
        assert found["order"] == order
        assert found["values"][-1] == ""
        values = [float(value) for value in found["values"][:-1]]
        assert values == sorted(values, reverse=reverse)
        assert len(values) == 11
    assert page.complaints() == []


def test_hostile_names_run_nothing_in_a_browser(tmp_path: Path, page: browser.Page) -> None:
    hostile(tmp_path / "demo")
    page.open(tmp_path / "demo" / "report.html")
    assert page.evaluate("document.title") == HOSTILE
    assert page.complaints() == []
