"""The folder of a base policy is made once, and files outside the results folder count by content."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from eval.files.errors import BadInput
from eval.files.locks import locked
from eval.files.marks import CHECKSUMS, damage, made_from, mark_folder
from eval.sampling.made_from import policy_digest
from experiments.policies.folder import is_made, make_policy_folder
from experiments.workflow.outside_files import SEEN, outside_digests, remember

PARTS = {"settings": "a", "code": "b"}
OTHERS = {"settings": "a", "code": "c"}


class Maker:
    """Fills a policy folder, and knows how often."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, folder: Path) -> dict[str, Any]:
        self.made += 1
        (folder / "model.safetensors").write_bytes(b"weights")
        (folder / "config.json").write_text("{}")
        return {"accuracy.json": {"1": 0.125, "2": 1 / 3}}


@pytest.fixture
def maker() -> Maker:
    return Maker()


@pytest.fixture
def policy(tmp_path: Path, maker: Maker) -> Path:
    make_policy_folder(tmp_path / "policy", PARTS, maker)
    return tmp_path / "policy"


@pytest.mark.parametrize("harm", ["damage", "delete"])
def test_a_policy_whose_weights_are_whole_is_not_made_again(
    policy: Path, maker: Maker, harm: str
) -> None:
    before, report = policy_digest(policy), policy / "accuracy.json"
    said = report.read_bytes()
    report.write_text("{") if harm == "damage" else report.unlink()
    make_policy_folder(policy, PARTS, maker)
    assert maker.made == 1
    assert policy_digest(policy) == before
    assert report.read_bytes() == said
    assert not damage(policy / CHECKSUMS)


def test_what_a_policy_was_found_to_do_is_no_part_of_it(policy: Path) -> None:
    """Else runs would be refused because it was read off differently."""
    before = policy_digest(policy)
    for marked in (True, False):
        (policy / "accuracy.json").write_text('{"1": 0.5}')
        if marked:
            mark_folder(policy, PARTS)
        else:
            (policy / CHECKSUMS).unlink()
        assert policy_digest(policy) == before
    (policy / "config.json").write_text('{"other": 1}')
    assert policy_digest(policy) != before


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", CHECKSUMS])
def test_a_damaged_policy_is_made_again(policy: Path, maker: Maker, name: str) -> None:
    (policy / name).write_text("{")
    make_policy_folder(policy, PARTS, maker)
    assert maker.made == 2
    assert is_made(policy, PARTS)


def test_a_policy_made_from_something_else_is_made_again(policy: Path, maker: Maker) -> None:
    before = policy_digest(policy)
    make_policy_folder(policy, OTHERS, maker)
    assert maker.made == 2
    assert made_from(policy / CHECKSUMS) == OTHERS
    assert policy_digest(policy) == before, "an equal policy is the same policy"


def test_a_second_process_is_refused_before_it_makes_anything(policy: Path, maker: Maker) -> None:
    with (
        locked(policy.with_name(".policy.job")),
        pytest.raises(BadInput, match="another process is at work here"),
    ):
        make_policy_folder(policy, OTHERS, maker)
    assert maker.made == 1


def test_a_policy_is_known_by_its_files_with_and_without_a_mark(policy: Path) -> None:
    marked = policy_digest(policy)
    (policy / CHECKSUMS).unlink()
    assert policy_digest(policy) == marked
    (policy / "model.safetensors").write_bytes(b"others!")
    assert policy_digest(policy) != marked


# ---- files outside the results folder


def test_a_file_counts_by_content_and_while_it_is_away_as_it_was_seen(tmp_path: Path) -> None:
    root, folder = tmp_path / "results", tmp_path / "data"
    folder.mkdir()
    files = [folder / "a.jsonl", folder / "never.jsonl"]
    files[0].write_text("one")
    remember(files, root)
    first = outside_digests(files, root)
    assert [*first] == [str(files[0])]
    files[0].touch()
    assert outside_digests(files, root) == first
    shutil.rmtree(folder)
    assert outside_digests(files, root) == first
    remember(files, root)
    folder.mkdir()
    files[0].write_text("two")
    assert outside_digests(files, root) != first


def test_a_file_of_the_same_size_and_time_is_not_read_again(tmp_path: Path) -> None:
    """Gigabytes of weights must not be read at every start: other bytes, of the same size and
    time, are not seen.
    """
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"weights")
    remember([weights], tmp_path)
    seen = outside_digests([weights], tmp_path)
    status = weights.stat()
    weights.write_bytes(b"w3ights")
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert outside_digests([weights], tmp_path) == seen


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", '{"a": 1}', '{"a": {"sha256": 1}}'])
def test_a_cache_that_cannot_be_read_is_empty(tmp_path: Path, text: str) -> None:
    (tmp_path / "a").write_text("one")
    clean = outside_digests([tmp_path / "a"], tmp_path)
    (tmp_path / SEEN).write_text(text)
    assert outside_digests([tmp_path / "a"], tmp_path) == clean
