"""The planner: geometry against transformers, activations against what autograd saves, refusals with what would fit."""

from typing import Any

import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from eval.errors import BadInput
from experiments.activations import BYTES, Precision, cache_bytes, layer_bytes
from experiments.geometry import QWEN3, Geometry, geometry_of, read_config
from experiments.policy_settings import HubPolicy, MiniaturePolicy, TinyPolicy

SMALL = Geometry(96, 2, 4, 2, 40, 200, 64, tied=True)


def config_of(shape: Geometry) -> Qwen3Config:
    return Qwen3Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        tie_word_embeddings=shape.tied,
    )


# ---- geometry ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QWEN3)
def test_parameters_are_transformers_own_count(name: str) -> None:
    with torch.device("meta"):
        model = Qwen3ForCausalLM(config_of(QWEN3[name]))
    assert QWEN3[name].parameters == sum(p.numel() for p in model.parameters())
    projections = [p for key, p in model.model.layers[0].named_parameters() if "proj" in key]
    assert QWEN3[name].layer_matrices == sum(p.numel() for p in projections)
    adapters = 8 * sum(sum(p.shape) for p in projections) * QWEN3[name].layers
    assert QWEN3[name].adapter_parameters(8) == adapters


def test_published_sizes() -> None:
    """The model cards say 0.6B, 1.7B, 4.0B and 8.2B."""
    billions = [round(shape.parameters / 1e9, 1) for shape in QWEN3.values()]
    assert billions == [0.6, 1.7, 4.0, 8.2]
    assert QWEN3["Qwen/Qwen3-4B"].parameters == 4_022_468_096


def test_small_policies_have_the_shape_that_they_are_made_with() -> None:
    from experiments import base_policy, miniature_policy

    tiny, mini = TinyPolicy(source="tiny"), MiniaturePolicy(source="miniature", vocabulary=900)
    for policy, model in (
        (tiny, base_policy.make_model(tiny)),
        (mini, miniature_policy.make_model(mini, 900)),
    ):
        assert geometry_of(policy).parameters == sum(p.numel() for p in model.parameters())


def test_a_folder_says_its_own_shape(tmp_path: Any) -> None:
    config_of(SMALL).save_pretrained(tmp_path)
    assert geometry_of(HubPolicy(source="pretrained", name=str(tmp_path))) == SMALL
    (tmp_path / "config.json").write_text('{"hidden_size": 8}')
    with pytest.raises(BadInput, match="has no 'num_attention_heads'"):
        read_config(tmp_path / "config.json")
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(BadInput, match="cannot be read as a model's configuration"):
        read_config(tmp_path / "config.json")


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadInput, match=r"shape of Some/Model is not known.*Qwen3-4B"):
        geometry_of(HubPolicy(source="pretrained", name="Some/Model", revision="0" * 40))


# ---- activations ------------------------------------------------------------------------------------------------------


def saved_bytes(layers: int, precision: Precision, rows: int, length: int) -> int:
    """Bytes that autograd keeps in a forward pass of the backbone, weights left out, one sequence padded."""
    shape = Geometry(**{**vars(SMALL), "layers": layers})
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    model = Qwen3ForCausalLM(config_of(shape)).to(dtype)
    # weights and what autocast makes of them: neither grows with the tokens
    fixed = {p.shape for p in model.parameters()} | {p.t().shape for p in model.parameters() if p.ndim == 2}
    kept: dict[int, tuple[int, Any]] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.shape not in fixed:
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes(), tensor  # held, so that no address is used twice
        return tensor

    mask = torch.ones(rows, length, dtype=torch.long)
    mask[0, :3] = 0
    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=precision == "mixed"),
    ):
        model.model(input_ids=torch.zeros_like(mask), attention_mask=mask, use_cache=False)
    return sum(size for size, _ in kept.values())


@pytest.mark.parametrize("precision", BYTES)
def test_a_layer_keeps_what_the_formula_says(precision: Precision) -> None:
    rows, length = 3, 50
    measured = saved_bytes(3, precision, rows, length) - saved_bytes(2, precision, rows, length)
    assert layer_bytes(SMALL, rows, length, precision, "sdpa") == pytest.approx(measured, rel=0.01)


@pytest.mark.parametrize("precision", BYTES)
def test_the_cache_holds_what_the_formula_says(precision: Precision) -> None:
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    model = Qwen3ForCausalLM(config_of(SMALL)).to(dtype)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "mixed"):
        cache: Any = model(torch.zeros(3, 20, dtype=torch.long), use_cache=True).past_key_values
    held = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    assert cache_bytes(SMALL, 3, 20, precision) == held
