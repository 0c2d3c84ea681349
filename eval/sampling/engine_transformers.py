"""Samples of a policy folder with transformers, through eval/sampling/batched_generation.py.

The list of requests is cut into fixed batches, and a batch is generated whole even if some of its
rows exist already. With the same batch size, threads, library versions and machine a sample is
therefore the same bit for bit; on a GPU this has not been tested.
"""

from eval.sampling import lean_imports  # isort: skip

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from eval.files.errors import BadInput
from eval.sampling.batched_generation import generate_batch
from eval.sampling.engine_interface import Completion, Key, Request, Sampling
from eval.sampling.policy_folder import check_weights, end_ids


class TransformersEngine:
    """Samples from a policy folder, on the GPU if there is one, else on the CPU.

    `batch`: completions that are generated together.
    """

    def __init__(
        self,
        policy: Path,
        tokenizer: Any,
        sampling: Sampling,
        batch: int = 512,
        dtype: str = "auto",
    ) -> None:
        self.sampling, self.tokenizer, self.batch = sampling, tokenizer, batch
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = load_model(policy, dtype).to(device)
        lean_imports.begin_work()
        self.end_ids = end_ids(policy, tokenizer)

    def complete(
        self, requests: list[Request], done: set[Key]
    ) -> Iterator[list[tuple[Request, Completion]]]:
        for start in range(0, len(requests), self.batch):
            batch = requests[start : start + self.batch]
            if all(request.key in done for request in batch):
                continue
            made = zip(batch, self._complete_batch(batch), strict=True)
            yield [(request, completion) for request, completion in made if request.key not in done]

    @torch.inference_mode()
    def _complete_batch(self, batch: list[Request]) -> list[Completion]:
        prompts, seeds = [r.prompt_ids for r in batch], [r.seed for r in batch]
        made = generate_batch(self.model, prompts, seeds, self.sampling, self.end_ids)
        texts = self.tokenizer.batch_decode(made, skip_special_tokens=True)
        return [
            Completion(text, len(ids), "stop" if ids[-1] in self.end_ids else "length")
            for text, ids in zip(texts, made, strict=True)
        ]


def load_model(policy: Path, dtype: str) -> Any:
    """The policy in evaluation mode.

    Raises:
        BadInput: the folder cannot be loaded, or lacks weights, which transformers would draw at
            random.
    """
    logging.disable_progress_bar()
    check_weights(policy)
    options: dict[str, Any] = {
        "use_safetensors": True,
        "local_files_only": True,
        "output_loading_info": True,
    }
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(policy, dtype=dtype, **options)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise BadInput(
            f"{policy}: transformers cannot load this policy ({error}): make or download it again"
        ) from None
    model, info = loaded
    absent = sorted(info["missing_keys"])
    if absent:
        raise BadInput(
            f"{policy}: {len(absent)} weights are missing, such as {absent[0]}: save or download"
            " the policy again"
        )
    return model.eval()
