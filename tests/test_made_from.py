"""What shared steps are made from: a policy that is there whole is taken, and sources outside the
results folder count.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest

from eval.files.checksums import CHECKSUMS, damage
from eval.files.durable import locked
from eval.files.errors import BadInput
from eval.sampling.policy_folder import policy_hash
from experiments.workflow.contents import SEEN, changed, content_digests, remember
from experiments.workflow.made_from import MADE_FROM, MARK, is_whole, made_from, make_policy_folder


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
    make_policy_folder(tmp_path / "policy", "source", maker)
    return tmp_path / "policy"


def damaged(policy: Path, name: str) -> None:
    (policy / name).write_text("{")
    (
        policy / CHECKSUMS
    ).unlink()  # as the start does (experiments/workflow/repair.py), and Snakemake before a job


@pytest.mark.parametrize("name", ["accuracy.json", CHECKSUMS])
def test_a_policy_whose_weights_are_whole_is_not_made_again(
    policy: Path, maker: Maker, name: str
) -> None:
    before = policy_hash(policy)
    damaged(policy, name)
    make_policy_folder(policy, "source", maker)
    assert maker.made == 1
    assert policy_hash(policy) == before
    assert not damage(policy / CHECKSUMS)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", MADE_FROM, MARK])
def test_a_damaged_policy_is_made_again(policy: Path, maker: Maker, name: str) -> None:
    damaged(policy, name)
    make_policy_folder(policy, "source", maker)
    assert maker.made == 2
    assert is_whole(policy, "source")


def test_a_policy_made_from_something_else_is_made_again(policy: Path, maker: Maker) -> None:
    before = policy_hash(policy)
    make_policy_folder(policy, "another source", maker)
    assert maker.made == 2
    assert made_from(policy) == "another source"
    assert policy_hash(policy) == before, (
        "an equal policy is the same policy, whatever it was made from"
    )


def test_a_second_process_is_refused_before_it_makes_anything(policy: Path, maker: Maker) -> None:
    with (
        locked(policy.with_name(".policy.job")),
        pytest.raises(BadInput, match="another process is at work here"),
    ):
        make_policy_folder(policy, "another source", maker)
    assert maker.made == 1


# Sources outside the results folder


def test_a_file_counts_by_content_and_while_it_is_away_as_it_was_seen(tmp_path: Path) -> None:
    root, folder = tmp_path / "results", tmp_path / "data"
    folder.mkdir()
    files = [folder / "a.jsonl", folder / "never.jsonl"]
    files[0].write_text("one")
    remember(files, root)
    first = content_digests(files, root)
    files[0].touch()
    assert content_digests(files, root) == first
    assert not changed(files, root)
    shutil.rmtree(folder)
    assert content_digests(files, root) == first
    remember(files, root)
    folder.mkdir()
    files[0].write_text("two")
    assert content_digests(files, root) != first
    assert changed(files, root)


def test_a_file_of_the_same_size_and_time_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"weights")
    remember([weights], tmp_path)
    seen = content_digests([weights], tmp_path)
    monkeypatch.setattr("experiments.workflow.contents.digest", None)
    assert content_digests([weights], tmp_path) == seen


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", '{"a": 1}', '{"a": {"sha256": 1}}'])
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / SEEN).write_text(text)
    (tmp_path / MADE_FROM).write_text(text)
    (tmp_path / "a").write_text("one")
    assert not changed([tmp_path / "a"], tmp_path)
    assert made_from(tmp_path) is None
    assert not is_whole(tmp_path, "source")
