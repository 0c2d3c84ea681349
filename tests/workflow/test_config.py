"""What stands behind --config: unknown keys, numbers, and where the results go."""

from pathlib import Path
from typing import Any

import pytest

from eval.files.errors import BadInput
from experiments.workflow.config import check_config, results_folder
from experiments.workflow.launcher import processes, retries


@pytest.mark.parametrize(
    ("key", "meant"), [("experimentt", "experiment"), ("result", "results"), ("gpu", "gpus")]
)
def test_an_unknown_key_is_refused_with_the_nearest_one(key: str, meant: str) -> None:
    with pytest.raises(BadInput, match=f"--config {key}=…: unknown key: did you mean {meant}\\?"):
        check_config({key: "smoke"})


def test_an_unknown_key_like_no_other_is_answered_with_all() -> None:
    with pytest.raises(BadInput, match="unknown key: Choose one of experiment, sweep, results"):
        check_config({"zzz": 1})


def test_an_experiment_that_is_given_as_a_configuration_is_recognised() -> None:
    with pytest.raises(BadInput, match="run snakemake all --config experiment=FILE"):
        check_config({"name": "mine", "arms": {}, "training": {}, "model": {}})


@pytest.mark.parametrize("key", ["results", "experiment", "probes"])
def test_a_key_without_a_value_is_refused(key: str) -> None:
    """Snakemake reads `results=` as null, and a folder was called None."""
    with pytest.raises(BadInput, match=f"--config {key}=: give a value"):
        check_config({key: None})


def test_known_keys_pass() -> None:
    check_config({"experiment": "smoke", "gpus": 2, "results": "/x", "retries": 0})


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"gpus": "abc"}, "--config gpus=abc: give a whole number, 0 or more"),
        ({"gpus": 1.5}, "--config gpus=1.5: give a whole number, 0 or more"),
        ({"gpus": -1}, "--config gpus=-1: give a whole number, 0 or more"),
        ({"gpus": True}, "--config gpus=True: give a whole number, 0 or more"),
        ({"processes": 0}, "--config processes=0: give a whole number, 1 or more"),
        ({"processes": 2, "gpus": 4}, "each process has a GPU of its own"),
    ],
)
def test_a_number_is_refused_under_its_own_key(config: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        processes(config)


def test_retries_may_be_none() -> None:
    assert retries({"retries": 0}) == 0
    with pytest.raises(BadInput, match="--config retries=x: give a whole number, 0 or more"):
        retries({"retries": "x"})


@pytest.mark.parametrize("named", ["", " "])
def test_an_empty_results_folder_is_refused(named: str) -> None:
    with pytest.raises(BadInput, match="give a folder, or leave the key out"):
        results_folder({"results": named})


def test_results_below_a_file_are_refused_by_the_name_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=f"{tmp_path}/file is a file"):
        results_folder({"results": f"{tmp_path}/file/below"})


def test_a_tilde_is_the_home_folder_and_a_blank_is_a_blank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert results_folder({"results": "~/my results"}) == tmp_path / "my results"
    assert results_folder({}) == Path("results")


@pytest.mark.parametrize("name", ["x" * 300, "~nosuchuser/x"])
def test_a_folder_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match=r"--config results=.*: name another folder"):
        results_folder({"results": name})
