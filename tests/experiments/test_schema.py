"""What the schema accepts and how it refuses: one clear message with file and key, exit code 2,
nothing written.
"""

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import ValidationError

from eval.files.errors import BadInput
from eval.files.yaml_file import read_yaml
from experiments.spec.experiment_file import load_experiment, shipped_experiments
from experiments.spec.resolved import resolved_yaml
from experiments.spec.schema import Experiment, run_spec, spec_hash
from methods import AER, AnyMethod

FOLDER = Path(__file__).parents[2] / "experiments"
SMOKE = yaml.safe_load((FOLDER / "smoke.yaml").read_text())
ARITHMETIC = SMOKE["evaluation"]["benchmarks"]["arithmetic_test"]


def changed(tmp_path: Path, path: str, value: Any) -> Path:
    """smoke.yaml with one key set to another value, or removed where the value is None."""
    content = yaml.safe_load(yaml.safe_dump(SMOKE))
    *parents, last = path.split(".")
    here = content
    for key in parents:
        here = here[key]
    if value is None:
        del here[last]
    else:
        here[last] = value
    file = tmp_path / "changed.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


@pytest.mark.parametrize("name", shipped_experiments())
def test_every_experiment_of_the_repository_loads(name: str) -> None:
    assert load_experiment(name).name == name


def test_resolved_spec_says_the_same(tmp_path: Path) -> None:
    experiment = load_experiment("smoke")
    file = tmp_path / "spec.yaml"
    file.write_text(resolved_yaml(experiment))
    assert load_experiment(file) == experiment
    assert yaml.safe_load(file.read_text())["arms"]["aer"]["method"]["rho"] == AER().rho


REFUSED = [
    ("arms.aer.method.name", "aerr", "arms.aer.method: unknown name 'aerr': did you mean 'aer'?"),
    ("arms.aer.method.tua", 0.4, "arms.aer.method.tua: unknown key"),
    ("arms.aer.method.tau", 0.0, "arms.aer.method.tau: Input should be greater than 0"),
    ("arms.aer.method.tau", 1.5, "arms.aer.method.tau: Input should be less than or equal to 1"),
    ("arms.aer.method.rule", "multiplicative", "never leaves 0"),
    (
        "arms.none.method",
        {"name": "fixed_coefficient", "coefficient": -1},
        "arms.none.method.coefficient:",
    ),
    ("arms.none.method", {"name": "fixed_coefficient"}, "arms.none.method.coefficient: is missing"),
    ("arms.none.method", {}, "arms.none.method: needs a key 'name'"),
    (
        "arms.none.method",
        {"name": "eighty_twenty", "rho": 0.0},
        "arms.none.method.rho: Input should be greater than 0",
    ),
    (
        "arms.none.method",
        {"name": "eighty_twenty", "rho": 1.1},
        "arms.none.method.rho: Input should be less than or equal to 1",
    ),
    (
        "arms.none.method",
        {"name": "entrocraft", "lower": [0.8, 0.4]},
        "arms.none.method: lower 0.8 is above upper 0.7",
    ),
    (
        "arms.none.method",
        {"name": "aent", "H_low": 0.5},
        "arms.none.method: H_low = 0.5 is above H_high = 0.23",
    ),
    (
        "arms.none.method",
        {"name": "clip_cov", "omega_low": 6.0},
        "arms.none.method: omega_low = 6.0 is not below omega_high = 5.0",
    ),
    (
        "arms.none.method",
        {"name": "qae", "K": 1.0},
        "arms.none.method.K: Input should be less than 1",
    ),
    (
        "arms.none.method",
        {"name": "skywork", "target": -0.1},
        "arms.none.method.target: Input should be greater than or equal to 0",
    ),
    (
        "arms.none.method",
        {"name": "clip_cov", "clip": [1.5, 1.0]},
        "arms.none.method.clip.0: Input should be less than or equal to 1",
    ),
    ("arms.none.training", {"learning_rat": 1}, "arms.none.training.learning_rat: unknown key"),
    ("arms.none.training", {"rollouts": 5}, "change the budget"),
    (
        "arms.base",
        {"method": {"name": "no_entropy"}},
        "arms.base: the results folder uses this name",
    ),
    ("arms", {"../x": {"method": {"name": "no_entropy"}}}, "arms.../x"),
    (
        "training.updates_per_rollout",
        1,
        "arms.clip_higher: clip_higher with clip (0.2, 0.28) does nothing",
    ),
    ("training.updates_per_rollout", 3, "not divisible by updates_per_rollout 3"),
    ("training.num_generations", 3, "training:"),
    ("training.per_device_train_batch_size", 3, "per_device_train_batch_size 3 does not divide"),
    ("training.learning_rate", None, "training.learning_rate: is missing"),
    ("training.learning_rate", "fast", "training.learning_rate:"),
    (
        "evaluation.benchmarks.arithmetic_test.k",
        [8],
        "k = 8 needs at least 8 samples per question, not 4",
    ),
    ("evaluation.benchmarks.aime_1066", {"samples": 4, "k": [1]}, "unknown benchmark 'aime_1066'"),
    (
        "evaluation.benchmarks.train",
        ARITHMETIC,
        "benchmarks.train: the training prompts use this file name",
    ),
    ("evaluation.benchmarks.arithmetic_test.per_level", None, "levels and per_level go together"),
    ("task.prompts", "arithmetics", "unknown prompts 'arithmetics'"),
    ("task.template", "boxt", "unknown template 'boxt'"),
    ("model", {"source": "pretrained", "name": "Qwen/Qwen3-4B-Base"}, "model.revision is missing"),
    (
        "model",
        {"source": "pretrained", "name": "Qwen/Qwen3-4B-Base", "revision": "main"},
        "model.revision: ",
    ),
    ("model.source", "hub", "model: unknown source 'hub'"),
    ("model.heads", 1, "heads 1 is odd"),
    ("model", {"source": "miniature"}, "a miniature policy needs a named training set"),
    ("task.limit", 5, "limit belongs to named sets"),
    ("evaluation.benchmarks.arithmetic_test.limit", 5, "limit belongs to named sets"),
    ("reference", "nobody", "reference 'nobody' is not an arm"),
    ("seeds", [1, 1], "hold a duplicate"),
    ("seeds", [], "seeds:"),
    ("extra", 1, "extra: unknown key"),
]


ON_THE_RATIO = ["clip_higher", "kl_cov", "ce_gppo", "cispo", "mai_clip"]


@pytest.mark.parametrize("method", get_args(AnyMethod), ids=lambda cls: cls.__name__)
def test_methods_that_need_a_ratio_are_refused_without_one(method: Any) -> None:
    """And those alone, with the settings that they come with."""
    content = yaml.safe_load(yaml.safe_dump(SMOKE))
    content["training"]["updates_per_rollout"] = 1
    name = next(f.default for f in fields(method) if f.name == "name")
    settings = {"coefficient": 0.1} if name == "fixed_coefficient" else {}
    content["arms"] = {"none": {"method": {"name": name} | settings}}
    refused = False
    try:
        Experiment.model_validate(content)
    except ValidationError as error:
        refused = "where every ratio is 1" in str(error)
    assert refused == (name in ON_THE_RATIO)


@pytest.mark.parametrize(("path", "value", "message"), REFUSED, ids=lambda x: str(x)[:40])
def test_refusals_name_file_key_and_remedy(
    path: str, value: Any, message: str, tmp_path: Path
) -> None:
    file = changed(tmp_path, path, value)
    with pytest.raises(BadInput) as refusal:
        load_experiment(file)
    assert message in str(refusal.value)
    assert str(file) in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "duplicate key 'a'"),
        ("a: [1", "not readable as YAML"),
        ("- 1\n", "is not a mapping of keys"),
        ("", "is not a mapping of keys"),
        ("a: !!python/object/apply:os.system ['true']\n", "not readable as YAML"),
        ("? [1, 2]\n: 3\n", "a key must be plain text"),
        ("[" * 5000, "not readable as YAML"),
    ],
)
def test_files_that_are_no_spec(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(text)
    with pytest.raises(BadInput, match=r"spec\.yaml") as refusal:
        load_experiment(file)
    assert message in str(refusal.value)


@pytest.mark.parametrize("text", ["{}", "[1]", "", "seeds: 3", "{evaluation: {}, training: {}}"])
def test_a_file_without_blocks_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    with pytest.raises(BadInput, match=r"x\.yaml: (name: is missing|is not a mapping)"):
        load_experiment(file)


def test_unknown_experiment_lists_the_known_ones() -> None:
    with pytest.raises(BadInput, match=r"no experiment 'aritmetic'.*arithmetic, .*smoke"):
        load_experiment("aritmetic")


def test_a_command_says_it_in_one_line_and_writes_nothing(tmp_path: Path) -> None:
    file = changed(tmp_path, "arms.aer.method.tau", 2)
    out = tmp_path / "results" / "spec.yaml"
    command = [sys.executable, "-m", "experiments.spec.resolved", str(file), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {file}: arms.aer.method.tau: ")
    assert "Traceback" not in done.stderr
    assert not out.parent.exists()


MINI = (FOLDER / "maths_mini.yaml").read_text()


@pytest.mark.parametrize(
    ("data_dir", "message"),
    [
        ("$NO_SUCH_VARIABLE", "the environment does not set $NO_SUCH_VARIABLE"),
        ("/no/such/folder", "there is no folder '/no/such/folder'"),
        ("$HERE", "has no math_train.jsonl: put the set math_train there"),
    ],
)
def test_missing_data_is_one_message_before_anything_is_written(
    data_dir: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "mini.yaml"
    file.write_text(MINI.replace("$BENCHMARK_DATA", data_dir))
    assert load_experiment(file).name == "maths_mini", "the file itself is sound"
    command = [
        sys.executable,
        "-m",
        "experiments.spec.resolved",
        str(file),
        "--out",
        str(tmp_path / "results" / "spec.yaml"),
    ]
    environment = {**os.environ, "HERE": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {file}: data_dir: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_the_resolved_spec_names_the_folder_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCHMARK_DATA", str(tmp_path))
    file = tmp_path / "spec.yaml"
    file.write_text(resolved_yaml(load_experiment("maths_mini")))
    monkeypatch.delenv("BENCHMARK_DATA")
    assert load_experiment(file).data_dir == str(tmp_path)


def test_run_specs_differ_where_the_runs_do_and_only_there(tmp_path: Path) -> None:
    before, after = (
        load_experiment("smoke"),
        load_experiment(changed(tmp_path, "arms.aer.method.tau", 0.5)),
    )

    def hash_of(experiment: Experiment, arm: str, seed: int) -> str:
        return spec_hash(run_spec(experiment, arm, seed))

    assert hash_of(before, "aer", 1) != hash_of(after, "aer", 1)
    assert hash_of(before, "none", 1) == hash_of(after, "none", 1)
    assert hash_of(before, "none", 1) != hash_of(before, "none", 2)
    assert hash_of(before, "none", 1) == hash_of(
        load_experiment(changed(tmp_path, "question", "Why?")), "none", 1
    )


# ---- keys and values as people mistype them


def smoke_with(folder: Path, old: str, new: str) -> Path:
    text = (FOLDER / "smoke.yaml").read_text(encoding="utf-8")
    assert old in text
    (folder / "mine.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder / "mine.yaml"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("training:\n", "training:\n  learning_rat: 1\n", "training.learning_rat: unknown key: did"
         " you mean 'learning_rate'"),
        ("evaluation:\n", "evaluation:\n  data_dir: x\n", "evaluation.data_dir: unknown key: it"
         " belongs to the top of the file"),
        ("seeds:", "top_p: 1\nseeds:", "top_p: unknown key: it belongs to training.top_p or "
         "arms.<name>.method.top_p or evaluation.top_p"),
        ("source: tiny", "source: tiny, stesp: 1", "model.stesp: unknown key: did you mean 'steps'"),
        ("arithmetic_test:", "aime_2024:", "benchmarks.aime_2024: this is the name of a named set"),
    ],
    ids=["misspelt", "wrong block", "top level", "union", "known set"],
)  # fmt: skip
def test_a_key_that_does_not_exist_is_answered_with_the_one_that_was_meant(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(BadInput) as refusal:
        load_experiment(smoke_with(tmp_path, old, new))
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10), ("0x1F", 31), ("0o17", 15), ("+5", 5), ("1:30", "1:30"), ("yes", "yes"),
        ("no", "no"), ("off", "off"), ("true", True), ("False", False), ("1e-3", 1e-3),
        (".5", 0.5), ("3.", 3.0), ("~", None), ("", None), ("2001-01-01", "2001-01-01"),
        ("1_000", "1_000"), ("'x'", "x"),
    ],
)  # fmt: skip
def test_yaml_is_read_as_its_version_1_2_says(tmp_path: Path, text: str, value: object) -> None:
    """Version 1.1 makes 8 of 010, 90 of 1:30, and true or false of yes, no, on and off."""
    (tmp_path / "a.yaml").write_text(f"key: {text}\nno: 1\n")
    assert read_yaml(tmp_path / "a.yaml") == {"key": value, "no": 1}


def test_a_word_is_no_number(tmp_path: Path) -> None:
    text = (FOLDER / "smoke.yaml").read_text(encoding="utf-8")
    rate = next(line for line in text.splitlines() if "learning_rate" in line)
    file = smoke_with(tmp_path, rate, f"{rate.partition(':')[0]}: yes")
    with pytest.raises(BadInput, match="learning_rate"):
        load_experiment(file)


def test_a_method_without_a_file_of_its_name_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from experiments.workflow import steps

    monkeypatch.setattr(steps, "module_file", lambda name: FOLDER / f"{name}.py")
    with pytest.raises(BadInput, match=r"there is no methods/aer.py: the `name` of a method"):
        steps.training_code(load_experiment("smoke"), "aer")
