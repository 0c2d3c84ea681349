"""Completions of a training run: each depends on its stream alone, and they are distributed as
TRL's are.
"""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from scipy.stats import chi2_contingency
from transformers import GenerationConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from eval.sampling.batched_generation import NonFiniteLogits, cut_at_ends, generate_batch
from eval.sampling.engine_interface import Sampling
from experiments.policies.tiny_tokens import make_tiny_tokenizer
from experiments.training.rollout.generation import complete_prompts, completion_seed
from methods import FixedCoefficient, NoEntropy
from tests.support import grpo_runs
from tests.support.grpo_runs import PROMPTS, ours, small_policy, stock, training

GROUP = 4


def tokens_of(prompts: list[str]) -> list[tuple[int, ...]]:
    tokenize: Any = make_tiny_tokenizer()
    return [tuple(ids) for ids in tokenize(prompts)["input_ids"]]


ROWS = [prompt for prompt in tokens_of([*PROMPTS[:3], "1+2+3+4="]) for _ in range(GROUP)]


def host(process: int = 0, **changes: Any) -> Any:
    """What `complete_prompts` asks a trainer for."""
    settings: dict[str, Any] = {
        "temperature": 1.0,
        "top_p": 1.0,
        "max_completion_length": 12,
        "num_generations": GROUP,
        "eos_token_ids": [make_tiny_tokenizer().eos_token_id],
        "is_fsdp_enabled": False,
        "is_deepspeed_enabled": False,
        "args": SimpleNamespace(seed=7),
        "accelerator": SimpleNamespace(process_index=process),
    }
    return SimpleNamespace(**(settings | changes))


def restless_policy() -> Any:
    """Its probabilities are uneven, its greedy completions wander, and two kinds of token end
    them.
    """
    policy: Any = small_policy()
    with torch.no_grad():
        for weight in policy.model.layers.parameters():
            weight.mul_(20.0 if weight.dim() == 2 else 1.0)
        policy.get_input_embeddings().weight.mul_(15.0)
    policy.generation_config.eos_token_id = [1, 9]
    return policy


@pytest.mark.parametrize("processes", [2, 8, 16])
def test_a_completion_does_not_depend_on_the_split_over_processes(processes: int) -> None:
    """Down to one row per process, where a group is spread over four of them."""
    policy, share = small_policy(), len(ROWS) // processes
    whole = complete_prompts(host(), policy, ROWS, rollout=3)
    parts = [
        complete_prompts(host(process), policy, ROWS[process * share :][:share], rollout=3)
        for process in range(processes)
    ]
    assert [row for part in parts for row in part] == whole
    assert len(set(map(tuple, whole))) > len(ROWS) // 2


def test_a_completion_does_not_depend_on_the_other_prompts() -> None:
    policy = small_policy()
    whole = complete_prompts(host(), policy, ROWS, rollout=0)
    assert complete_prompts(host(), policy, ROWS[::-1][:GROUP], rollout=0) == whole[-GROUP:]
    assert complete_prompts(host(), policy, ROWS, rollout=1) != whole
    other = host(args=SimpleNamespace(seed=8))
    assert complete_prompts(other, policy, ROWS, rollout=0) != whole


def test_streams_are_distinct() -> None:
    seeds = {
        completion_seed(run, rollout, prompt, index)
        for run in range(3)
        for rollout in range(12)
        for prompt in ((1, 2), (12,), (1, 2, 0))
        for index in range(12)
    }
    assert len(seeds) == 3 * 12 * 3 * 12


def test_generation_leaves_torchs_generator_and_the_policys_mode_alone() -> None:
    policy = small_policy().train()
    before = torch.get_rng_state()
    complete_prompts(host(), policy, ROWS, rollout=0)
    assert torch.equal(torch.get_rng_state(), before)
    assert policy.training


def batches(trainer: GRPOTrainer) -> list[dict[str, Any]]:
    """What the trainer's rollouts give to its updates."""
    made: list[dict[str, Any]] = []
    usual = trainer._generate_and_score_completions

    def recorded(inputs: Any) -> Any:
        made.append(dict(usual(inputs)))
        return made[-1]

    trainer._generate_and_score_completions = recorded
    trainer.train()
    return made


@pytest.mark.parametrize("updates", [1, 2])
def test_without_chance_everything_is_as_trl_generates_it(
    updates: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tiny top_p leaves the most likely token alone: completions, masks, end tokens, advantages
    and old log-probabilities of three rollouts equal those of TRL with transformers' `generate`.
    """
    monkeypatch.setattr(grpo_runs, "small_policy", restless_policy)
    settings = training(
        top_p=1e-6, updates_per_rollout=updates, per_device_train_batch_size=8, temperature=0.7
    )
    mine = batches(ours(NoEntropy(), settings, tmp_path / "a"))
    theirs = batches(stock(settings, tmp_path / "b", kind=GRPOTrainer))
    assert len(mine) == len(theirs) == 3
    for a, b in zip(mine, theirs, strict=True):
        assert ("old_per_token_logps" in b) == (updates == 2)
        for name, expected in b.items():
            assert torch.equal(torch.as_tensor(a[name]), torch.as_tensor(expected)), name
    lengths = torch.cat([batch["completion_mask"].sum(1) for batch in theirs])
    assert lengths.min() < 12 == lengths.max(), "some completions end and some are cut"


def test_the_method_sees_the_entropy_at_the_sampling_temperature(tmp_path: Path) -> None:
    """The mean of -log p over drawn tokens estimates it."""
    rows: list[dict[str, Any]] = []
    settings = training(rollouts=1, temperature=2.0, prompts_per_rollout=16, num_generations=16)
    ours(FixedCoefficient(0.1), settings, tmp_path, rows.append).train()
    assert rows[0]["entropy_mc"] == pytest.approx(rows[0]["entropy"], rel=0.02)


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.6, 1.0), (1.0, 0.7)])
def test_completions_are_distributed_as_generate_draws_them(
    temperature: float, top_p: float
) -> None:
    """Whole completions of at most three tokens, and which of them end; p of the chi-square test.
    The same test tells other settings apart.
    """
    policy, count = restless_policy().eval(), 4000
    [prompt] = tokens_of(["2+3="])
    with torch.no_grad():
        likely = policy(torch.tensor([prompt])).logits[0, -1].topk(2).indices.tolist()
    ends, pad = likely[1:], policy.config.pad_token_id

    def mine(temperature: float, top_p: float) -> Counter[tuple[int, ...]]:
        seeds = [completion_seed(1, 0, prompt, i) for i in range(count)]
        sampling = Sampling(temperature, top_p, 3)
        with torch.no_grad():
            made = generate_batch(policy, [prompt] * count, seeds, sampling, ends)
        return Counter(map(tuple, made))

    torch.manual_seed(1)
    ids_BT = torch.tensor([prompt] * count)
    config = GenerationConfig(
        do_sample=True, max_new_tokens=3, temperature=temperature, top_p=top_p, top_k=0,
        eos_token_id=ends, pad_token_id=pad,
    )  # fmt: skip
    drawn: Any = policy.generate(
        ids_BT, attention_mask=torch.ones_like(ids_BT), generation_config=config
    )
    theirs = Counter(map(tuple, cut_at_ends(drawn[:, len(prompt) :], torch.tensor(ends))))
    assert {1, 2, 3} == {len(row) for row in theirs}
    assert p_value(mine(temperature, top_p), theirs) > 1e-3
    assert p_value(mine(temperature * 0.8, top_p), theirs) < 1e-6


def p_value(one: Counter[tuple[int, ...]], other: Counter[tuple[int, ...]]) -> float:
    """That two samples come from one distribution; rare completions are counted together."""
    both = one + other
    common = [row for row, seen in both.items() if seen >= 20]
    table = [[counts[row] for row in common] for counts in (one, other)]
    rest = [
        sum(counts.values()) - sum(row) for counts, row in zip((one, other), table, strict=True)
    ]
    if min(rest):
        table = [[*row, left] for row, left in zip(table, rest, strict=True)]
    found: Any = chi2_contingency(table)
    return found.pvalue


def test_rows_of_a_process_that_has_finished_are_kept_in_step() -> None:
    """Shards: forward passes go on while another process generates, and change nothing."""
    policy, calls = small_policy().eval(), list[bool]()
    sampling, ends = Sampling(1.0, 1.0, 40), [1, *range(5, 12)]

    def other_process(unfinished: bool) -> bool:
        calls.append(unfinished)
        return True

    with torch.no_grad():
        alone = generate_batch(policy, ROWS, range(16), sampling, ends)
        assert generate_batch(policy, ROWS, range(16), sampling, ends, other_process) == alone
    assert len(calls) == 39 > sum(calls), "as many passes as the longest possible completion has"


def test_a_policy_that_is_not_finite_is_refused() -> None:
    policy = small_policy()
    with torch.no_grad():
        next(iter(policy.parameters()))[5] = float("nan")
    with pytest.raises(NonFiniteLogits, match="not finite"):
        complete_prompts(host(), policy, ROWS, rollout=0)
