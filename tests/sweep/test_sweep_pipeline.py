"""A sweep through the real Snakefile at miniature size: more workers at once than trials, one of them
killed in the middle of its trial.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from eval.files.durable import discard
from eval.files.errors import BadInput
from eval.files.marks import mark_folder
from experiments.spec.resolved import write_spec
from experiments.sweep import gather as sweep_results
from experiments.sweep.commands import end_worker
from experiments.sweep.gather import gather
from experiments.sweep.jobs import TrialFailed, follow_rows
from experiments.sweep.journal import Journal
from experiments.sweep.settings import MedianPruning
from experiments.sweep.setup import TrialSetup, study_journal, trial_setup
from experiments.sweep.sweep_file import load_study
from experiments.sweep.trial import is_worse, question_scores, seed_results
from experiments.workflow.repair import repair
from tests.sweep.test_sweep_study import SMOKE, study_file
from tests.workflow.test_pipeline import copied, edited

STUDY = SMOKE | {"seeds": [11], "trials": 2, "workers": 3, "retries": 0}


def sweep(
    checkout: Path, *arguments: str, config: Sequence[str] = (), target: str = "sweep"
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "snakemake", target, "--cores", "4", *arguments]
    command += ["--config", "sweep=study.yaml", *config]
    return subprocess.Popen(
        command, cwd=checkout, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def finished(job: subprocess.Popen[str]) -> str:
    output, _ = job.communicate()
    assert job.returncode == 0, output[-3000:]
    return output


def working(checkout: Path) -> dict[str, int]:
    """Worker → process, of those that are in the middle of a trial's training."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode().split("\0")
            here = (entry / "cwd").resolve() == checkout
        except OSError:
            continue
        if here and words[1:4] == ["-m", "experiments.sweep", "work"]:
            found[words[words.index("--worker") + 1]] = int(entry.name)
    return found


def trials(checkout: Path) -> pd.DataFrame:
    return pd.read_csv(checkout / "results" / "smoke" / "sweep" / "smoke_ratio" / "trials.csv")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = copied(tmp_path_factory.mktemp("sweep").resolve())
    (copy / "study.yaml").write_text(yaml.safe_dump(STUDY))
    return copy


def test_a_sweep_goes_without_an_arm_that_it_is_to_make(checkout: Path) -> None:
    tuned = "arms:\n  tuned: {from: results/smoke/sweep/smoke_ratio/aer/best.yaml}"
    with edited(
        checkout / "experiments" / "smoke.yaml", lambda text: text.replace("arms:", tuned, 1)
    ):
        assert "sweep_gather" in finished(sweep(checkout, "-n"))
        job = sweep(checkout, "-n", target="all")
        assert "arms.tuned.from: there is no file" in job.communicate()[0]
        assert job.returncode != 0


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds the workers in /proc")
def test_a_bad_launch_file_and_a_killed_worker_cost_no_trial_and_make_none_too_many(
    checkout: Path,
) -> None:
    (checkout / "bad.yaml").write_text("no configuration of accelerate")
    job = sweep(checkout, config=["launch=bad.yaml"])
    output, _ = job.communicate()
    assert job.returncode != 0
    assert re.search(
        r"error: .*aer: 2 trials of 2, 2 of them failed \(training .* run the sweep again", output
    )

    job = sweep(checkout)
    folder = checkout / "results" / "smoke" / "sweep" / "smoke_ratio"
    runs = folder / "aer" / "runs"
    while job.poll() is None and not list(runs.glob("*/seed-11/checkpoints/lock")):
        time.sleep(0.05)
    assert job.poll() is None, finished(job)
    assert job.stdout
    busy = working(checkout)
    os.kill(busy[min(busy)], signal.SIGKILL)
    job.communicate()
    assert job.returncode != 0
    finished(sweep(checkout))
    rows = trials(checkout)
    assert list(rows["state"]) == ["complete"] * 2
    assert sorted(rows["method.tau"]) == [0.2, 0.8]
    assert "Nothing to be done" in finished(sweep(checkout))

    (checkout / "study.yaml").write_text(yaml.safe_dump(STUDY | {"trials": 3}))
    page = Path("results") / "smoke" / "sweep" / "smoke_ratio" / "report.html"
    assert f"Report: {page}" in finished(sweep(checkout))
    assert len(trials(checkout)) == 3
    assert trials(checkout)["run"][:2].tolist() == rows["run"].tolist()

    best = yaml.safe_load((folder / "aer" / "best.yaml").read_text())
    chosen = trials(checkout).query("chosen").iloc[0]
    assert best["method"]["tau"] == chosen["method.tau"]
    assert chosen["score"] == trials(checkout)["score"].max()
    assert (folder / "report.html").stat().st_size > 10_000

    smoke = checkout / "experiments" / "smoke.yaml"
    with edited(smoke, lambda text: re.sub(r"draws: \d+", "draws: 123", text)):
        assert "Nothing to be done" in finished(sweep(checkout, "-n"))
    with edited(
        smoke, lambda text: re.sub(r"learning_rate: \S+", "learning_rate: 0.002", text, count=1)
    ):
        plan = finished(sweep(checkout, "-n")).rpartition("Job stats:")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"^(sweep_\w+) +(\d+)$", plan, re.MULTILINE)) == [
        ("sweep_gather", "1"),
        ("sweep_report", "1"),
        ("sweep_tracked", "1"),
        ("sweep_work", "3"),
    ]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """The journal of a prepared sweep of three trials, which no worker has seen."""
    study, experiment = load_study(study_file(tmp_path))
    folder = tmp_path / "results" / "smoke" / "sweep" / "smoke_ratio"
    write_spec(experiment, folder.parents[1] / "spec.yaml")
    (folder / "workers").mkdir(parents=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(study.model_dump(mode="json")))
    return study_journal(trial_setup(folder))


def end(journal: Journal, *scores: float) -> None:
    """Ends all trials: the first with these scores, the others with a failure that repeats
    itself.
    """
    waiting = list(scores)
    while taken := journal.take("0"):
        if waiting:
            taken.study.tell(taken.trial, waiting.pop(0))
        else:
            journal.fail(taken, "no driver")


def test_a_sweep_without_a_result_is_refused_and_the_next_start_goes_on(
    journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = journal.folder
    done, mark, best = (
        folder / "workers" / "0.done",
        folder / "trials.checksums.json",
        folder / "aer" / "best.yaml",
    )
    end(journal)
    done.touch()
    with pytest.raises(
        BadInput,
        match=r"aer: 3 trials of 3, 3 of them failed \(no driver\).* run the sweep again",
    ):
        gather(folder)
    assert not done.exists()  # or the next start would gather again, and try nothing
    assert not mark.exists()
    assert not best.exists()
    journal.renew("the next start")
    end(journal, 0.5)
    done.touch()
    gather(folder)
    assert "2 of them failed (no driver). To try these again" in capsys.readouterr().out
    assert done.exists()
    assert mark.exists()
    assert yaml.safe_load(best.read_text())["method"]["tau"] == 0.2


def test_a_best_arm_is_never_gone_while_there_is_one(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An experiment that reads it as an arm could not be loaded, not even to make it again."""
    end(journal, 0.5, 0.6, 0.7)
    gather(journal.folder)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep_results, "write_text", dies)
    with pytest.raises(KeyboardInterrupt):
        gather(journal.folder)
    assert (journal.folder / "aer" / "best.yaml").exists()


def results(tmp_path: Path) -> Path:
    """A run of two rollouts, and counts of two questions with 4 answers each: 1 and 3 right."""
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "arithmetic_validation.counts.csv").write_text(
        "problem_id,n,correct,truncated,tokens\na,4,1,1,10\nb,4,3,0,30\n"
    )
    rows = [
        {
            "rollout": 0,
            "entropy": 0.5,
            "tokens_generated": 70,
            "seconds_rollout": 1.0,
            "seconds_rest": 0.5,
        },
        {
            "rollout": 1,
            "entropy": 0.2,
            "tokens_generated": 150,
            "seconds_rollout": 2.0,
            "seconds_rest": 0.5,
        },
    ]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_what_a_seed_showed_by_hand(tmp_path: Path) -> None:
    study, _ = load_study(study_file(tmp_path))
    run = results(tmp_path)
    assert seed_results(study, run / "train.jsonl", run / "eval") == {
        "score": 0.5,
        "initial_entropy": 0.5,
        "final_entropy": 0.2,
        "length": 5.0,
        "truncated": 0.125,
        "tokens_generated": 150,
        "seconds": 4.0,
    }
    objective = {"benchmark": "arithmetic_validation", "measure": "pass_at_k", "k": 2}
    pairs, _ = load_study(study_file(tmp_path, objective=objective))
    assert question_scores(pairs, run / "eval") == pytest.approx(
        [1 / 2, 1.0]
    )  # 1 - C(3,2)/C(4,2), 1 - C(1,2)/C(4,2)


class Judge:
    """A pruner that is shown values and has made up its mind."""

    def __init__(self) -> None:
        self.shown: list[tuple[float, int]] = []

    def report(self, value: float, step: int) -> None:
        self.shown.append((value, step))

    def should_prune(self) -> bool:
        return True


def test_the_wilcoxon_pruner_sees_each_question_under_a_step_of_its_own(tmp_path: Path) -> None:
    run, judge = results(tmp_path), Judge()
    study, _ = load_study(study_file(tmp_path, pruner={"name": "wilcoxon"}))
    assert is_worse(study, run / "eval", 1, judge)
    assert judge.shown == [(0.25, 2), (0.75, 3)]
    none, _ = load_study(study_file(tmp_path))
    assert not is_worse(none, run / "eval", 0, judge)
    assert len(judge.shown) == 2


def test_a_growing_log_is_read_to_its_end_once(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    writer = "import sys\nwith open(sys.argv[1], 'w') as f:\n  for i in range(3): print('{\"rollout\": %d}' % i, file=f)"
    job = subprocess.Popen([sys.executable, "-c", writer, str(path)])
    assert [row["rollout"] for row in follow_rows(path, job)] == [0, 1, 2]


def test_a_kill_while_a_policy_is_deleted_leaves_a_sound_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "smoke" / "seed-11" / "policy"
    policy.mkdir(parents=True)
    (policy / "model.safetensors").write_bytes(b"weights")
    mark_folder(policy)

    def dies(folder: Path, **_: Any) -> None:
        if folder.exists():
            next(folder.glob("*.safetensors")).unlink()
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", dies)
        with pytest.raises(KeyboardInterrupt):
            discard(policy)
    repair(tmp_path)
    assert not policy.exists()
    discard(policy)
    assert list(policy.parent.iterdir()) == []


def test_a_bad_trial_and_a_stopped_one_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from experiments.sweep import trial as sweep_trial

    study, experiment = load_study(study_file(tmp_path, pruner={"name": "median", "warmup": 0.0}))
    assert isinstance(study.pruner, MedianPruning)
    desk = TrialSetup(
        study, experiment, tmp_path / "results" / "smoke" / "sweep" / "smoke_ratio", "code"
    )
    rows = json.dumps({"rollout": 0, "accuracy": 0.25}) + "\n"

    def command(script: str) -> Any:
        def start(words: list[str], log: Path, threads: int) -> subprocess.Popen[bytes]:
            out = Path(words[words.index("--out") + 1])
            out.mkdir(parents=True)
            (out / "train.jsonl").write_text(rows)
            log.write_text("the last words\n")
            return subprocess.Popen([sys.executable, "-c", script])

        return start

    judge = Judge()
    monkeypatch.setattr(sweep_trial, "start_job", command("import time; time.sleep(600)"))
    outcome = sweep_trial.run_trial(desk, "aer", {"method.tau": 0.3}, judge)
    assert outcome.stopped == "stopped in training of seed 11"
    assert judge.shown == [(0.25, 0)]
    monkeypatch.setattr(sweep_trial, "start_job", command("raise SystemExit(3)"))
    none, _ = load_study(study_file(tmp_path))
    with pytest.raises(
        TrialFailed,
        match=r"training of seed 11 ended with code 3, see .*: the last words",
    ):
        sweep_trial.run_trial(
            TrialSetup(none, experiment, desk.folder, "code"), "aer", {"method.tau": 0.4}, judge
        )
    with pytest.raises(BadInput, match=r"at method\.tau = 7"):
        sweep_trial.run_trial(desk, "aer", {"method.tau": 7}, judge)


SAVES_AT_SIGTERM = """
import pathlib, signal, sys
def save(*_):
    pathlib.Path("saved").touch()
    sys.exit(75)
signal.signal(signal.SIGTERM, save)
pathlib.Path("ready").touch()
signal.pause()
"""


def test_a_worker_that_is_told_to_end_lets_its_training_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM comes before a time limit; SIGKILL to the training would cost what it has not
    saved.
    """
    from experiments.sweep.jobs import attended, start_job

    monkeypatch.chdir(tmp_path)
    job = start_job(["python", "-c", SAVES_AT_SIGTERM], tmp_path / "log", 1)
    while not (tmp_path / "ready").exists():
        assert job.poll() is None
        time.sleep(0.01)
    with pytest.raises(SystemExit), attended(job):
        end_worker()
    assert job.returncode == 75
    assert (tmp_path / "saved").exists()
