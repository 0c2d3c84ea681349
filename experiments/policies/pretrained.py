"""Fetches a pretrained policy from the hub, at its pinned commit, into the results folder, where
every stage reads it.

    python -m experiments.policies.pretrained --spec results/qwen3_4b/spec.yaml --out
    results/qwen3_4b/base/policy

The download goes through the hub's cache (HF_HOME), which resumes and is shared between
experiments; the files are linked from there where both lie on one disk, else copied. Weights in
safetensors, configuration and tokenizer only: no code.
"""

import argparse
import os
import shutil
from pathlib import Path

from eval.files.errors import BadInput, exit_with_message
from eval.files.marks import Record, known_parts
from experiments.policies.folder import make_policy_folder
from experiments.spec.policy_settings import HubPolicy
from experiments.spec.schema import load
from experiments.workflow.layout import Graph
from experiments.workflow.steps import base_parts

FILES = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.jinja"]


def fetch(policy: HubPolicy) -> Path:
    """The folder of the policy's files in the hub's cache.

    Raises:
        BadInput: it is not there and cannot be had.
    """
    from huggingface_hub import snapshot_download

    wanted = {"repo_id": policy.name, "revision": policy.revision, "allow_patterns": FILES}
    try:
        return Path(snapshot_download(**wanted))
    except (
        Exception
    ) as error:  # the hub raises many kinds: no network, no such commit, no right to it, no space
        try:
            return Path(snapshot_download(**wanted, local_files_only=True))
        except Exception:
            raise BadInput(
                f"model {policy.name} at {policy.revision} cannot be fetched"
                f" ({type(error).__name__}): connect to the hub,"
                " or set HF_HOME to a cache that has it, or give model.name as a folder"
            ) from error


def place(snapshot: Path, folder: Path) -> Record:
    """Puts the files of a snapshot into a folder."""
    for source in sorted(snapshot.iterdir()):
        if not any(source.match(pattern) for pattern in FILES):
            continue
        target = folder / source.name
        try:
            os.link(source.resolve(), target)
        except OSError:  # another disk, or a file system without links
            shutil.copyfile(source, target)
    return {}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--spec", required=True, type=Path, help="experiment name or YAML file")
    parser.add_argument("--out", type=Path, required=True, help="folder of the policy")
    arguments = parser.parse_args()
    with exit_with_message():
        experiment = load(arguments.spec)
        policy = experiment.model
        assert isinstance(policy, HubPolicy), "only a pretrained policy is fetched"
        parts = known_parts(base_parts(Graph(experiment, arguments.spec.parent.parent)))
        make_policy_folder(arguments.out, parts, lambda folder: place(fetch(policy), folder))


if __name__ == "__main__":
    main()
