"""Estimates the cost of an experiment before it runs: memory per GPU, tokens, GPU-hours, disk.

    python -m experiments.plan qwen3_4b                       on the fewest H100s on which it fits
    python -m experiments.plan qwen3_4b --gpu a100 --launch zero3 --processes 8

It needs no weights, no network and no GPU. If the experiment does not fit, the exit code is 2 and
the message lists changes that would make it fit. docs/planning.md explains the estimates.
"""

import argparse

from eval.files.command_line import command_parser
from eval.files.errors import BadInput, exit_with_message
from experiments.plan.cost import LONGEST_OF, LONGEST_PROMPT, MEAN_PROMPT, Assumed
from experiments.plan.make_plan import Plan, make_plan
from experiments.plan.memory import Launch
from experiments.plan.plan_text import plan_text, start_command
from experiments.plan.throughput import CPU_OF_PRETRAINED, GPUS, Speed
from experiments.spec.experiment_file import load_experiment
from experiments.spec.policy_settings import HubPolicy, PretrainedPolicy
from experiments.spec.schema import Experiment


def main() -> None:
    arguments = plan_arguments()
    with exit_with_message():
        plan = plan_from(load_experiment(arguments.experiment), arguments)
        print(f"{plan_text(plan)}\nstart: {start_command(plan, arguments.experiment)}")


def plan_from(experiment: Experiment, arguments: argparse.Namespace) -> Plan:
    """The plan that the command line asks for. BadInput if launch and processes do not match, or
    if an arm does not fit.
    """
    pretrained = isinstance(experiment.model, HubPolicy)
    gpu_name = arguments.gpu or ("h100" if pretrained else "cpu")
    speed = Speed(arguments.mfu, tokens_per_second=arguments.tokens_per_second)
    longest = arguments.longest_prompt or LONGEST_OF.get(experiment.task.prompts, LONGEST_PROMPT)
    mean = arguments.prompt_tokens or min(MEAN_PROMPT, longest // 2)
    device = GPUS[gpu_name]
    if device.is_cpu and isinstance(experiment.model, PretrainedPolicy):
        device = CPU_OF_PRETRAINED
    assumed = Assumed(device, speed, arguments.mean_length, mean)
    launch = None
    if arguments.launch or arguments.processes > 1:
        launch = Launch(arguments.launch or "fsdp2", arguments.processes)
        if (launch.kind == "single") != (launch.processes == 1):
            raise BadInput(
                f"--launch {launch.kind} does not match --processes {launch.processes}: single is"
                " one process, the other launches are two or more"
            )
    return make_plan(experiment, gpu_name, assumed, launch, longest)


def plan_arguments() -> argparse.Namespace:
    parser = command_parser("experiments.plan", __doc__)
    parser.add_argument("experiment", help="experiment name or YAML file")
    parser.add_argument("--gpu", choices=GPUS, help="default: h100, or cpu for the small policies")
    launches = ["single", "ddp", "fsdp2", "zero3"]
    parser.add_argument(
        "--launch", choices=launches, help="default: the one with the fewest GPUs that fits"
    )
    whole, number = positive(int), positive(float)
    parser.add_argument("--processes", type=whole, default=1, help="GPUs of one run")
    parser.add_argument(
        "--mean-length", type=number, default=0.5, help="of completions, as a share of their limit"
    )
    parser.add_argument("--prompt-tokens", type=whole, help="mean number of tokens of a prompt")
    parser.add_argument("--longest-prompt", type=whole, help="tokens of the longest prompt")
    parser.add_argument(
        "--mfu", type=number, default=Speed.mfu, help="share of the peak FLOPs during updates"
    )
    parser.add_argument(
        "--tokens-per-second", type=number, help="measured rate of generation on one GPU"
    )
    return parser.parse_args()


def positive(kind: type) -> "type":
    """A reader of positive numbers for argparse, which shows its name in messages."""

    def read(text: str) -> float:
        value = kind(text)
        if not 0 < value < float("inf"):
            raise ValueError
        return value

    read.__name__ = f"positive {kind.__name__}"
    return read  # pyright: ignore[reportReturnType]
