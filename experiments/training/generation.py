"""What generates a run's completions, made ready after TRL has built it: one seed from the run's,
processes in step.

TRL 1.16 seeds a colocated engine with its rank alone, so that all seeds of an experiment would
sample with the same random numbers, and leaves a server's seed to whoever starts it. The engine
inside a process draws from that process' global generators (vLLM 0.31, `set_random_seed`), so they
are seeded again here; a server is asked for its seed.
"""

from typing import Any, cast

from accelerate.utils import set_seed
from transformers import GenerationMixin

from eval.files.errors import BadInput

LOGPROBS = "processed_logprobs"  # after temperature: what the importance ratio compares with


def engine_seed(seed: int, engine: int = 0) -> int:
    """Of the run's engine number `engine`; distinct between runs and engines, below 2**32."""
    return (seed * 1_000_003 + engine) % 2**32


def prepare_generation(trainer: Any) -> None:
    """Call once TRL's trainer stands."""
    if trainer.is_fsdp_enabled:
        generate_together(trainer.model)
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


def generate_together(model: Any) -> None:
    """Lets no process stop generating before all have finished: each forward pass gathers shards
    from every one.

    transformers sees to that for models that it has sharded itself; accelerate's FSDP2 leaves no
    mark that it knows.
    """
    for module in model.modules():
        if isinstance(module, GenerationMixin):
            cast(Any, module)._is_fsdp_managed_module = True


def check_server(model_config: dict[str, Any], seed: int) -> None:
    """Raises: BadInput where the server samples with another seed, or returns other
    log-probabilities.
    """
    for name, wanted in (("seed", engine_seed(seed)), ("logprobs_mode", LOGPROBS)):
        if model_config.get(name) != wanted:
            raise BadInput(
                f"the vLLM server has {name} {model_config.get(name)!r} where this run needs"
                f" {wanted!r}: start it with"
                " `python -m experiments.training.vllm_server`, which says so"
            )
