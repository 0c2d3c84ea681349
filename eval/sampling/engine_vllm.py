"""Samples with vLLM: one request per sample, each with its own seed.

All samples of a problem are requested one after the other, so that prefix caching computes its
prompt once. A single request with n samples would share the prompt too, but vLLM derives its seeds
as seed + index, which overlap between problems. Prompts and completions are exchanged as token ids,
so both engines see the same prompt and decode in the same way.

What repeats: the seed of a sample. Its text repeats only as far as vLLM is batch invariant, which
it is not by default (vllm#5898, vllm#23138): the logits differ by rounding with the other requests
in flight. VLLM_BATCH_INVARIANT=1 removes most of this on GPUs, at a cost in speed.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from eval.files.errors import BadInput
from eval.sampling.engine_interface import Completion, Key, Request, Sampling
from eval.sampling.policy_folder import check_weights, end_ids


class VllmEngine:
    """Samples from a policy folder with vLLM.

    `batch`: most completions in flight. `run_seed`: seed of the engine itself.
    """

    def __init__(
        self,
        policy: Path,
        tokenizer: Any,
        sampling: Sampling,
        batch: int,
        dtype: str,
        run_seed: int,
    ) -> None:
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
        # The engine runs in this process: an engine process of its own outlives a SIGKILL of its
        # parent and keeps the GPU's memory.
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        try:
            import vllm  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            why = f"vllm cannot be imported ({error})"
            raise BadInput(
                f"engine vllm: {why}: install it or choose --engine transformers"
            ) from None
        self.vllm, self.tokenizer, self.sampling = vllm, tokenizer, sampling
        self.end_ids = end_ids(policy, tokenizer)
        check_weights(policy)
        try:
            self.engine = vllm.LLM(
                str(policy),
                dtype=dtype,
                load_format="safetensors",
                seed=run_seed % 2**32,
                max_num_seqs=batch,
                enable_prefix_caching=True,
                # compiling would cost a CPU run a minute
                enforce_eager=not torch.cuda.is_available(),
            ).llm_engine
        except (OSError, ValueError, RuntimeError) as error:
            raise BadInput(f"{policy}: vllm cannot start with this policy: {error}") from None

    def complete(
        self, requests: list[Request], done: set[Key]
    ) -> Iterator[list[tuple[Request, Completion]]]:
        """Completions, in the order in which they finish."""
        for number, request in enumerate(requests):
            if request.key not in done:
                prompt = self.vllm.inputs.tokens_input(list(request.prompt_ids))
                self.engine.add_request(str(number), prompt, self._params(request.seed))
        while self.engine.has_unfinished_requests():
            ended = [output for output in self.engine.step() if output.finished]
            if ended:
                yield [
                    (requests[int(output.request_id)], self._completion(output.outputs[0]))
                    for output in ended
                ]

    def _params(self, seed: int) -> Any:
        return self.vllm.SamplingParams(
            temperature=self.sampling.temperature,
            top_p=self.sampling.top_p,
            max_tokens=self.sampling.max_tokens,
            seed=seed,
            stop_token_ids=self.end_ids,
            detokenize=False,
            output_kind=self.vllm.sampling_params.RequestOutputKind.FINAL_ONLY,
        )

    def _completion(self, output: Any) -> Completion:
        ids = list(output.token_ids)
        text = self.tokenizer.decode(ids, skip_special_tokens=True)
        return Completion(text, len(ids), "stop" if output.finish_reason == "stop" else "length")
