"""Which arms there are, what is known of them, and in what they differ besides their method."""

from collections.abc import Iterable, Mapping

from analysis.bring.files.records import Finding
from analysis.bring.mapping_file.mapping import ARM_SETTINGS, NOT_KNOWN, OPEN, ArmWords, BringFile
from eval.files.errors import BadInput

ASKED = ("model", "prompt", "temperature")


def check_arms(mapping: BringFile, arms: Iterable[str]) -> None:
    """BadInput lists what the mapping leaves open about arms, reference and base policy."""
    arms = list(arms)
    asked = [
        f"arms.{arm}.{name} is missing: give"
        f" {'a number' if name == 'temperature' else 'a text'}, or unknown"
        for arm in arms
        for name in ASKED
        if getattr(mapping.arms.get(arm, ArmWords()), name) == OPEN
    ]
    if mapping.reference not in arms:
        asked.append(f"reference: one of {', '.join(arms)}")
    if mapping.base == OPEN:
        asked.append("base: the name of the untrained policy, or null")
    extra = sorted(set(mapping.arms) - set(arms))
    if extra:
        asked.append(f"arms.{extra[0]}: no file holds this arm: remove it or correct its name")
    if asked:
        raise BadInput("correct the mapping file:\n" + "\n".join(f"- {each}" for each in asked))


def difference_findings(mapping: BringFile) -> list[Finding]:
    """Settings in which arms differ, or may. BadInput for one that is not meant."""
    findings = []
    for setting in ARM_SETTINGS:
        values = {arm: getattr(words, setting) for arm, words in mapping.arms.items()}
        known = {arm: value for arm, value in values.items() if value != NOT_KNOWN}
        said = by_value(known)
        if len(set(map(as_words, known.values()))) > 1:
            if setting not in mapping.differences_meant:
                raise BadInput(
                    f"arms differ in {setting} ({said}), so a difference in scores need not come"
                    f" from the method: set differences_meant: [{setting}] if that is meant"
                )
            findings.append(Finding("arms differ", setting, said))
        unknown = [arm for arm in values if arm not in known]
        if unknown and values:
            said = f"unknown for {', '.join(unknown)}: whether arms are equal in it is not known"
            findings.append(Finding("unknown", setting, said))
    return findings


def by_value(values: Mapping[str, object]) -> str:
    """ "0.6: a, b; 1.0: c"."""
    groups: dict[str, list[str]] = {}
    for arm, value in values.items():
        groups.setdefault(as_words(value), []).append(arm)
    return "; ".join(f"{value}: {', '.join(arms)}" for value, arms in groups.items())


def as_words(value: object) -> str:
    """A setting as text, 1 and 1.0 alike."""
    return f"{value:g}" if isinstance(value, int | float) else str(value)
