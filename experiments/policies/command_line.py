"""The command line of what makes a base policy, which is read before torch is imported."""

import argparse
from pathlib import Path

from eval.files.command_line import command_parser


def policy_arguments(source: str, doc: str | None) -> argparse.Namespace:
    """`spec` and `out` of `python -m experiments.policies.SOURCE`; `doc`: of the module."""
    parser = command_parser(f"experiments.policies.{source}", doc)
    parser.add_argument("--spec", required=True, type=Path, help="results/<experiment>/spec.yaml")
    parser.add_argument("--out", type=Path, required=True, help="folder of the policy")
    return parser.parse_args()
