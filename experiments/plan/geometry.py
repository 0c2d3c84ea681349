"""The shape of a policy and its number of parameters, without its weights and without a network.

    a layer    q, k, v, o projections; gate, up, down projections;
               four norms (two over the width, two over a head)
    the rest   embeddings (twice if the head has its own), the last norm

Source: the Qwen3 architecture in transformers. The table below has the numbers of each size's
published config.json; a test compares the counts with transformers' own.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval.files.errors import BadInput
from experiments.families import Arithmetic, Family, TaughtFamily
from experiments.spec.policy_settings import (
    HubPolicy,
    MiniaturePolicy,
    PackagePolicy,
    TinyPolicy,
)

SPECIAL_TOKENS = 2  # of a tiny policy: padding and the end of an answer


@dataclass(frozen=True)
class Geometry:
    """Sizes of a Qwen3, or of a model whose layers need the same memory."""

    hidden_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate_size: int
    vocabulary: int
    tied: bool  # one matrix is both embedding and head
    positions: int = 32_768  # tokens of the longest sequence

    def qwen3(self) -> dict[str, Any]:
        """The arguments of transformers' Qwen3Config for this shape."""
        return {
            "vocab_size": self.vocabulary,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_dim,
            "tie_word_embeddings": self.tied,
            "max_position_embeddings": self.positions,
        }

    @property
    def query_size(self) -> int:
        return self.heads * self.head_dim

    @property
    def kv_size(self) -> int:
        return self.kv_heads * self.head_dim

    @property
    def layer_matrices(self) -> int:
        """Parameters of the projections of one layer."""
        attention = self.hidden_size * (2 * self.query_size + 2 * self.kv_size)
        return attention + 3 * self.hidden_size * self.intermediate_size

    @property
    def layer_parameters(self) -> int:
        return self.layer_matrices + 2 * self.hidden_size + 2 * self.head_dim

    @property
    def embedding(self) -> int:
        return self.vocabulary * self.hidden_size

    @property
    def parameters(self) -> int:
        return (
            self.layers * self.layer_parameters
            + self.hidden_size
            + self.embedding * (1 if self.tied else 2)
        )

    def adapter_parameters(self, rank: int) -> int:
        """Parameters of adapters on all projections: rank times (inputs + outputs) of each."""
        h, q, kv, i = self.hidden_size, self.query_size, self.kv_size, self.intermediate_size
        return self.layers * rank * (2 * (h + q) + 2 * (h + kv) + 3 * (h + i))


QWEN3 = {  # of the Base models; the others have 40,960 positions
    "Qwen/Qwen3-0.6B": Geometry(1024, 28, 16, 8, 128, 3072, 151_936, tied=True),
    "Qwen/Qwen3-1.7B": Geometry(2048, 28, 16, 8, 128, 6144, 151_936, tied=True),
    "Qwen/Qwen3-4B": Geometry(2560, 36, 32, 8, 128, 9728, 151_936, tied=True),
    "Qwen/Qwen3-8B": Geometry(4096, 36, 32, 8, 128, 12288, 151_936, tied=False),
}

IN_PACKAGES = {  # by the name of the checkpoint; a Llama, whose heads have no norms
    "SmolLM2-135M-Instruct": Geometry(576, 30, 9, 3, 64, 1536, 49_152, tied=True, positions=8192),
}


def geometry_of(
    model: TinyPolicy | MiniaturePolicy | HubPolicy | PackagePolicy,
    family: Family = Arithmetic(),  # noqa: B008
) -> Geometry:
    """The shape of an experiment's policy. family: what a tiny policy is taught.

    Raises:
        BadInput: the policy is pretrained, and neither a folder with a config.json nor in QWEN3
            or IN_PACKAGES; or a tiny one whose family has no demonstrations.
    """
    if isinstance(model, HubPolicy):
        return _pretrained(model)
    if isinstance(model, PackagePolicy):
        return _in_package(model)
    if isinstance(model, TinyPolicy):
        assert isinstance(family, TaughtFamily), "the schema refuses others"
        vocabulary, expansion = SPECIAL_TOKENS + len(family.vocabulary), 2
    else:
        vocabulary, expansion = model.vocabulary, 3
    # As in experiments/policies/tiny.py and miniature.py; a test compares them.
    width, heads = model.hidden_size, model.heads
    return Geometry(
        width,
        model.layers,
        heads,
        heads // 2,
        width // heads,
        expansion * width,
        vocabulary,
        tied=True,
    )


def _pretrained(model: HubPolicy) -> Geometry:
    if model.is_folder:
        return read_config(Path(model.name) / "config.json")
    known = QWEN3.get(model.name.removesuffix("-Base"))
    if known is None:
        raise BadInput(
            f"the shape of {model.name} is not known: give model.name as a folder with a"
            " config.json, or add it to"
            f" experiments/plan/geometry.py, which has {', '.join(QWEN3)}"
        )
    return known if model.name.endswith("-Base") else replace(known, positions=40_960)


def _in_package(model: PackagePolicy) -> Geometry:
    for name, shape in IN_PACKAGES.items():
        if model.checkpoint.startswith(name):
            return shape
    raise BadInput(
        f"the shape of {model.checkpoint} is not known: add it to experiments/plan/geometry.py,"
        f" which has {', '.join(IN_PACKAGES)}"
    )


def read_config(path: Path) -> Geometry:
    """The shape in a Hugging Face config.json.

    Raises:
        BadInput: no such file, no JSON, or a size is missing.
    """
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        width, heads = config["hidden_size"], config["num_attention_heads"]
        return Geometry(
            hidden_size=width,
            layers=config["num_hidden_layers"],
            heads=heads,
            kv_heads=config.get("num_key_value_heads", heads),
            head_dim=config.get("head_dim") or width // heads,
            intermediate_size=config["intermediate_size"],
            vocabulary=config["vocab_size"],
            tied=config.get("tie_word_embeddings", True),
            positions=config.get("max_position_embeddings", Geometry.positions),
        )
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BadInput(f"{path}: cannot be read as a model's configuration ({error})") from None
    except KeyError as error:
        raise BadInput(
            f"{path}: has no {error}: it is not the configuration of a decoder"
        ) from None
