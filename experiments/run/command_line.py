"""The command lines of what works on one run, which are read before torch is imported."""

import argparse
from pathlib import Path

from eval.files.command_line import command_parser


def train_arguments(doc: str | None) -> argparse.Namespace:
    """The command line of `python -m experiments.train`. `doc`: docstring of the module."""
    parser = _run_parser("experiments.train", doc)
    parser.add_argument(
        "--inputs", type=Path, help="folder with problems/ and base/; default: that of the spec"
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="folder of the run; default: <arm>/seed-<seed> in the inputs' folder",
    )
    return parser.parse_args()


def server_arguments(doc: str | None) -> argparse.Namespace:
    """Of `python -m experiments.training.vllm_server`."""
    parser = _run_parser("experiments.training.vllm_server", doc)
    parser.add_argument(
        "more", nargs="*", help="after --: options of vllm serve, as --tensor-parallel-size 2"
    )
    return parser.parse_args()


def reproduce_arguments(doc: str | None) -> argparse.Namespace:
    """Of `python -m experiments.reproduce`."""
    parser = command_parser("experiments.reproduce", doc)
    parser.add_argument("dump", type=Path, help="folder `fault` of a run")
    return parser.parse_args()


def _run_parser(module: str, doc: str | None) -> argparse.ArgumentParser:
    parser = command_parser(module, doc)
    parser.add_argument("--spec", required=True, type=Path, help="results/<experiment>/spec.yaml")
    parser.add_argument("--arm", required=True, help="arm of the experiment")
    parser.add_argument("--seed", required=True, type=int, help="one of the experiment's seeds")
    return parser
