"""What a GPU does, in one command of under ten minutes.

    python -m tests.speed.gpu --out FOLDER                  on a machine with a GPU
    python -m tests.speed.gpu --out FOLDER --toy            all parts in miniature on the CPU: that they run, not how fast

    steps    time and peak memory of an optimizer step against stock TRL's (gpu_steps.py)
    parity   the tests that hold the trainer to stock TRL, in float32, with deterministic algorithms
    grpo     the runs of experiments/arithmetic_gpu.yaml: entropy over training for every arm (gpu_grpo.py)

FOLDER gets results.json and results.md, written anew after each part, the parts' logs, and
entropy.png. A part may take its share of the minutes and what earlier parts left of theirs. One
that fails, or is stopped when its time is up, says so and keeps what it measured until then, and
the next one starts. One card is used, the first that is visible.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml

from eval.files.errors import BadInput, exit_with_message
from eval.files.jsonl import read_rows
from experiments.run.record import git_revision, versions
from tests.speed.gpu_tables import markdown

CHECKOUT = Path(__file__).parents[2]
NAME = "arithmetic_gpu"  # of the experiment
GRACE_S = 20.0  # between asking a part to stop and killing it
Row = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """Where the parts write, and at which size they run."""

    out: Path
    toy: bool

    def run(self, name: str, command: list[str], limit_s: float) -> str:
        """Runs a command with its output in FOLDER/<name>.log; how it ended, in words."""
        environment = {
            **os.environ,
            "PYTHONPATH": f"{CHECKOUT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            "CUDA_VISIBLE_DEVICES": ""
            if self.toy
            else os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0],
        }
        with (self.out / f"{name}.log").open("w") as log:
            # In a session of its own, so that stopping it reaches what it started as well.
            process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=CHECKOUT,
                env=environment,
                start_new_session=True,
            )
            try:
                code = process.wait(limit_s)
            except subprocess.TimeoutExpired:
                return f"stopped after {limit_s:.0f} s"
            finally:
                stop(process)
        return "finished" if code == 0 else f"failed with exit code {code}, see {name}.log"


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Interrupts a process that runs, as Ctrl-C does, and kills what is left of its session after a
    grace.
    """
    try:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:  # nothing is left
        return
    process.wait()


def steps(job: Job, limit_s: float) -> Row:
    rows = job.out / "steps.jsonl"
    rows.unlink(missing_ok=True)
    script = str(Path(__file__).with_name("gpu_steps.py"))
    status = job.run(
        "steps", [sys.executable, script, "--out", str(rows), *["--toy"] * job.toy], limit_s
    )
    return {"status": status, "rows": read_rows(rows, torn_ok=True) if rows.exists() else []}


def parity(job: Job, limit_s: float) -> Row:
    report = job.out / "parity.xml"
    report.unlink(missing_ok=True)
    one = ["-k", "constant_weight"] * job.toy
    tests = ["tests/training/test_parity.py", *["tests/training/test_trainer.py"] * (not job.toy)]
    options = [
        "--device",
        "cpu" if job.toy else "cuda",
        f"--junitxml={report}",
        "-p",
        "no:cacheprovider",
    ]
    status = job.run("parity", [sys.executable, "-m", "pytest", *tests, *options, *one], limit_s)
    return {"status": status, "rows": list(map(outcome, cases(report)))}


def cases(report: Path) -> list[ElementTree.Element]:
    """The tests that ran, also where pytest was interrupted."""
    return list(ElementTree.parse(report).iter("testcase")) if report.exists() else []


def outcome(case: ElementTree.Element) -> Row:
    """`difference`: the largest of any weight between the two runs that the test compares, where it
    says so.
    """
    failed = case.find("failure") is not None or case.find("error") is not None
    found = case.find("properties/property[@name='difference']")
    return {
        "test": case.get("name"),
        "result": "failed" if failed else "passed",
        "difference": None if found is None else float(found.get("value", "nan")),
        "seconds": float(case.get("time", "nan")),
    }


def grpo(job: Job, limit_s: float) -> Row:
    deadline = time.monotonic() + limit_s
    root = job.out / "results" / NAME
    shutil.rmtree(root, ignore_errors=True)
    source = job.out / "experiment.yaml"
    source.write_text(yaml.safe_dump(experiment(job.toy), sort_keys=False))
    script = str(Path(__file__).with_name("gpu_grpo.py"))
    status = job.run(
        "grpo", [sys.executable, script, str(source), "--results", str(root.parent)], 0.8 * limit_s
    )
    figure = root / "figures" / "entropy.png"
    if not figure.exists():  # of the rollouts that there are
        job.run(
            "figures",
            [sys.executable, "-m", "analysis.figures", str(root)],
            max(0.0, deadline - time.monotonic()),
        )
    if figure.exists():
        shutil.copy(figure, job.out / figure.name)
    base = root / "base" / "policy" / "accuracy.json"
    return {
        "status": status,
        "base_accuracy": json.loads(base.read_text()) if base.exists() else None,
        "rows": [curve(log) for log in sorted(root.glob("*/seed-*/train.jsonl"))],
    }


def curve(log: Path) -> Row:
    """Of one run, an entry per rollout."""
    rollouts = read_rows(log, torn_ok=True)
    keys = ("entropy", "accuracy", "seconds_rollout", "seconds_update")
    return {"arm": log.parent.parent.name} | {key: [row[key] for row in rollouts] for key in keys}


def experiment(toy: bool) -> Row:
    """arithmetic_gpu; as a toy, smoke with one of its arms, under the same name."""
    content = yaml.safe_load(
        (CHECKOUT / "experiments" / f"{'smoke' if toy else NAME}.yaml").read_text()
    )
    if toy:
        content |= {
            "name": NAME,
            "arms": {"aer": content["arms"]["aer"]},
            "reference": "aer",
            "seeds": [1],
        }
    return content


PARTS: dict[str, tuple[Callable[[Job, float], Row], float]] = {  # and their shares of the time
    "steps": (steps, 0.45),
    "parity": (parity, 0.15),
    "grpo": (grpo, 0.4),
}


def machine() -> Row:
    """Cards with their drivers as nvidia-smi names them; host, processor and versions."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    found = (
        subprocess.run(query, capture_output=True, text=True) if shutil.which(query[0]) else None
    )
    cards = found.stdout.strip().splitlines() if found and found.returncode == 0 else []
    return {
        "gpus": cards,
        "host": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        **versions(),
    }


def run(job: Job, parts: list[str], minutes: float) -> None:
    """Runs the parts one after another and writes the results so far after each."""
    deadline = time.monotonic() + 60 * minutes
    results: Row = {"toy": job.toy, "revision": git_revision(), "machine": machine(), "parts": {}}
    for place, name in enumerate(parts):
        measure, share = PARTS[name]
        waiting = sum(PARTS[each][1] for each in parts[place:])
        started = time.monotonic()
        found = measure(job, max(0.0, deadline - started) * share / waiting)
        results["parts"][name] = found | {"seconds": time.monotonic() - started}
        (job.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
        (job.out / "results.md").write_text(markdown(results))
        print(f"{name}: {found['status']}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--toy", action="store_true", help="in miniature on the CPU")
    parser.add_argument("--minutes", type=float, default=9.5, help="for all parts together")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    arguments = parser.parse_args()
    with exit_with_message():
        if not arguments.toy and not machine()["gpus"]:
            raise BadInput("nvidia-smi finds no GPU here: run it where there is one, or with --toy")
        arguments.out.mkdir(parents=True, exist_ok=True)
        run(Job(arguments.out.resolve(), arguments.toy), arguments.parts, arguments.minutes)


if __name__ == "__main__":
    main()
