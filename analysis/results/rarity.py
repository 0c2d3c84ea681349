"""How rarely the base policy was shown the skill that a question wants, from the spec.

The family `skills` (experiments/families/skills.py) teaches skill k at a rate

    p_k ∝ decay^(k−1),   times `hint` where skill k is the right one

and a question's level is the rank k of its skill. Experiments of other families have no rates.
"""

from typing import Any

from analysis.results.folder import Results
from eval.files.errors import BadInput
from eval.files.json_text import parse


def skill_rates(spec: dict[str, Any]) -> dict[str, float]:
    """Level → rate in (0, 1] of the skill that it wants; empty for other families, and for a spec
    that lacks a setting.
    """
    family = spec.get("task", {}).get("family")
    if not isinstance(family, dict) or family.get("name") != "skills":
        return {}
    kinds, decay, hint = (family.get(name) for name in ("kinds", "decay", "hint"))
    if not isinstance(kinds, int) or not isinstance(decay, float) or not isinstance(hint, float):
        return {}
    found = {}
    for right in range(kinds):
        weights = [decay**skill * (hint if skill == right else 1) for skill in range(kinds)]
        found[str(right + 1)] = weights[right] / sum(weights)
    return found


def question_levels(results: Results, benchmark: str) -> dict[str, str]:
    """Problem id → level, from the problem file; empty without one.

    Raises:
        BadInput: the file is damaged.
    """
    path = results.folder / "problems" / f"{benchmark}.jsonl"
    if not path.is_file():
        return {}
    try:
        rows = [parse(line) for line in path.read_bytes().splitlines() if line.strip()]
        return {str(row["id"]): str(row["level"]) for row in rows}
    except (ValueError, KeyError, TypeError):
        raise BadInput(f"{path}: is damaged: make the problems again") from None
