"""The experiments that ship: each lists its whole graph on a machine without GPU, network, data or
weights.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eval.files.errors import BadInput
from eval.questions.named_sets import SOURCES
from experiments.doctor import command as doctor
from experiments.policies.folder import make_policy_folder
from experiments.policies.load_save import policy_source
from experiments.policies.pretrained import SNAPSHOT_FILES, download, link_or_copy
from experiments.spec.data_folder import named_sets
from experiments.spec.experiment_file import (
    DEFAULT_EXPERIMENT,
    load_experiment,
    shipped_experiments,
)
from experiments.spec.policy_settings import HubPolicy
from experiments.workflow.layout import StudyLayout

ROOT = Path(__file__).parents[2]
PROBES = sorted(path.stem for path in (ROOT / "experiments" / "probes").glob("*.yaml"))
NAMES = shipped_experiments()
COMMIT = "0123456789abcdef0123456789abcdef01234567"
BARE = {
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
    "https_proxy": "http://127.0.0.1:9",
    "PYTHONPATH": str(ROOT),
}


def listed(name: str, folder: Path) -> dict[str, int]:
    """Rule → number of jobs that the first run of an experiment would start, from an empty working
    directory.
    """
    data = folder / "data"
    data.mkdir()
    for part in (
        named_sets(load_experiment(name)) if name == "maths_mini" else ()
    ):  # its data_dir must be there, not what is in it
        (data / SOURCES[part].file).touch()
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-n",
        "-s",
        str(ROOT / "Snakefile"),
        "--directory",
        str(folder),
    ]
    command += ["--cores", "1", "all", "--config", f"experiment={name}"]
    environment = {
        **os.environ,
        **BARE,
        "HF_HOME": str(folder / "hub"),
        "BENCHMARK_DATA": str(data),
    }
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, cwd=folder
    )
    assert done.returncode == 0, done.stderr[-3000:]
    table = (done.stdout + done.stderr).rpartition("Job stats:")[2].partition("\n\n")[0]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


# of the probes, which differ in settings alone, the default one
@pytest.mark.parametrize("name", [name for name in NAMES if name not in PROBES] + ["rare"])
def test_a_dry_run_lists_every_run(name: str, tmp_path: Path) -> None:
    experiment = load_experiment(name)
    jobs = listed(name, tmp_path)
    runs = len(experiment.arms) * len(experiment.seeds)
    sets = len(experiment.evaluation.benchmarks) + bool(experiment.task.strata_samples)
    assert jobs["train"] == jobs["sample"] == jobs["score"] == runs
    assert jobs["base_sample"] == jobs["base_score"] == sets
    assert jobs["base_policy"] == jobs["problems"] == jobs["report_page"] == 1


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_says_beforehand_what_would_refute_it(name: str) -> None:
    head = (ROOT / "experiments" / "probes" / f"{name}.yaml").read_text().partition("\nname:")[0]
    assert re.findall(r"^# (Claim|Expected|Refuted if)\b", head, re.MULTILINE) == [
        "Claim",
        "Expected",
        "Refuted if",
    ]
    experiment = load_experiment(name)
    assert experiment.name == name
    family: Any = experiment.task.generator
    longest = 0
    for level in experiment.task.levels or ():
        longest = max(longest, family.longest(level))
    if name != "arithmetic":  # where a tenth of the steps is written twice
        assert longest <= experiment.training.max_completion_length


@pytest.mark.parametrize("name", ["qwen3_4b", "qwen3_8b"])
def test_the_paper_sized_experiments_ask_what_they_should(name: str) -> None:
    experiment = load_experiment(name)
    methods = {arm.method.name for arm in experiment.arms.values()}
    assert methods == {"no_entropy", "fixed_coefficient", "clip_higher", "aer"}
    assert experiment.task.prompts == "dapo_math_17k"
    assert experiment.task.contamination == "drop"
    assert experiment.training.updates_per_rollout > 1
    benchmarks = experiment.evaluation.benchmarks
    assert {
        "aime_2024",
        "aime_2025",
        "aime_2026",
        "amc_2023",
        "math_500",
        "minerva_math",
        "olympiadbench",
    } == set(benchmarks)
    assert all(benchmarks[f"aime_{year}"].samples >= 32 for year in (2024, 2025, 2026))
    assert any(max(b.k) == 128 and b.samples >= 256 for b in benchmarks.values())
    for benchmark in benchmarks.values():
        assert max(benchmark.k) * 2 <= benchmark.samples, (
            "an estimate at k = n is one draw per question"
        )


def test_the_two_sizes_differ_in_the_model_alone() -> None:
    def rest(name: str) -> dict[str, object]:
        content = load_experiment(name).model_dump(exclude={"name", "question", "model"})
        del content["training"]["per_device_train_batch_size"]  # memory only
        return content

    assert rest("qwen3_4b") == rest("qwen3_8b")


def test_the_default_experiment_has_one_name() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert f"EXPERIMENT ?= {DEFAULT_EXPERIMENT}\n" in makefile
    assert doctor.DEFAULT == DEFAULT_EXPERIMENT
    assert load_experiment(DEFAULT_EXPERIMENT).name == DEFAULT_EXPERIMENT


def test_ablation_is_on_the_task_of_the_default_experiment() -> None:
    ablation, default = load_experiment("ablation"), load_experiment("rare")
    for part in ("model", "task", "training", "evaluation"):
        assert getattr(ablation, part) == getattr(default, part), part
    assert ablation.arms["aer"] == default.arms["aer"]
    assert ablation.arms["none"] == default.arms["none"]


# ---- a pretrained policy comes from the hub's cache
# --------------------------------------------------------------------


def cached(home: Path) -> HubPolicy:
    """A policy that the hub's cache has, and beside its weights what must never come along."""
    snapshot = home / "hub" / "models--Some--Model" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    for name in (
        "config.json",
        "model.safetensors",
        "merges.txt",
        "modeling_evil.py",
        "pytorch_model.bin",
    ):
        (snapshot / name).write_text(name)
    return HubPolicy(source="pretrained", name="Some/Model", revision=COMMIT)


@pytest.fixture
def offline_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


def test_a_fetched_policy_is_weights_configuration_and_tokenizer(offline_hub: Path) -> None:
    policy, out = cached(offline_hub), offline_hub / "policy"
    for _ in range(2):  # the second time over what is there
        make_policy_folder(
            out, {"settings": COMMIT}, lambda folder: link_or_copy(download(policy), folder)
        )
    assert sorted(path.name for path in out.iterdir() if path.name[0] != ".") == [
        "checksums.json",
        "config.json",
        "merges.txt",
        "model.safetensors",
    ]
    assert (out / "model.safetensors").read_text() == "model.safetensors"
    assert not any("py" in pattern or "bin" in pattern for pattern in SNAPSHOT_FILES)


def test_a_policy_that_cannot_be_fetched_is_one_message(offline_hub: Path) -> None:
    policy = HubPolicy(source="pretrained", name="Some/Absent", revision=COMMIT)
    with pytest.raises(
        BadInput,
        match=f"model Some/Absent at {COMMIT} cannot be downloaded .*: connect to the hub,",
    ):
        download(policy)


def test_a_local_folder_is_read_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results" / "qwen3_4b" / "base" / "policy").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "results" / "qwen3_4b" / "base" / "policy"):
        (folder / "model.safetensors").touch()
    experiment = load_experiment("qwen3_4b")
    local = experiment.model_copy(
        update={"model": HubPolicy(source="pretrained", name=str(tmp_path))}
    )
    for chosen, folder, waits in (
        (experiment, "results/qwen3_4b/base/policy", True),
        (local, str(tmp_path), False),
    ):
        layout = StudyLayout(chosen, Path("results"))
        assert layout.base_policy() == folder
        assert bool(layout.base_folder()) == waits
        assert policy_source(chosen, layout.root)["pretrained_model_name_or_path"] == folder
