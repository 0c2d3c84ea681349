"""The planner: geometry against transformers, activations against what autograd saves, refusals
with what would fit.
"""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from transformers import Qwen3Config, Qwen3ForCausalLM

from analysis.inference.looks import look_levels
from eval.files.errors import BadInput
from eval.looks.settings import Spending
from eval.sampling.batched_generation import DRAWN_TOGETHER
from experiments.plan.activations import BYTES, Precision, cache_bytes, layer_bytes
from experiments.plan.cost import Assumed, question_count, training_cost
from experiments.plan.geometry import QWEN3, Geometry, geometry_of, read_config
from experiments.plan.gpu_fit import Case, engine_needs, fit_on_gpu, least_launch, load_of, remedies
from experiments.plan.look_notes import look_notes, looks_without_verdict
from experiments.plan.make_plan import make_plan
from experiments.plan.memory import DRAWN_AT_ONCE, Launch, Load, estimate_memory
from experiments.plan.plan_text import plan_text
from experiments.plan.samples import enough_samples, sample_notes
from experiments.plan.throughput import GPUS, Speed, generation_seconds, update_seconds
from experiments.spec.experiment_file import load_experiment
from experiments.spec.policy_settings import HubPolicy, MiniaturePolicy, TinyPolicy
from experiments.spec.training_settings import Lora

SMALL = Geometry(96, 2, 4, 2, 40, 200, 64, tied=True)


def config_of(shape: Geometry) -> Qwen3Config:
    return Qwen3Config(
        **shape.qwen3(),
    )


# ---- geometry
# ---------------------------------------------------------------------------------------------------------


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
    from experiments.policies import miniature as miniature_policy
    from experiments.policies import tiny as base_policy

    tiny, mini = TinyPolicy(source="tiny"), MiniaturePolicy(source="miniature", vocabulary=900)
    for policy, model in (
        (tiny, base_policy.make_tiny_model(tiny)),
        (mini, miniature_policy.make_miniature_model(mini, 900)),
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


# ---- activations
# ------------------------------------------------------------------------------------------------------


def saved_bytes(layers: int, precision: Precision, rows: int, length: int) -> int:
    """Bytes that autograd keeps in a forward pass of the backbone, weights left out, one sequence
    padded.
    """
    shape = Geometry(**{**vars(SMALL), "layers": layers})
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    model: Any = Qwen3ForCausalLM(config_of(shape))
    model.to(dtype)
    # weights and what autocast makes of them: neither grows with the tokens
    fixed = {p.shape for p in model.parameters()} | {
        p.t().shape for p in model.parameters() if p.ndim == 2
    }
    kept: dict[int, tuple[int, Any]] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.shape not in fixed:
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = (
                storage.nbytes(),
                tensor,
            )  # held, so that no address is used twice
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
    model: Any = Qwen3ForCausalLM(config_of(SMALL))
    model.to(dtype)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "mixed"):
        cache: Any = model(torch.zeros(3, 20, dtype=torch.long), use_cache=True).past_key_values
    held = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    assert cache_bytes(SMALL, 3, 20, precision) == held


# ---- memory
# -----------------------------------------------------------------------------------------------------------

FOUR = QWEN3["Qwen/Qwen3-4B"]
P = FOUR.parameters
SHORT = Load(
    FOUR,
    "float32",
    True,
    True,
    "flash_attention_2",
    rows=1,
    generated_rows=1,
    prompt=8,
    completion=8,
)


@pytest.mark.parametrize(
    ("dtype", "launch", "weights", "optimizer", "gradients"),
    [
        ("float32", Launch("single"), 4 * P, 8 * P, 4 * P),
        ("bfloat16", Launch("single"), 2 * P, 4 * P, 2 * P),  # no float32 copy: autocast makes none
        ("float32", Launch("ddp", 2), 4 * P, 8 * P, 8 * P),  # the buckets that are averaged
        ("float32", Launch("fsdp2", 2), 2 * P, 4 * P, 2 * P),
        (
            "bfloat16",
            Launch("fsdp2", 2),
            2 * P,
            4 * P,
            2 * P,
        ),  # accelerate makes trained weights float32
        (
            "bfloat16",
            Launch("zero3", 4),
            P // 2,
            3 * P,
            P // 2,
        ),  # ZeRO: 16 bytes per parameter, shared by four
    ],
)
def test_states_by_hand(
    dtype: Any, launch: Launch, weights: int, optimizer: int, gradients: int
) -> None:
    found = estimate_memory(replace(SHORT, dtype=dtype), launch)
    assert (found.weights, found.optimizer, found.gradients) == (weights, optimizer, gradients)


def test_adapters_train_little_and_hold_all() -> None:
    found = estimate_memory(replace(SHORT, dtype="bfloat16", adapter_rank=32), Launch("single"))
    adapters = FOUR.adapter_parameters(32)
    assert found.weights == 2 * P + 4 * adapters
    assert found.optimizer == 8 * adapters
    assert found.gradients == 4 * adapters


def test_what_takes_less_memory_is_said_to_take_less() -> None:
    base = replace(SHORT, rows=8, completion=1024, gradient_checkpointing=False, attention="sdpa")

    def update(**changes: Any) -> int:
        return estimate_memory(replace(base, **changes), Launch("single")).update

    assert update(gradient_checkpointing=True) < update(rows=4) < update() < update(completion=2048)
    assert update(attention="flash_attention_2") < update() < update(attention="eager")
    assert update(adapter_rank=8) < update() < update(measures_share=True)


def test_an_engine_that_sleeps_leaves_its_memory_to_the_update() -> None:
    awake = replace(SHORT, engine="colocate", engine_bytes=10**10)
    asleep = replace(awake, engine_sleeps=True)
    difference = (
        estimate_memory(awake, Launch("single")).update
        - estimate_memory(asleep, Launch("single")).update
    )
    assert difference == 10**10
    assert estimate_memory(asleep, Launch("single")).generation == 10**10


def test_generation_holds_a_bounded_number_of_probabilities() -> None:
    """However many rows: beyond the bound a row adds its logits and its cache alone."""
    assert DRAWN_AT_ONCE == DRAWN_TOGETHER

    def of(rows: int) -> int:
        load = replace(SHORT, generated_rows=rows)
        return estimate_memory(load, Launch("single")).generation

    few = DRAWN_AT_ONCE // SHORT.shape.vocabulary
    per_row_below, per_row_above = of(2) - of(1), of(few + 3) - of(few + 2)
    assert per_row_below - per_row_above == pytest.approx(6 * 8 * SHORT.shape.vocabulary)


def test_bfloat16_weights_lose_the_updates_of_the_published_learning_rate() -> None:
    """Why pretrained policies are loaded in float32: 100 equal steps of 1e-6 on weights of the
    usual size.
    """
    start = 0.02 * torch.randn(10_000, generator=torch.Generator().manual_seed(0))
    gone = {}
    for dtype in (torch.bfloat16, torch.float32):
        weights = torch.nn.Parameter(start.to(dtype))
        before, adam = (
            weights.detach().clone(),
            torch.optim.AdamW([weights], lr=1e-6, weight_decay=0.0),
        )
        for _ in range(100):
            weights.grad = torch.ones_like(weights)
            adam.step()
        gone[dtype] = (
            (before - weights).float().mean() / 1e-4
        ).item()  # share of the way that was meant
    assert gone[torch.float32] == pytest.approx(1.0, abs=0.02)
    assert gone[torch.bfloat16] < 0.05


# ---- does it fit, and what would
# ---------------------------------------------------------------------------------------


ONE = Launch("single")


def case_of(name: str, gpu: str = "h100", launch: Launch = ONE, **training: Any) -> Case:
    experiment = load_experiment(name)
    changed = experiment.training.model_copy(update=training)
    return Case(experiment, changed, launch, GPUS[gpu], prompt=1200)


def test_the_shipped_sizes_fit_where_their_comments_say() -> None:
    assert least_launch(case_of("qwen3_4b")) == Launch("fsdp2", 2)
    assert least_launch(case_of("qwen3_8b")) == Launch("fsdp2", 4)
    for gpu in ("l4", "rtx4090", "a100_40", "h100"):
        small = replace(case_of("qwen3_0_6b_one_gpu", gpu), prompt=400)
        assert least_launch(small) == Launch("single"), gpu
        # and without vLLM it takes 80 GB
        without = replace(small, training=small.training.model_copy(update={"vllm": "none"}))
        assert (fit_on_gpu(without).problem is None) == (gpu == "h100")


@pytest.mark.parametrize("path", ["docs/cluster.md", "profiles/slurm/config.yaml"])
def test_the_commands_that_are_shown_fit_on_cards_of_80_gb(path: str) -> None:
    text = (Path(__file__).parents[2] / path).read_text()
    shown = re.findall(r"experiment=(qwen3_4b) gpus=(\d) launch=(\w+)", text)
    assert len(shown) == text.count("experiment=qwen3_4b") > 0
    for name, gpus, kind in shown:
        assert fit_on_gpu(case_of(name, launch=Launch(kind, int(gpus)))).problem is None
    assert fit_on_gpu(case_of("qwen3_4b", launch=Launch("ddp", 4))).problem is not None, (
        "why they name a launch"
    )


def test_every_remedy_that_is_named_works_and_is_the_mildest() -> None:
    case = case_of("qwen3_0_6b_one_gpu", "rtx4090", vllm="none")
    problem = fit_on_gpu(case).problem
    assert problem is not None
    assert "and may use 22.7 GB of 25.8" in problem
    assert "vllm: colocate" in " ".join(remedies(case))
    large = case_of("qwen3_4b", "h200", per_device_train_batch_size=64)
    named = remedies(large)
    sizes = [int(name.rpartition(" ")[2]) for name in named if name.startswith("per_device")]
    assert len(sizes) == 1
    for size, fits in ((sizes[0], True), (2 * sizes[0], False)):
        changed = large.training.model_copy(update={"per_device_train_batch_size": size})
        assert (fit_on_gpu(replace(large, training=changed)).problem is None) == fits


def test_an_engine_share_too_small_for_the_weights_is_told_apart() -> None:
    case = case_of("qwen3_8b", launch=Launch("fsdp2", 8), vllm_gpu_memory_utilization=0.1)
    assert (
        "vLLM gets 10% of the GPU, 8.6 GB, and needs 17.1 GB for the weights and the cache of one"
        " sequence of 4,608 tokens" in str(fit_on_gpu(case).problem)
    )
    assert any(name.startswith("vllm_gpu_memory_utilization: ") for name in remedies(case))


def test_what_training_refuses_on_shards_is_no_way_out() -> None:
    shards = Launch("fsdp2", 4)
    assert "lora with vLLM needs whole weights" in str(
        fit_on_gpu(case_of("qwen3_4b", launch=shards, lora=Lora(rank=8))).problem
    )
    assert "lora" not in str(
        fit_on_gpu(case_of("qwen3_4b", launch=shards, lora=Lora(rank=8), vllm="none")).problem
    )
    assert "gradient_share_every" in str(
        fit_on_gpu(case_of("qwen3_4b", launch=shards, gradient_share_every=5)).problem
    )


def test_an_engine_has_room_for_the_longest_sequence_that_it_takes() -> None:
    """0.6B in bfloat16 is 1.2 GB; a token of cache is 28 layers x 2 x 1024 x 2 bytes, so 32,768 of
    them are 3.8 GB.
    """
    case = case_of(
        "qwen3_0_6b_one_gpu", "l4", vllm_max_model_length=None, vllm_gpu_memory_utilization=0.15
    )
    assert (
        engine_needs(case, load_of(case))
        == 2 * QWEN3["Qwen/Qwen3-0.6B"].parameters + 32_768 * 28 * 2 * 1024 * 2
    )
    assert "needs 5.0 GB for the weights and the cache of one sequence of 32,768 tokens" in str(
        fit_on_gpu(case).problem
    )
    assert "vllm_max_model_length: 1520" in remedies(case)
    assert (
        geometry_of(
            HubPolicy(source="pretrained", name="Qwen/Qwen3-4B", revision="0" * 40)
        ).positions
        == 40_960
    )


# ---- tokens and hours
# --------------------------------------------------------------------------------------------------

ROUND = Geometry(1000, 10, 10, 10, 100, 2000, 1000, tied=True)  # 10 million per layer
GPU = replace(GPUS["h100"], teraflops=100, bandwidth=1000)


def test_seconds_by_hand() -> None:
    assert ROUND.layer_matrices == 10_000_000
    # forward: 2 · (10 · 10M + 1M) = 202M, attention 4 · 10 · 1000 · 50 = 2M; 204M · 4 passes · 1e6
    # tokens / 50e12
    assert update_seconds(ROUND, 1e6, 50, 4, GPU, Speed(mfu=0.5)) == pytest.approx(
        204e6 * 4e6 / 50e12
    )
    # a step reads 2 bytes of each parameter; the cache of one row of 0 tokens is nothing
    seconds = generation_seconds(
        ROUND, 1, 1, 1, "vllm", replace(GPU, teraflops=1e9), Speed(use=0.5)
    )
    cache = 1 * 0.5 * 10 * 2 * 1000 * 2
    assert seconds == pytest.approx((2 * ROUND.parameters + cache) / 500e9)
    assert generation_seconds(ROUND, 10, 50, 90, "vllm", GPU, Speed(tokens_per_second=25)) == 20.0
    # vLLM goes on until the longest is done, for the rows that are left: 90 steps of 500 / 90 rows;
    # four at once: 125 of 4
    for at_once, steps, live in ((None, 90, 500 / 90), (4, 125, 4)):
        seconds = generation_seconds(
            ROUND, 10, 50, 90, "vllm", replace(GPU, teraflops=1e9), Speed(use=0.5), at_once
        )
        read = 2 * ROUND.parameters + live * 25 * 10 * 2 * 1000 * 2
        assert seconds == pytest.approx(steps * read / 500e9)
    # transformers does for all rows, and a layer takes its time
    slow = generation_seconds(ROUND, 10, 50, 90, "transformers", replace(GPU, launch=0.01), Speed())
    assert slow == pytest.approx(90 * 10 * 0.01)


def test_tokens_of_a_run_and_questions_of_a_set() -> None:
    case = case_of("qwen3_4b", launch=Launch("fsdp2", 2))
    assumed = Assumed(GPUS["h100"], Speed(), 0.5, prompt=100)
    cost = training_cost(case, fit_on_gpu(case), assumed)
    assert cost.generated == 200 * 128 * 8 * 1536
    assert cost.updated == 200 * 128 * 8 * (1536 + 100)
    evaluation = load_experiment("qwen3_4b").evaluation.benchmarks
    assert [question_count(name, b) for name, b in evaluation.items()] == [
        30,
        30,
        30,
        40,
        500,
        272,
        675,
    ]
    assert (
        question_count(
            "gsm8k", load_experiment("qwen3_0_6b_one_gpu").evaluation.benchmarks["gsm8k"]
        )
        == 500
    )


def test_a_scoring_pass_counts_where_it_would_not_be_made_otherwise() -> None:
    """Forward and backward are three passes, and four with the scoring pass: a third more. With
    several updates per rollout it is made for every method.
    """
    assumed = Assumed(GPUS["h100"], Speed(), 0.5, prompt=100)
    for updates, more in ((1, 4 / 3), (4, 1.0)):
        without = case_of(
            "arithmetic",
            updates_per_rollout=updates,
            gradient_checkpointing=False,
            attention="sdpa",
        )
        scored = replace(without, needs_scoring=True)
        one, two = (training_cost(case, fit_on_gpu(case), assumed) for case in (without, scored))
        assert two.updating / one.updating == pytest.approx(more)
        assert two.generating == one.generating


def test_a_plan_knows_which_methods_need_the_pass() -> None:
    experiment = load_experiment("smoke")
    arm = experiment.arms["none"]
    names = {"eighty_twenty": True, "qae": False, "aent": False, "no_entropy": False}
    adapter = TypeAdapter(type(arm))
    arms = {name: adapter.validate_python({"method": {"name": name}}) for name in names}
    wider = experiment.model_copy(update={"arms": arms})
    plan = make_plan(wider, "cpu", Assumed(GPUS["cpu"], Speed(), 1.0, 10), None, 40)
    assert {name: case.needs_scoring for name, (case, _, _) in plan.arms.items()} == names


def test_a_server_makes_the_completions_of_all_processes() -> None:
    """So that more of them do not shorten the rollout, in which all wait for it."""
    assumed = Assumed(GPUS["h100"], Speed(), 0.5, 100)
    cases = [
        case_of("qwen3_4b", launch=Launch("fsdp2", processes), vllm="server")
        for processes in (2, 4)
    ]
    two, four = (training_cost(case, fit_on_gpu(case), assumed).generating for case in cases)
    assert two / 3 == pytest.approx(four / 5)


def test_the_total_is_the_sum_of_all_policies() -> None:
    experiment = load_experiment("smoke")
    plan = make_plan(experiment, "cpu", Assumed(GPUS["cpu"], Speed(), 1.0, 10), None, 40)
    per_run = [cost for _, _, cost in plan.arms.values()]
    assert plan.total.updated == 2 * sum(cost.updated for cost in per_run)
    evaluation = 7 * 10 * 4 * 16  # policies, questions, samples, tokens
    strata = 16 * 2 * 16
    assert plan.total.generated == 2 * sum(cost.generated for cost in per_run) + evaluation + strata


def test_policies_on_the_way_are_evaluated_like_the_last_ones() -> None:
    content = load_experiment("smoke").model_dump(mode="json")
    content["evaluation"]["checkpoints"] = [1, 2]
    without, with_them = (
        make_plan(each, "cpu", Assumed(GPUS["cpu"], Speed(), 1.0, 10), None, 40)
        for each in (load_experiment("smoke"), type(load_experiment("smoke"))(**content))
    )
    more = 12 * 10 * 4 * 16  # policies, questions, samples, tokens
    assert with_them.total.generated == without.total.generated + more
    assert with_them.policies == 3 * without.policies == 18


def test_a_plan_with_looks_says_the_most_and_the_least() -> None:
    content = load_experiment("smoke").model_dump(mode="json")
    content["seeds"] = {"looks": [2, 6]}
    experiment = type(load_experiment("smoke")).model_validate(content)
    assumed = Assumed(GPUS["cpu"], Speed(), 1.0, 10)
    plan = make_plan(experiment, "cpu", assumed, None, 40)
    fixed = make_plan(load_experiment("smoke"), "cpu", assumed, None, 40)
    text = plan_text(plan)
    assert "3 arms x 6 seeds = 18 runs" in text
    assert (
        "at most, because arms may stop at looks after 2, 6 seeds: at least 6 runs,"
        f" {fixed.total.hours:,.2f} hours in total"
    ) in text
    assert "looks" not in plan_text(fixed)


@pytest.mark.parametrize(
    ("spending", "draws", "useless"),
    [
        ("pocock", 10_000, []),
        # two arms against the reference on one set: .025 · log(1 + 1.718 / 6) = .0063 > 1 / 201
        ("pocock", 100, []),
        # 4 · (1 − Φ(2.4977 · √6)) = 2e−9 after 2 of 12 seeds, .0008 after 6: 1 / 801 is above both
        ("obrien_fleming", 10_000, [2]),
        ("obrien_fleming", 400, [2, 6]),
    ],
)
def test_a_plan_names_looks_that_cannot_decide(
    spending: Spending, draws: int, useless: list[int]
) -> None:
    content = load_experiment("smoke").model_dump(mode="json")
    content["seeds"] = {"looks": [2, 6, 12], "spending": spending}
    content["analysis"]["draws"] = draws
    experiment = type(load_experiment("smoke")).model_validate(content)
    assert len(experiment.evaluation.benchmarks) == 1
    assert looks_without_verdict(experiment) == useless
    levels = look_levels((2, 6, 12), spending, 0.05 / 2)
    smallest = 1 / (2 * draws + 1)
    assert all(
        level < smallest for seeds, level in zip((2, 6), levels, strict=False) if seeds in useless
    )
    said = [*look_notes(experiment)]
    assert len(said) == bool(useless)
    assert all(
        f"after {', '.join(map(str, useless))} seeds cannot stop an arm" in line for line in said
    )


def test_enough_samples_by_hand() -> None:
    """100 questions, 3 seeds: .11 / (100 · .01² + 4 · .09 · .02) = .11 / .0172."""
    assert enough_samples(3, 100) == pytest.approx(0.11 / 0.0172)
    assert enough_samples(3, 500) < enough_samples(3, 30)


def test_measured_samples_count_where_there_are_results(tmp_path: Path) -> None:
    experiment = load_experiment("arithmetic")
    assumed = list(sample_notes(experiment, tmp_path))
    assert len(assumed) == len(experiment.evaluation.benchmarks)
    assert all("assumed: a run moves the mean by 1 point" in line for line in assumed)
    name = next(iter(experiment.evaluation.benchmarks))
    table = tmp_path / experiment.name / "tables" / "precision.csv"
    table.parent.mkdir(parents=True)
    rows = [f"{name},aer,40", f"{name},none,", f"{name},clip,60", f"{name},low,50"]
    table.write_text("\n".join(["benchmark,arm,enough_samples", *rows]))
    line = next(iter(sample_notes(experiment, tmp_path)))
    assert line.startswith(f"{name}: beyond about 50 samples per question seeds and questions")
    assert "measured in" in line
    table.write_text(f"benchmark,arm,enough_samples\n{name},aer,many\n")
    with pytest.raises(BadInput, match="line 2: enough_samples is 'many'"):
        list(sample_notes(experiment, tmp_path))


def planned(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "experiments.plan", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_prints_the_cost_or_refuses_with_a_remedy() -> None:
    good = planned("qwen3_4b")
    assert good.returncode == 0, good.stderr
    for word in (
        "27 runs",
        "4.02 billion",
        "2 x h100 (fsdp2)",
        "GPU-hours",
        "clip_higher",
        "total",
        "disk:",
        "samples per question seeds and questions dominate",
    ):
        assert word in good.stdout
    assert good.stdout.endswith(
        "start: snakemake all --config experiment=qwen3_4b gpus=2 launch=fsdp2\n"
    )
    bad = planned("qwen3_8b", "--launch", "single")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "arms.none does not fit on one h100" in bad.stderr
    assert "--launch fsdp2 --processes 4" in bad.stderr
    assert "Traceback" not in bad.stderr


def test_planning_loads_no_trainer() -> None:
    code = "import sys, experiments.plan.command; assert 'trl' not in sys.modules and 'transformers' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
