"""Stands in for the steps that make problems, policies and verdicts, in a copy of the checkout: each
writes invented files in no time, with the marks that the real step leaves. For tests of the graph.

    none      right in 60 % of the answers, and so is aer
    clip_higher    in 5 %
"""

import json
from pathlib import Path

COMMANDS = {
    "experiments/tasks/__main__.py": "problems",
    "experiments/policies/tiny.py": "base",
    "experiments/workflow/train_then_sample.py": "train",
    "eval/sample.py": "sampled",
    "eval/score.py": "scored",
}
RATES = {"none": 0.6, "aer": 0.6, "clip_higher": 0.05}
QUESTIONS, SAMPLES = 40, 4


def replace_steps(checkout: Path) -> None:
    """Puts the stand-ins into a copy of the checkout."""
    (checkout / "experiments" / "workflow" / "stand_ins.py").write_text(Path(__file__).read_text())
    for file, kind in COMMANDS.items():
        line = f"from experiments.workflow.stand_ins import run_step\n\nrun_step({kind!r})\n"
        (checkout / file).write_text(line)


def run_step(kind: str) -> None:
    """Writes the files and marks of the step that the command line asks for."""
    import argparse

    from eval.files.marks import CHECKSUMS, known_parts, write_mark
    from experiments.spec.experiment_file import load_experiment
    from experiments.workflow.layout import StudyLayout
    from experiments.workflow.steps import steps

    parser = argparse.ArgumentParser()
    for option in ("--spec", "--out", "--arm", "--seed"):
        parser.add_argument(option)
    asked, _ = parser.parse_known_args()
    spec = Path(asked.spec) if asked.spec else Path(asked.out).parents[1] / "spec.yaml"
    if not spec.exists():  # the evaluation of a run lies a folder deeper than that of the base
        spec = spec.parents[1] / "spec.yaml"
    layout = StudyLayout(load_experiment(spec), spec.parents[1])
    folder = Path(asked.out) if asked.out else layout.run(asked.arm, asked.seed)
    kind = "base" if kind == "train" and asked.out else kind  # one command makes both
    ending = CHECKSUMS if kind in ("problems", "base", "train") else f".{kind}"
    mine = [
        number
        for number, step in enumerate(steps(layout))
        if step.mark.parent == folder and step.mark.name.endswith(ending)
    ]
    for number in mine:
        mark = [*steps(layout)][number].mark
        files = write_files(kind, mark)
        # the parts are known once the steps before this one are marked
        write_mark(mark, files, known_parts([*steps(layout)][number].parts))


def write_files(kind: str, mark: Path) -> list[Path]:
    """Invented files of a step. `mark`: its mark."""
    from eval.files.marks import mark_folder

    folder, name = mark.parent, mark.name.partition(".")[0]
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "problems":
        names = ("train.jsonl", "arithmetic_test.jsonl", "contamination.csv", "contamination.json")
        return [written(folder / each, "{}\n") for each in names]
    if kind == "base":
        return [written(folder / "config.json", "{}\n")]
    if kind == "train":
        (folder / "policy").mkdir(exist_ok=True)
        written(folder / "policy" / "config.json", json.dumps(str(folder)))
        mark_folder(folder / "policy")
        log = written(folder / "train.jsonl", '{"rollout": 0, "entropy": 1.0}\n')
        return [log, written(folder / "run.json", '{"status": "finished"}\n')]
    if kind == "sampled":
        return [written(folder / f"{name}.samples.jsonl", f'"{folder}"\n')]
    return [written(folder / f"{name}.counts.csv", counts_text(folder))]


def counts_text(folder: Path) -> str:
    """Counts of a policy by its folder, ARM/seed-N/eval or base/eval."""
    import numpy as np

    arm, seed = (folder.parts[-3], folder.parts[-2]) if "seed-" in str(folder) else ("none", "base")
    rng = np.random.default_rng([len(arm), *map(ord, seed)])
    correct = rng.binomial(SAMPLES, RATES[arm], QUESTIONS).tolist()
    rows = [
        f"q{number:02d},{SAMPLES},{count},{SAMPLES - count}" for number, count in enumerate(correct)
    ]
    return "\n".join(["problem_id,n,correct,truncated", *rows]) + "\n"


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
