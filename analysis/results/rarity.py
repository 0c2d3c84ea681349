"""How rarely the base policy uses the skill that a question wants.

The step that teaches a policy of the family `skills` reads the rates off its probabilities
(experiments/policies/skill_rates.py). A question's level is its skill's rank of rarity. Policies of
other families have no such rates.
"""

from analysis.results.folder import BASE, Results
from eval.files.errors import BadInput
from eval.files.json_text import parse, read_object
from eval.files.results_layout import SKILL_RATES


def skill_rates(results: Results) -> dict[str, float]:
    """Level → rate in (0, 1] of the skill that it wants; empty without the file. Levels whose skill
    the policy never uses have none, since they have no place on a logarithmic axis.

    Raises:
        BadInput: the file is damaged.
    """
    path = results.folder / BASE / "policy" / SKILL_RATES
    if not path.is_file():
        return {}
    rates = read_object(path)
    for level, rate in rates.items():
        if not isinstance(rate, int | float) or isinstance(rate, bool) or not 0 <= rate <= 1:
            raise BadInput(
                f"{path}: the rate of level {level} is not a number in [0, 1]: delete this file and"
                " run the study again"
            )
    return {level: float(rate) for level, rate in rates.items() if rate > 0}


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
