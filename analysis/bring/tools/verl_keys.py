"""verl's metric names, which its console, its JSON lines and other loggers share.

`actor/entropy` is exact and under the policy that generated the rollout, but how it is averaged
depends on `loss_agg_mode`, which no file states: with token-mean it is the suite's `entropy`. Any
other mode weighs tokens otherwise, so its entropy keeps a name of its own. `actor/pg_clipfrac`
counts both ends of the clip, `actor/grad_norm` is a mean over updates and the token counts hold
the prompts: they are not the suite's quantities.

Validation metrics are `val-core/<source>/<variable>/<mean|maj|best>@n`. best@n is a bootstrap with
replacement, which is biased against pass@n; it keeps its name.
"""

import re
from collections.abc import Mapping
from typing import Any

from analysis.bring.files.reading import plain_number, safe_name
from analysis.bring.files.records import Answers, Claim, CurveRow, Found, Place

VERL_KEYS = {
    "critic/score/mean": "reward",
    "response_length/mean": "length_mean",
    "response_length/clip_ratio": "truncated",
    "actor/ppo_kl": "ppo_kl",
}
VERL_ENTROPIES = {
    "token-mean": {"actor/entropy": "entropy", "actor/entropy_loss": "entropy_update"},
    "seq-mean-token-mean": {
        "actor/entropy": "entropy_seq_mean",
        "actor/entropy_loss": "entropy_update_seq_mean",
    },
    "seq-mean-token-sum": {
        "actor/entropy": "entropy_seq_sum",
        "actor/entropy_loss": "entropy_update_seq_sum",
    },
}
VALIDATION = re.compile(r"val-(?:core|aux)/(.+)/([^/]+)/((?:mean|maj|best|worst)@\d+)(?:/mean)?")


def verl_keys(answers: Answers) -> Mapping[str, str]:
    return VERL_KEYS | VERL_ENTROPIES.get(str(answers.get("loss_agg_mode")), {})


def add_verl_row(found: Found, step: int, data: Mapping[str, Any]) -> None:
    """One step: training metrics as a row of curves, validation metrics as claims."""
    values: dict[str, Any] = {}
    for key, value in data.items():
        number = plain_number(value)
        if number is None:
            continue
        validation = VALIDATION.fullmatch(str(key))
        if validation is None:
            values[str(key)] = number
            continue
        source, variable, metric = validation.groups()
        if variable in ("acc", "reward"):
            place = Place(benchmark=safe_name(source), checkpoint=step)
            name = metric if variable == "acc" else f"{metric} of the reward"
            found.claims.append(Claim(place, name, number))
    if values:
        found.curves.append(CurveRow(Place(), step, values))
