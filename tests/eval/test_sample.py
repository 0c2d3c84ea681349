"""Sampling: the draw, the seeds, what a restart keeps, and what is refused."""

import json
import multiprocessing
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from eval.files.errors import BadInput, exit_with_message
from eval.files.jsonl import read_rows
from eval.sample import main
from eval.sampling.engine_interface import sample_seed
from eval.score import SETTINGS
from tests.support.tiny_policy import write_policy, write_sums

SAMPLES = 10


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a policy, a problems file, and the samples of a quiet run in `quiet`."""
    folder = tmp_path_factory.mktemp("sampling")
    write_policy(folder / "policy")
    write_sums(folder / "sums.jsonl", 7)
    main(arguments(folder, folder / "quiet"))
    return folder


def arguments(home: Path, out: Path, **changed: Any) -> list[str]:
    """A command line; a keyword replaces or adds an option, `label` adds one."""
    options = {
        "policy": home / "policy",
        "problems": home / "sums.jsonl",
        "samples": SAMPLES,
        "out": out,
        "template": "arithmetic",
        "temperature": 1.0,
        "top-p": 0.9,
        "max-tokens": 12,
        "seed": 5,
        "batch": 16,
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    return [part for name, value in options.items() for part in (f"--{name}", str(value))]


def file_of(out: Path) -> Path:
    return out / "sums.samples.jsonl"


def test_end_and_limit(home: Path):
    rows = read_rows(file_of(home / "quiet"))
    assert {row["finish_reason"] for row in rows} == {"stop", "length"}
    for row in rows:
        assert 1 <= row["tokens"] <= 12
        assert "<" not in row["text"]
        assert row["finish_reason"] == "stop" or row["tokens"] == 12


def test_every_sample_once_with_all_fields(home: Path):
    rows = read_rows(file_of(home / "quiet"))
    assert sorted({(row["problem_id"], row["index"]) for row in rows}) == sorted(
        (f"sum-{i}", j) for i in range(7) for j in range(SAMPLES)
    )
    assert len(rows) == 7 * SAMPLES
    fields = (
        "run arm train_seed step benchmark problem_id template prompt_hash index seed text tokens"
    )
    assert {*fields.split(), *SETTINGS} <= rows[0].keys()
    assert all(
        row["seed"] == sample_seed(5, "sums", row["problem_id"], row["index"]) for row in rows
    )


def test_restart_from_any_prefix_gives_the_same_bytes(home: Path, tmp_path: Path):
    whole = file_of(home / "quiet").read_bytes()
    for cut in (0, 1, len(whole) // 3, len(whole) // 2 + 7, len(whole) - 1, len(whole)):
        file_of(tmp_path).write_bytes(whole[:cut])
        main(arguments(home, tmp_path))
        assert file_of(tmp_path).read_bytes() == whole


def test_a_whole_file_needs_no_policy_loaded(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file_of(tmp_path).write_bytes(file_of(home / "quiet").read_bytes())
    monkeypatch.setattr("eval.sample.make_engine", lambda *_: pytest.fail("loaded"))
    main(arguments(home, tmp_path))


@pytest.mark.parametrize("damaged", [False, True], ids=["whole", "damaged"])
def test_complete_samples_are_known_before_the_tokenizer_is_loaded(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: bool
):
    shutil.copytree(home / "quiet", tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr("eval.sample.load_tokenizer", lambda *_: pytest.fail("loaded"))
    if damaged:
        file_of(tmp_path).write_bytes(file_of(tmp_path).read_bytes()[:-40])
        with pytest.raises(pytest.fail.Exception, match="loaded"):
            main(arguments(home, tmp_path))
        return
    main(arguments(home, tmp_path))
    for changed in ({"label": "arm=aer"}, {"samples": SAMPLES + 1}, {"temperature": 0.5}):
        with pytest.raises(pytest.fail.Exception, match="loaded"):
            main(arguments(home, tmp_path, **changed))


def test_more_samples_extend_a_file(home: Path, tmp_path: Path):
    file_of(tmp_path).write_bytes(file_of(home / "quiet").read_bytes())
    main(arguments(home, tmp_path, samples=SAMPLES + 3))
    fresh = tmp_path / "fresh"
    main(arguments(home, fresh, samples=SAMPLES + 3))
    assert sorted(file_of(tmp_path).read_text().splitlines()) == sorted(
        file_of(fresh).read_text().splitlines()
    )


def test_sigkill_at_any_moment_loses_and_repeats_nothing(home: Path, tmp_path: Path):
    """Killed once its file has reached each of these sizes, started again each time, at last left
    alone.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["eval.sampling.engine_transformers", "transformers.models.qwen3.modeling_qwen3"]
    )
    whole = file_of(home / "quiet").read_bytes()
    killed = 0
    for share in (0.0, 0.3, 0.7):
        process = context.Process(target=main, args=(arguments(home, tmp_path),))
        process.start()
        while process.is_alive() and size(file_of(tmp_path)) <= share * len(whole):
            time.sleep(0)
        process.kill()
        process.join()
        killed += process.exitcode == -9
        assert whole.startswith(file_of(tmp_path).read_bytes())
    assert killed >= 2
    main(arguments(home, tmp_path))
    assert file_of(tmp_path).read_bytes() == whole


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"temperature": 0.9}, "temperature = 1.0, now it is 0.9"),
        ({"top_p": 1.0}, "top_p = 0.9, now it is 1.0"),
        ({"max_tokens": 13}, "max_tokens = 12, now it is 13"),
        ({"seed": 6}, "seed = "),
        ({"template": "plain"}, "template = 'arithmetic', now it is 'plain'"),
        ({"label": "arm=aer"}, "arm = None, now it is 'aer'"),
        ({"dtype": "bfloat16"}, "dtype = 'float32', now it is 'bfloat16'"),
        ({"samples": SAMPLES - 1}, "sample 9 of problem 'sum-0' is not asked for now"),
    ],
)
def test_rows_of_other_settings_are_not_mixed(
    home: Path, tmp_path: Path, changed: dict[str, Any], said: str
):
    before = file_of(home / "quiet").read_bytes()
    file_of(tmp_path).write_bytes(before)
    with pytest.raises(BadInput, match=said):
        main(arguments(home, tmp_path, **changed))
    assert file_of(tmp_path).read_bytes() == before


def test_rows_of_another_policy_or_prompt_are_not_mixed(home: Path, tmp_path: Path):
    file_of(tmp_path).write_bytes(file_of(home / "quiet").read_bytes())
    with pytest.raises(BadInput, match="policy = "):
        main(arguments(home, tmp_path, policy=write_policy(tmp_path / "other", seed=1)))
    changed = (home / "sums.jsonl").read_text().replace('"3+4+5="', '"3+4+6="')
    (tmp_path / "sums.jsonl").write_text(changed)
    with pytest.raises(BadInput, match=r"problem 'sum-1' was made with prompt_hash"):
        main(arguments(home, tmp_path, problems=tmp_path / "sums.jsonl"))


def test_stale_rows_are_replaced_where_that_is_asked_for(home: Path, tmp_path: Path):
    stale = tmp_path / "stale"
    main(arguments(home, stale, temperature=0.9))
    main(arguments(home, stale, stale="replace"))
    assert file_of(stale).read_bytes() == file_of(home / "quiet").read_bytes()
    main(arguments(home, stale, stale="replace"))
    assert file_of(stale).read_bytes() == file_of(home / "quiet").read_bytes()


def test_a_repeated_row_is_refused(home: Path, tmp_path: Path):
    data = file_of(home / "quiet").read_bytes()
    file_of(tmp_path).write_bytes(data + data.splitlines(keepends=True)[0])
    with pytest.raises(BadInput, match=r"line 71: sample 0 of problem 'sum-0' is duplicate"):
        main(arguments(home, tmp_path))


def test_a_file_that_may_not_be_opened_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"), exit_with_message():
        raise PermissionError(13, "Permission denied", "tables/main.csv")
    assert capsys.readouterr().err.startswith("error: tables/main.csv cannot be opened or written")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"policy": "/nowhere"}, "no config.json"),
        ({"problems": "/nowhere.jsonl"}, "cannot be read"),
        ({"samples": 0}, "--samples"),
        ({"temperature": -1}, "temperature is -1.0"),
        ({"temperature": "nan"}, "temperature is nan"),
        ({"top_p": 0}, "top_p is 0.0"),
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"max_tokens": 250}, "must have 1 to 6"),
        ({"batch": 0}, "--batch"),
        ({"template": "nonsense"}, "unknown prompt template"),
        ({"label": "colour=red"}, "--label colour=red"),
        ({"label": "step=last"}, "step must be a whole number"),
    ],
)
def test_bad_commands_are_one_line_and_exit_2(
    home: Path,
    tmp_path: Path,
    changed: dict[str, Any],
    said: str,
    capsys: pytest.CaptureFixture[str],
):
    with pytest.raises(SystemExit) as exit_code, exit_with_message():
        main(arguments(home, tmp_path, **changed))
    error = capsys.readouterr().err
    assert exit_code.value.code == 2
    assert said in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_damaged_policy_is_refused(home: Path, tmp_path: Path):
    policy = write_policy(tmp_path / "policy")
    os.truncate(policy / "model.safetensors", 1000)
    with pytest.raises(BadInput, match="transformers cannot load this policy"):
        main(arguments(home, tmp_path / "out", policy=policy))


def test_a_policy_with_absent_weights_is_refused(home: Path, tmp_path: Path):
    policy = write_policy(tmp_path / "policy")
    config = json.loads((policy / "config.json").read_text()) | {
        "num_hidden_layers": 3,
        "layer_types": None,
    }
    (policy / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadInput, match=r"weights are missing, such as model\.layers\.2"):
        main(arguments(home, tmp_path / "out", policy=policy))
