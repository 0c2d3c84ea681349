"""The report's completions: which are shown, in which shade, and what a hostile or damaged file
does.
"""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from analysis.report import __main__ as report
from analysis.report.completions import NATS, completions_section, moments, token_markup
from analysis.results.completions import MOST_READ, group_of, read_completions
from analysis.results.folder import load_results
from eval.files.errors import BadInput
from eval.files.results_layout import completions_file
from tests.analysis.test_report import HOSTILE, Tags
from tests.support import browser
from tests.support.hostile import AWKWARD
from tests.support.synthetic import make

COMPLETION: dict[str, Any] = {
    "prompt": "1 + 1 =",
    "text": "2",
    "verdict": 1.0,
    "reward": 1.0,
    "advantage": 0.5,
    "length": 2,
    "truncated": False,
    "pieces": ["2", "<end>"],
    "entropy": [0.7, 0.01],
    "logp": [-0.69, -0.01],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("completions") / "demo", rollouts=9, questions=4)


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    return path


def page_of(folder: Path) -> str:
    report.main([str(folder)])
    return (folder / "report.html").read_text(encoding="utf-8")


def test_arms_stand_beside_each_other_for_one_prompt(made: Path) -> None:
    """The synthetic policies answer the first prompt wrongly, the second both ways."""
    shown = completions_section(load_results(made))
    assert [each.title for each in shown] == [
        "Beginning: rollout 0 of seed 0",
        "Middle: rollout 4 of seed 0",
        "End: rollout 8 of seed 0",
    ]
    for each in shown:
        assert each.prompt == "What is 13 + 30?\n"
        assert [arm.arm for arm in each.arms] == [
            "none",
            "fixed_low",
            "fixed_high",
            "clip_higher",
            "aer",
        ]
        for arm in each.arms:
            right, wrong = arm.samples
            assert right.facts.startswith("right (1 of 4) · 20 tokens")
            assert wrong.facts.startswith("wrong (3 of 4)")
            assert "advantage −0.50" in wrong.facts


def test_the_exploded_policy_is_darker_than_the_collapsed_one(made: Path) -> None:
    end = completions_section(load_results(made))[-1]
    dark = {
        arm.arm: sum(sample.tokens.count('class="h5"') for sample in arm.samples)
        for arm in end.arms
    }
    assert dark["fixed_high"] > 10 * max(dark["none"], 1)


@pytest.mark.parametrize(
    ("entropy", "expected"),
    [
        (None, "x"),
        (0.049, "x"),
        (0.05, '<b class="h1" title="0.05 nats, log p −1.00">x</b>'),
        (0.6931, '<b class="h3" title="0.69 nats, log p −1.00">x</b>'),
        (9.0, '<b class="h5" title="9.00 nats, log p −1.00">x</b>'),
    ],
)
def test_a_token_has_the_shade_of_its_entropy(entropy: float | None, expected: str) -> None:
    assert len(NATS) == 5
    assert token_markup("x", entropy, -1.0) == expected


def test_moments_of_a_run() -> None:
    assert moments([0, 20, 39]) == {"Beginning": 0, "Middle": 20, "End": 39}
    assert moments([0, 20, 40, 60, 80, 100, 119]) == {"Beginning": 0, "Middle": 60, "End": 119}
    assert moments([0, 2]) == {"Beginning": 0, "End": 2}
    assert moments([7]) == {"Beginning": 7}


def test_without_a_mixed_prompt_the_first_one_is_shown(tmp_path: Path) -> None:
    rows = [COMPLETION | {"prompt": prompt, "verdict": 0.0} for prompt in ("a", "a", "b")]
    path = write(tmp_path / "x.gz", rows)
    assert [each.prompt for each in group_of(path)] == ["a", "a"]
    assert [each.prompt for each in group_of(path, "b")] == ["b"]
    assert group_of(path, "c") == []


def test_long_completions_are_cut(made: Path, tmp_path: Path) -> None:
    results = Path(shutil.copytree(made, tmp_path / "demo"))
    many = 5000
    row = COMPLETION | {
        "length": many,
        "pieces": ["ab"] * many,
        "entropy": [1.5] * many,
        "logp": [-1.0] * many,
    }
    for path in results.glob("*/seed-0/completions/*"):
        write(path, [row])
    text = page_of(results)
    assert "… 4,800 more tokens" in text
    assert len(text) < 500_000


def test_hostile_completions_are_only_text(made: Path, tmp_path: Path) -> None:
    results = Path(shutil.copytree(made, tmp_path / "demo"))
    texts = [HOSTILE, "\u202egnirts", "\u001b[31m", "a\ud800", *AWKWARD]
    row = COMPLETION | {
        "prompt": "".join(texts),
        "length": len(texts),
        "pieces": texts,
        "entropy": [1.0] * len(texts),
        "logp": [-1.0] * len(texts),
    }
    for path in results.glob("*/seed-0/completions/*"):
        write(path, [row])
    text = page_of(results)
    page = Tags(text)
    assert not page.stack
    assert sum(tag == "script" for tag, _ in page.seen) == 1
    assert sum(tag == "img" for tag, _ in page.seen) == 0
    assert not [name for _, attributes in page.seen for name in attributes if name.startswith("on")]
    assert "{{ 7 * 7 }}" in text
    assert not {"\u202e", "\x1b", "\ud800", "\0"} & set(text)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip",
        gzip.compress(b"{}\n"),
        gzip.compress(json.dumps(COMPLETION | {"length": 3}).encode()),
        gzip.compress(json.dumps(COMPLETION | {"pieces": [{}, 1]}).encode()),
        gzip.compress(json.dumps(COMPLETION).encode())[:-12],
    ],
    ids=["empty", "not gzip", "other keys", "lengths", "types", "truncated"],
)
def test_a_damaged_file_does_not_stop_the_report(
    content: bytes, made: Path, tmp_path: Path
) -> None:
    results = Path(shutil.copytree(made, tmp_path / "demo"))
    for path in results.glob("aer/seed-0/completions/*"):
        path.write_bytes(content)
    shown = completions_section(load_results(results))
    for each in shown:
        arms = {arm.arm: arm for arm in each.arms}
        assert arms["none"].samples
        assert not arms["aer"].samples
        assert arms["aer"].why
    for path in results.glob("none/seed-0/completions/*"):
        path.write_bytes(content)
    assert completions_section(load_results(results)) == []


def test_a_file_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b" " * (1 << 20)) * (MOST_READ >> 20))
    with pytest.raises(BadInput, match="line 1: too long"):
        list(read_completions(path))


def test_a_file_outside_the_folder_is_not_read(made: Path, tmp_path: Path) -> None:
    results = Path(shutil.copytree(made, tmp_path / "demo"))
    private = write(tmp_path / "private.gz", [COMPLETION | {"prompt": "secret"}])
    for path in results.glob("none/seed-*/completions/*"):
        path.unlink()
        path.symlink_to(private)
    assert completions_section(load_results(results)) == []


def test_results_without_completions_have_no_such_section(made: Path, tmp_path: Path) -> None:
    results = Path(shutil.copytree(made, tmp_path / "demo"))
    assert 'id="completions"' in page_of(results)
    for folder in results.glob("*/seed-*/completions"):
        shutil.rmtree(folder)
    text = page_of(results)
    assert "#completions" not in text


def test_a_browser_shows_it_on_a_phone(made: Path, tmp_path: Path) -> None:
    if browser.executable() is None:
        pytest.skip("no Chromium on this machine: the section is not tried in a browser")
    page_of(made)
    with browser.page(tmp_path) as page:
        page.resize(420, 900, phone=True)
        page.open(made / "report.html")
        assert page.evaluate("document.querySelectorAll('#completions details[open]').length") == 0
        page.evaluate("document.querySelectorAll('#completions details').forEach(d => d.open = 1)")
        assert page.evaluate("document.documentElement.scrollWidth") <= 420
        shade = "getComputedStyle(document.querySelector('#completions .tokens b')).backgroundColor"
        assert page.evaluate(shade) not in ("", "rgba(0, 0, 0, 0)")
        assert page.complaints() == []


def test_files_are_named_by_their_rollout(tmp_path: Path) -> None:
    assert completions_file(tmp_path, 7).name == "rollout-0007.jsonl.gz"
