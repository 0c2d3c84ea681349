r"""Downloads a pretrained policy from the hub, at its pinned commit, into the results folder.

    python -m experiments.policies.pretrained --spec results/qwen3_4b/spec.yaml \
        --out results/qwen3_4b/base/policy

The download goes through the hub's cache (HF_HOME), which resumes broken downloads and is shared
between experiments. Its files are linked into the results folder, or copied if the cache is on
another disk. Only weights in safetensors, configuration and tokenizer are taken, and no code.
"""

import os
import shutil
from pathlib import Path

from eval.files.errors import BadInput, exit_with_message
from eval.files.marks import Record, known_parts
from experiments.policies.command_line import policy_arguments
from experiments.policies.folder import make_policy_folder
from experiments.spec.experiment_file import load_experiment
from experiments.spec.policy_settings import HubPolicy
from experiments.workflow.layout import StudyLayout
from experiments.workflow.steps import base_parts

SNAPSHOT_FILES = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.jinja"]


def download(policy: HubPolicy) -> Path:
    """Downloads the policy unless the hub's cache has it; returns its folder in the cache.

    Raises:
        BadInput: the cache does not have it and the download failed.
    """
    from huggingface_hub import snapshot_download

    wanted = {"repo_id": policy.name, "revision": policy.revision, "allow_patterns": SNAPSHOT_FILES}
    try:
        return Path(snapshot_download(**wanted))
    # The hub raises many types of errors: no network, no such commit, no permission, no space.
    except Exception as error:
        try:
            return Path(snapshot_download(**wanted, local_files_only=True))
        except Exception:
            raise BadInput(
                f"model {policy.name} at {policy.revision} cannot be downloaded"
                f" ({type(error).__name__}): connect to the hub, or set HF_HOME to a cache that has"
                " it, or give a folder as model.name"
            ) from error


def link_or_copy(snapshot: Path, folder: Path) -> Record:
    """Puts the policy's files of a snapshot into a folder. There are no reports on it."""
    for source in sorted(snapshot.iterdir()):
        if not any(source.match(pattern) for pattern in SNAPSHOT_FILES):
            continue
        target = folder / source.name
        try:
            os.link(source.resolve(), target)
        except OSError:  # on another disk, or on a file system without hard links
            shutil.copyfile(source, target)
    return {}


def main() -> None:
    arguments = policy_arguments("pretrained", __doc__)
    with exit_with_message():
        experiment = load_experiment(arguments.spec)
        policy = experiment.model
        assert isinstance(policy, HubPolicy), (
            "this module downloads policies with source: pretrained"
        )
        parts = known_parts(base_parts(StudyLayout(experiment, arguments.spec.parent.parent)))
        make_policy_folder(
            arguments.out, parts, lambda folder: link_or_copy(download(policy), folder)
        )


if __name__ == "__main__":
    main()
