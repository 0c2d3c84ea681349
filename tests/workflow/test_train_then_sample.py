"""One process that trains a run and samples its policy: equal to two, whatever happens between."""

import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from eval.files.errors import INTERRUPTED
from eval.files.jsonl import Row, read_rows
from eval.questions.problems import write_problems
from eval.sample import main as sample
from experiments.families import Arithmetic
from experiments.families.family import draw_problems
from experiments.spec.experiment_file import load_experiment
from experiments.spec.resolved import write_spec
from experiments.workflow.launcher import ONE, TRAIN_THEN_SAMPLE, base_launcher, run_launcher
from experiments.workflow.layout import StudyLayout
from experiments.workflow.train_then_sample import main, run_command
from tests.training.killed_runs import make_root, small, start

ROOT = Path(__file__).parents[2]
MINI = Path(__file__).with_name("mini.yaml")
SEED = 1


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with a complete run of arm aer, which was killed before it sampled."""
    folder = tmp_path_factory.mktemp("results") / small().name
    folder.mkdir()
    root = make_root(folder, rollouts=1)
    questions = draw_problems(Arithmetic(), [1, 2], 5, "test", 0)
    write_problems(root / "problems" / "arithmetic_test.jsonl", questions)
    assert start(root, seed=SEED) == 0
    return root


def train_and_sample(root: Path) -> None:
    arguments = ["experiments.train", "--spec", f"{root}/spec.yaml", "--arm", "aer"]
    main([*arguments, "--seed", str(SEED)])


def layout(root: Path) -> StudyLayout:
    return StudyLayout(load_experiment(root / "spec.yaml"), root.parent)


def sample_again(arguments: list[str], folder: Path) -> list[Row]:
    """Samples of one set by the command alone, in another folder."""
    arguments[arguments.index("--out") + 1] = str(folder)
    sample(arguments)
    name = Path(arguments[arguments.index("--problems") + 1]).stem
    return read_rows(folder / f"{name}.samples.jsonl")


def test_a_run_that_was_killed_before_it_sampled_is_sampled_and_not_trained(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained / "aer" / f"seed-{SEED}"
    before = (run / "train.jsonl").read_bytes()
    train_and_sample(trained)
    assert "is complete" in capsys.readouterr().out
    assert (run / "train.jsonl").read_bytes() == before
    assert (run / "eval" / "arithmetic_test.sampled").exists()
    rows = sample_again(layout(trained).sampling_arguments("aer", SEED), tmp_path)
    assert len(rows) == 2 * 5 * 4
    assert read_rows(run / "eval" / "arithmetic_test.samples.jsonl") == rows


def test_the_sample_job_finds_the_samples_complete(
    trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train_and_sample(trained)
    capsys.readouterr()
    monkeypatch.setattr("eval.sample.load_tokenizer", lambda *_: pytest.fail("loaded"))
    sample(layout(trained).sampling_arguments("aer", SEED))
    assert "arithmetic_test: complete" in capsys.readouterr().err


def test_sampling_that_fails_is_left_to_its_own_job(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = trained / "problems" / "arithmetic_test.jsonl"
    kept = questions.read_bytes()
    questions.unlink()
    try:
        train_and_sample(trained)
    finally:
        questions.write_bytes(kept)
    assert "the sampling job will try again" in capsys.readouterr().err


def test_a_run_that_is_refused_is_not_sampled(trained: Path) -> None:
    arguments = ["experiments.train", "--spec", f"{trained}/spec.yaml", "--arm", "nobody"]
    with pytest.raises(SystemExit, match="2"):
        main([*arguments, "--seed", str(SEED)])


def test_a_base_policy_is_sampled_once_its_problems_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = load_experiment(str(MINI))
    made = StudyLayout(study, tmp_path)
    made.root.mkdir()
    write_spec(study, Path(made.spec))
    make_base = ["experiments.policies.tiny", "--spec", made.spec, "--out", made.base_policy()]
    main(make_base)
    sampled = [Path(mark) for mark in made.marks(made.root / "base", made.base_sets, "sampled")]
    assert not any(mark.exists() for mark in sampled)
    run_command("experiments.tasks", ["--spec", made.spec, "--out", str(made.problems_mark.parent)])
    weights = Path(made.base_policy(), "model.safetensors")
    before = weights.stat().st_mtime_ns
    main(make_base)
    assert weights.stat().st_mtime_ns == before
    assert all(mark.exists() for mark in sampled)
    for name in made.base_sets:
        apart = made.base_sampling_arguments(name)
        assert sample_again(apart, tmp_path) == read_rows(
            made.root / "base" / "eval" / f"{name}.samples.jsonl"
        )
    assert "sampling failed" not in capsys.readouterr().err


def test_only_a_policy_that_is_made_here_on_a_cpu_is_sampled_where_it_was_made() -> None:
    tiny = small()
    assert run_launcher({}, tiny) == TRAIN_THEN_SAMPLE
    assert base_launcher({"processes": 2}, tiny) == base_launcher({}, tiny) == TRAIN_THEN_SAMPLE
    assert run_launcher({"gpus": 1}, tiny) == base_launcher({"gpus": 1}, tiny) == ONE
    assert run_launcher({"processes": 2}, tiny).startswith("accelerate launch")
    pretrained = load_experiment("qwen3_0_6b_one_gpu")
    assert run_launcher({}, pretrained) == base_launcher({}, pretrained) == ONE


def test_it_samples_by_the_commands_of_the_rules(tmp_path: Path) -> None:
    """A dry run prints those. Were they different, the rules would do all of it again."""
    options = ["-n", "-p", "--cores", "1", "--snakefile", str(ROOT / "Snakefile")]
    run, base = "results/smoke/aer/seed-1", "results/smoke/base"
    targets = [f"{folder}/eval/arithmetic_test.sampled" for folder in (run, base)]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", *options, "--directory", str(tmp_path)),
            *("--config", "experiment=smoke", "--", *targets),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 0, said[-2000:]
    mine = StudyLayout(load_experiment("smoke"), Path("results"))
    of_base = [mine.base_sampling_arguments(name) for name in mine.base_sets]
    assert len(of_base) == 2
    for arguments in (mine.sampling_arguments("aer", 1), *of_base):
        assert f"-m eval.sample {' '.join(arguments)} > " in said


@pytest.mark.parametrize(("code", "ends"), [(INTERRUPTED, True), (2, False)])
def test_ctrl_c_ends_sampling_with_its_own_code(
    trained: Path, monkeypatch: pytest.MonkeyPatch, code: int, ends: bool
) -> None:
    def run(module: str, arguments: list[str]) -> None:
        if module == "eval.sample":
            raise SystemExit(code)

    monkeypatch.setattr("experiments.workflow.train_then_sample.run_command", run)
    with pytest.raises(SystemExit, match=str(code)) if ends else nullcontext():
        train_and_sample(trained)
