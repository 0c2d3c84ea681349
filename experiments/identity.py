"""What a training run rests on: its settings, code, prompts and base policy, each as a hash of what is there.

    checkpoints/identity.json   the run that they belong to: only an equal one goes on from them (checkpoint.py)
    .finished.json              identity and record of a run that is complete
    .finished.checksums         its mark

Snakemake deletes what a job has promised before it starts the job again, and it starts one again whose end it did not
see, or whose inputs were made again, equal or not. So a complete run also keeps what Snakemake does not know of: started
again with an equal identity, it puts run.json back and trains nothing.
"""

import json
from pathlib import Path
from typing import Any

from eval.checksums import CHECKSUMS, damage, write_mark
from eval.durable import discard, write_text
from eval.plan import policy_hash
from experiments.graph import Graph, digests
from experiments.policy import policy_source
from experiments.schema import Experiment, run_spec, spec_hash

Identity = dict[str, str]
FINISHED, MARK = ".finished.json", ".finished.checksums"


def identity(experiment: Experiment, arm: str, seed: int, inputs: Path) -> Identity:
    """`inputs`: the folder whose problems/ and base/ the run reads."""
    prompts = [inputs / "problems" / "train.jsonl", inputs / "base" / "eval" / "train.counts.csv"]
    code = Graph(experiment, inputs.parent).training_code(arm)
    return {
        "settings": spec_hash(run_spec(experiment, arm, seed)),
        "code": spec_hash({"files": digests(code)}),
        "prompts": spec_hash({"files": digests([str(path) for path in prompts if path.exists()])}),
        "base policy": policy_hash(Path(policy_source(experiment, inputs)["pretrained_model_name_or_path"])),
    }


def finish(out: Path, mine: Identity, record: dict[str, Any]) -> None:
    """Marks a run as complete whose policy, rows and state are in their places."""
    write_text(out / FINISHED, json.dumps({"identity": mine, "record": record}) + "\n")
    parts = (FINISHED, "train.jsonl", "method_state.json", f"policy/{CHECKSUMS}")
    write_mark(out / MARK, [out / name for name in parts])
    show(out)


def is_finished(out: Path, mine: Identity) -> bool:
    """Whether a run of this identity is complete and undamaged in the folder."""
    if any(damage(mark) for mark in (out / MARK, out / "policy" / CHECKSUMS)):
        return False
    return json.loads((out / FINISHED).read_text(encoding="utf-8"))["identity"] == mine


def show(out: Path) -> None:
    """Leaves what Snakemake waits for; only then is there nothing to go on from any more."""
    record = json.loads((out / FINISHED).read_text(encoding="utf-8"))["record"]
    write_text(out / "run.json", json.dumps(record, indent=2) + "\n")
    write_mark(out / CHECKSUMS, [out / name for name in ("run.json", "train.jsonl", "method_state.json")])
    discard(out / "checkpoints")
