"""What generates a run's completions: the suite's own batched generation, or vLLM.

    completion = f(policy, prompt, stream),   stream seeded by (run seed, rollout, prompt, index)

index: the completion's number in its group. So a completion does not depend on the batch, on how
rows are spread over processes, or on torch's global generator, and arms with one seed draw from
equal streams. Two departures remain. Rounding in batched arithmetic can move a token whose draw
falls within it of the next token's (eval/sampling/batched_generation.py). vLLM draws as follows.

TRL 1.16 seeds a colocated engine with its rank alone, so that all seeds of an experiment would
sample with the same random numbers, and leaves a server's seed to whoever starts it. The engine
inside a process draws from that process' global generators (vLLM 0.31, `set_random_seed`), so they
are seeded again here; a server is asked for its seed.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from accelerate.utils import set_seed

from eval.files.errors import BadInput
from eval.sampling.batched_generation import generate_batch
from eval.sampling.engine_interface import Sampling, sample_seed

LOGPROBS = "processed_logprobs"  # after temperature: what the importance ratio compares with


def engine_seed(seed: int, engine: int = 0) -> int:
    """Of the run's engine number `engine`; distinct between runs and engines, below 2**32."""
    return (seed * 1_000_003 + engine) % 2**32


def completion_seed(seed: int, rollout: int, prompt: Sequence[int], index: int) -> int:
    """Of completion `index` of a group. prompt: its tokens; no two prompts of a rollout are
    equal.
    """
    return sample_seed(seed, f"rollout {rollout}", ",".join(map(str, prompt)), index)


def complete_prompts(
    trainer: Any, policy: Any, prompts: Sequence[Sequence[int]], rollout: int
) -> list[list[int]]:
    """Tokens of the completions of this process' rows, end tokens included.

    policy: the unwrapped model. prompts: their tokens, those of a group beside each other.

    Raises:
        NonFiniteLogits
    """
    first = trainer.accelerator.process_index * len(prompts)
    seeds = [
        completion_seed(trainer.args.seed, rollout, prompt, (first + row) % trainer.num_generations)
        for row, prompt in enumerate(prompts)
    ]
    sampling = Sampling(trainer.temperature, trainer.top_p, trainer.max_completion_length)
    rows = [tuple(prompt) for prompt in prompts]
    was_training = policy.training
    policy.eval()  # dropout would make a completion depend on torch's global generator
    # What shards gather under inference_mode, which is faster, could not be trained on afterwards.
    sharded = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
    mode = torch.no_grad if sharded else torch.inference_mode
    try:
        with mode():
            return generate_batch(
                policy, rows, seeds, sampling, trainer.eos_token_ids, together(trainer)
            )
    finally:
        policy.train(was_training)


def together(trainer: Any) -> Callable[[bool], bool]:
    """Whether generation goes on, from whether a row of this process is unfinished. Shards go on
    until all processes have finished: each forward pass gathers them from every one.
    """
    if not trainer.is_fsdp_enabled:
        return bool
    device, gather = trainer.accelerator.device, trainer.accelerator.gather
    return lambda unfinished: bool(gather(torch.tensor([unfinished], device=device)).any())


def prepare_generation(trainer: Any) -> None:
    """Call once TRL has built its trainer."""
    if trainer.use_vllm:
        # vLLM stops at the tokenizer's end token alone; the policy may have been taught others.
        ends = {"stop_token_ids": [*trainer.eos_token_ids]}
        trainer.vllm_generation.generation_kwargs = trainer.vllm_generation.generation_kwargs | ends
    if trainer.use_vllm and trainer.vllm_mode == "colocate":
        check_room(trainer)
        # Processes that share an engine by tensor parallelism must draw the same numbers.
        set_seed(
            engine_seed(
                trainer.args.seed,
                trainer.accelerator.process_index // trainer.vllm_tensor_parallel_size,
            )
        )
    elif trainer.use_vllm and trainer.accelerator.is_main_process:
        check_server(
            trainer.vllm_generation.vllm_client.get_server_info()["model_config"], trainer.args.seed
        )


def check_room(trainer: Any) -> None:
    """BadInput where a prompt leaves no room for a completion: vLLM would cut that one, and count
    it as truncated.
    """
    limit, completion = trainer.args.vllm_max_model_length, trainer.args.max_completion_length
    if limit is None:
        return
    prompts = sorted(set(trainer.train_dataset["prompt"]))
    longest = max(len(ids) for ids in trainer._tokenize_prompts(prompts)[0])
    if longest + completion > limit:
        raise BadInput(
            f"training.vllm_max_model_length is {limit}, the longest prompt has {longest} tokens"
            " and a completion up to"
            f" {completion} (max_completion_length): set it to {longest + completion} or more"
        )


def check_server(model_config: dict[str, Any], seed: int) -> None:
    """Raises: BadInput where the server samples with another seed, or returns other
    log-probabilities.
    """
    for name, wanted in (("seed", engine_seed(seed)), ("logprobs_mode", LOGPROBS)):
        if model_config.get(name) != wanted:
            raise BadInput(
                f"the vLLM server has {name} {model_config.get(name)!r} and this run needs"
                f" {wanted!r}: start the server with `python -m experiments.training.vllm_server`,"
                " which sets it"
            )
