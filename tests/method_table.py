"""The tables of docs/methods/README.md, from the methods' files, the golden data and what each
method does when it is called.

    python -m tests.method_table     rewrites them
"""

import inspect
import math
import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import torch

from methods import AnyMethod, Control, Rollout, Signals
from methods.common.control import (
    OwnEntropy,
    OwnSurrogate,
    is_shaping,
    needs_ratio,
    needs_scoring,
    reconstruction,
)
from tests.golden_cases import CHECKS, golden, largest

PAGE = Path(__file__).parents[1] / "docs" / "methods" / "README.md"
MARK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
FILES = {
    "fixed_coefficient": "trl_entropy",
    "skywork": "skywork_adaptive",
    "eighty_twenty": "eighty_twenty.trl",
    "clip_cov": "clip_cov.entmech",
    "kl_cov": "kl_cov.entmech",
}
"""Golden files that are not called as their method."""
STOCK = "TRL 1.16, whole runs bit for bit (tests/training/test_parity.py)"
LEVERS = (
    *("bonus", "clip", "advantage", "weight", "worth", "tether", "pull"),
    *("surrogate", "own entropy"),
)


SETTINGS: dict[str, dict[str, Any]] = {"fixed_coefficient": {"coefficient": 0.01}}
"""Method → values of the fields that have no default."""


def examples() -> list[Any]:
    """One of each method with its published settings."""
    return [cls(**SETTINGS.get(name_of(cls), {})) for cls in get_args(AnyMethod)]


def name_of(cls: Any) -> str:
    return str(next(f.default for f in fields(cls) if f.name == "name"))


def seen(entropy: float) -> Rollout:
    """Four rows in two groups, of which every lever finds tokens to act on."""
    generator = torch.Generator().manual_seed(0)
    logp = -8 * torch.rand(4, 50, generator=generator)
    return Rollout(
        number=1,
        planned=2,
        reward_B=torch.tensor([1.0, 0.0, 1.0, 0.0]),
        accuracy_B=torch.full((4,), 0.5),
        advantage_B=torch.tensor([1.0, -1.0, 1.0, -1.0]),
        group_B=torch.tensor([0, 0, 1, 1]),
        mask_BT=torch.ones(4, 50),
        logp_BT=logp,
        entropy_BT=torch.rand(4, 50, generator=generator),
        entropy=entropy,
        uniform_BT=torch.rand(4, 50, generator=generator),
    )


def levers_of(method: Any) -> set[str]:
    """The levers that the method moves, whatever the entropy: seen by calling it."""
    found = set[str]()
    for entropies in ((2.0, 0.01, 0.01), (0.01, 2.0, 2.0)):
        state = method.init()
        for rollout, entropy in enumerate(entropies):
            control: Control = method.control(state, torch.zeros(4))
            found |= {"bonus"} if control.weight_B.any() else set()
            note = {}
            if is_shaping(method):
                shape = method.shape(state, seen(entropy))
                found |= {name.removesuffix("_BT") for name in shape.tensors()}
                note = shape.note
            own = 0.01 if isinstance(method, OwnEntropy) else None
            told = Signals(rollout, entropy, torch.zeros(4), own, note)
            state = method.observe(state, told)
    found |= {"surrogate"} if isinstance(method, OwnSurrogate) else set()
    found |= {"own entropy"} if isinstance(method, OwnEntropy) else set()
    if needs_ratio(method) and not isinstance(method, OwnSurrogate):
        found |= {"clip"}
    return found


def state_of(method: Any) -> str:
    """The keys that it remembers after a rollout."""
    state, note = method.init(), {}
    if is_shaping(method):
        note = method.shape(state, seen(0.1)).note
    own = 0.1 if isinstance(method, OwnEntropy) else None
    after = method.observe(state, Signals(0, 0.1, torch.zeros(4), own, note))
    return ", ".join(f"`{key}`" for key in after) or "–"


def paper_of(method: Any) -> str:
    found = re.search(r"arXiv (\d{4}\.\d{5})", module_of(method))
    return f"[{found[1]}](https://arxiv.org/abs/{found[1]})" if found else "–"


def module_of(method: Any) -> str:
    return inspect.getmodule(type(method)).__doc__ or ""


def departures_of(method: Any) -> str:
    """The paragraph of the file's head, as one line."""
    found = re.search(r"Departures?: (.+?)(?:\n\n|\Z)", module_of(method), re.DOTALL)
    return " ".join(found[1].split()).replace("|", "\\|") if found else "–"


def reference_of(method: Any) -> str:
    name = method.name
    if name in ("no_entropy", "clip_higher"):
        return STOCK
    if name not in CHECKS:
        return "none: a reconstruction" if reconstruction(method) else "none"
    source = golden(FILES.get(name, name))["source"]
    commit = re.sub(r"\b([0-9a-f]{7})[0-9a-f]{33}\b", r"\1", source["commit"])
    return f"{source['repo']}, {commit}, {source['function']}".replace("|", "\\|")


def error(name: str, *kinds: str) -> str:
    """An upper bound in powers of ten, down to 1e-15, which is float64's rounding."""
    if name not in CHECKS:
        return "–"
    found = largest(name, *kinds)
    if found is None:
        return "–"
    return f"< 1e{max(-15, math.ceil(math.log10(found)) if found else -15)}"


def yes(value: bool) -> str:
    return "yes" if value else "–"


def row(method: Any) -> list[str]:
    name = method.name
    rebuilt = " (reconstruction)" if reconstruction(method) else ""
    return [
        f"[`{name}`]({name}.md){rebuilt}",
        paper_of(method),
        ", ".join(lever for lever in LEVERS if lever in levers_of(method)) or "none",
        reference_of(method),
        error(name, "loss"),
        error(name, "gradient"),
        error(name, "advantage", "selection", "entropy", "controller"),
        yes(needs_ratio(method)),
        yes(needs_scoring(method)),
        yes(isinstance(method, OwnEntropy)),
        state_of(method),
    ]


HEAD = [
    *("method", "paper", "lever", "reference", "loss", "gradient", "choices"),
    *("needs ratio", "scoring pass", "own entropy", "state"),
]


def markdown(rows: list[list[str]]) -> str:
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def tables() -> dict[str, str]:
    methods = examples()
    cross = [
        [f"`{m.name}`", *("x" if lever in levers_of(m) else "" for lever in LEVERS)]
        for m in methods
    ]
    return {
        "methods": markdown([HEAD, *map(row, methods)]),
        "levers": markdown([["method", *LEVERS], *cross]),
        "departures": markdown(
            [["method", "departures"], *([f"`{m.name}`", departures_of(m)] for m in methods)]
        ),
    }


def filled_in(page: str) -> str:
    made = tables()
    return MARK.sub(lambda mark: mark[1] + made[mark[2]] + mark[3], page)


if __name__ == "__main__":
    PAGE.write_text(filled_in(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
