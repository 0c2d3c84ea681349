"""What foreign curves say of their runs, as far as they go, and which checks they do not allow.

The table of diagnostics reads `entropy` alone. A curve that has another entropy is held against its
own start here, as collapse and explosion are ratios within one run and one definition.
"""

from collections.abc import Mapping

import numpy as np

from analysis.bring.files.records import Finding, Place
from analysis.bring.findings.curves import Series, flattened_row
from analysis.tables.diagnostics import COLLAPSED, EXPLODED, final_mean, first_measured

OWN_ENTROPY = "entropy"
CHECKS = {  # what a check of the diagnostics needs, by the suite's names
    "collapse, explosion": ("entropy",),
    "reward": ("reward",),
    "accuracy": ("accuracy",),
    "length": ("length_mean",),
    "truncation": ("truncated",),
    "tokens generated": ("tokens_generated",),
    "clipping": ("clip_low", "clip_high"),
    "groups without a spread": ("groups_all_right", "groups_all_wrong"),
}
STILL = 1e-3  # nats of KL to the reference policy: below it a policy has hardly moved


def curve_findings(series: Mapping[Place, Series]) -> list[Finding]:
    """Findings of every run, then those between runs."""
    findings = []
    for place, rows in series.items():
        findings += run_findings(place, rows)
    ends = {max(rows) for rows in series.values() if rows}
    if len(ends) > 1:
        said = ", ".join(f"{place.arm} seed {place.seed}: {max(series[place])}" for place in series)
        findings.append(Finding("unequal budget", "training steps", said))
    return findings


def run_findings(place: Place, rows: Series) -> list[Finding]:
    flat = [flattened_row(row) for row in rows.values()]
    names = {key for row in flat for key in row}
    findings = [
        Finding("entropy", str(place), said)
        for name in sorted(names)
        if "entropy" in name and name != OWN_ENTROPY
        if (said := entropy_words(name, values(flat, name)))
    ]
    known = names | ({OWN_ENTROPY} if any("entropy" in name for name in names) else set())
    lacking = [check for check, keys in CHECKS.items() if not known & set(keys)]
    if lacking:
        said = f"not checked, because the log lacks their keys: {', '.join(lacking)}"
        findings.append(Finding("not logged", str(place), said))
    still = sorted(
        name
        for name in names
        if "reward" in name and not name.startswith("eval_") and "std" not in name
        if is_constant(values(flat, name))
    )
    if still:
        said = f"{', '.join(still)} has one value in all rows, so the run learnt nothing from it"
        findings.append(Finding("constant reward", str(place), said))
    kl = values(flat, "kl")
    if len(kl) and float(kl.max()) < STILL:
        said = f"KL to the reference policy is at most {kl.max():.1g} nats: the policy hardly moved"
        findings.append(Finding("inert", str(place), said))
    return findings


def values(rows: list[dict], name: str) -> np.ndarray:
    found = [row[name] for row in rows if isinstance(row.get(name), int | float)]
    return np.array(found, dtype=float)


def is_constant(numbers: np.ndarray) -> bool:
    return len(numbers) > 2 and float(np.ptp(numbers)) == 0


def entropy_words(name: str, numbers: np.ndarray) -> str:
    """Collapse or explosion by the thresholds of the diagnostics; "" for neither."""
    start, end = first_measured(numbers), final_mean(numbers)
    if not start > 0:
        return ""
    word = "collapsed" if end < COLLAPSED * start else "exploded" if end > EXPLODED * start else ""
    return f"{name} {word}: {start:.3g} to {end:.3g}" if word else ""
