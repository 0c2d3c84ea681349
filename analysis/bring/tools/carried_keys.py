"""Keys in logs that wandb, TensorBoard and trackio carry for another tool.

The trainer's own names come through, with `train/` before them where transformers logs. So they are
the keys of TRL and of verl; which of the two wrote them is plain from the names.
"""

from collections.abc import Mapping

from analysis.bring.files.records import Answers
from analysis.bring.tools.trl import TRL_KEYS
from analysis.bring.tools.verl_keys import verl_keys


def carried_keys(answers: Answers) -> Mapping[str, str]:
    prefixed = {f"train/{key}": name for key, name in TRL_KEYS.items()}
    return TRL_KEYS | prefixed | dict(verl_keys(answers))
