"""Becomes the vLLM server of one training run, on GPUs of its own: `vllm serve` with what TRL 1.16
and the run need.

    CUDA_VISIBLE_DEVICES=3 python -m experiments.training.vllm_server --spec results/NAME/spec.yaml
    --arm aer --seed 1

Weights are sent to it after every rollout, so each run needs a server, and ports, of its own. It
listens where the experiment's `vllm_server_host` and `vllm_server_port` say. What follows `--` is
passed on to `vllm serve`.
"""

from experiments.run.command_line import server_arguments  # isort: skip

if __name__ == "__main__":
    server_arguments(__doc__)  # --help does not wait for the imports below

import os
from pathlib import Path

from eval.files.errors import BadInput, exit_with_message
from experiments.policies.load_save import policy_source
from experiments.spec.experiment_file import load_experiment
from experiments.spec.schema import Experiment
from experiments.training.rollout.generation import LOGPROBS, engine_seed


def serve_command(
    experiment: Experiment, arm: str, seed: int, root: Path, more: list[str]
) -> list[str]:
    """Raises: BadInput where the arm's rollouts do not come from a server."""
    if arm not in experiment.arms:
        raise BadInput(f"unknown arm {arm!r}: choose one of {', '.join(experiment.arms)}")
    training = experiment.training_of(arm)
    if training.vllm != "server":
        raise BadInput(
            f"training.vllm is {training.vllm!r} in arm {arm}: set it to server, or start none"
        )
    return [
        *("vllm", "serve", policy_source(experiment, root)["pretrained_model_name_or_path"]),
        *("--host", training.vllm_server_host, "--port", str(training.vllm_server_port)),
        *("--seed", str(engine_seed(seed)), "--logprobs-mode", LOGPROBS, "--max-logprobs", "-1"),
        *("--weight-transfer-config", '{"backend": "nccl"}'),
        *("--generation-config", "vllm"),  # no sampling defaults of the policy's folder
        *more,
    ]


def main() -> None:
    arguments = server_arguments(__doc__)
    with exit_with_message():
        experiment = load_experiment(arguments.spec)
        command = serve_command(
            experiment, arguments.arm, arguments.seed, arguments.spec.parent, arguments.more
        )
        # weights are sent through its development endpoints
        os.environ["VLLM_SERVER_DEV_MODE"] = "1"
        try:
            os.execvp(command[0], command)
        except FileNotFoundError:
            raise BadInput("vllm is not installed: pip install -e '.[vllm]'") from None


if __name__ == "__main__":
    main()
