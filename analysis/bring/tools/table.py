"""All tools, in the order in which a file is recognised. A new one is one file and one line."""

from pathlib import Path

from analysis.bring.files.reading import read_bytes
from analysis.bring.files.records import Tool
from analysis.bring.tools.counts_csv import COUNTS_CSV
from analysis.bring.tools.evalchemy import EVALCHEMY
from analysis.bring.tools.lighteval import LIGHTEVAL, LIGHTEVAL_DETAILS
from analysis.bring.tools.lm_eval import LM_EVAL
from analysis.bring.tools.opencompass import OPENCOMPASS, OPENCOMPASS_RESULTS
from analysis.bring.tools.prime_rl import PRIME_RL
from analysis.bring.tools.qwen_math import QWEN_MATH, QWEN_METRICS
from analysis.bring.tools.scores_csv import SCORES_CSV
from analysis.bring.tools.suite import SUITE
from analysis.bring.tools.tensorboard import TENSORBOARD
from analysis.bring.tools.trackio import TRACKIO
from analysis.bring.tools.trl import TRL
from analysis.bring.tools.verl_console import VERL_CONSOLE
from analysis.bring.tools.verl_generations import VERL_DUMP, VERL_ROLLOUTS
from analysis.bring.tools.verl_metrics import VERL_METRICS
from analysis.bring.tools.wandb_history import WANDB

TOOLS = (
    SUITE,
    TRL,
    VERL_DUMP,  # before verl's metrics: a name like 20.jsonl says nothing
    VERL_ROLLOUTS,
    VERL_METRICS,
    VERL_CONSOLE,
    PRIME_RL,
    LIGHTEVAL,
    LIGHTEVAL_DETAILS,
    LM_EVAL,
    QWEN_MATH,
    QWEN_METRICS,
    OPENCOMPASS,
    OPENCOMPASS_RESULTS,
    EVALCHEMY,  # after lighteval: both name their files results_TIME.json
    COUNTS_CSV,
    SCORES_CSV,
    WANDB,
    TENSORBOARD,
    TRACKIO,
)
BY_NAME = {tool.name: tool for tool in TOOLS}
HEAD_BYTES = 1 << 16


def recognised(path: Path) -> Tool | None:
    """The tool whose files look like this one; None for a file of no known layout."""
    head = read_bytes(path, HEAD_BYTES, whole=False)
    return next((tool for tool in TOOLS if tool.recognises(path, head)), None)
