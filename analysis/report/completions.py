"""What the policies write: completions from the beginning, the middle and the end of training, all
arms beside each other for one prompt, each token coloured by its entropy.

Where a token has next to no entropy the policy no longer chooses there; the few that still do are
the forking tokens of arXiv 2506.01939.

Arms share the order of their prompts under one seed, so a rollout's prompt is the same in all arms.
Shown is the first prompt that the reference answered both rightly and wrongly: nobody picks it.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markupsafe import Markup, escape

from analysis.figures.style import arm_styles
from analysis.results.completions import KeptCompletion, group_of
from analysis.results.folder import Results, is_within
from analysis.tables.cells import REPLACEMENT, decimals
from eval.files.errors import BadInput
from eval.files.results_layout import COMPLETIONS_FOLDER, completions_files, run_folder

NATS = (0.05, 0.2, 0.5, 1.0, 2.0)
"""Lower ends of the five shades. A choice between two equal tokens has 0.69 nats."""
MOST_TOKENS, MOST_CHARACTERS = 200, 2000  # of a completion on the page
MOST_ARMS = 12


@dataclass(frozen=True)
class ShownCompletion:
    """One completion on the page."""

    facts: str
    tokens: Markup


@dataclass(frozen=True)
class ArmSamples:
    arm: str
    color: str
    samples: list[ShownCompletion]
    why: str = ""  # there are none


@dataclass(frozen=True)
class Moment:
    """One rollout: a prompt, and what every arm wrote."""

    title: str
    prompt: Markup
    arms: list[ArmSamples]


def completions_section(results: Results) -> list[Moment]:
    """Empty where the reference kept no completions, or none that can be read."""
    for seed in results.seeds_of(results.reference):
        kept = kept_by(results, results.reference, seed)
        if kept:
            return [
                found
                for title, rollout in moments(list(kept)).items()
                if (found := moment(results, seed, rollout, title))
            ]
    return []


def kept_by(results: Results, arm: str, seed: int) -> dict[int, Path]:
    """{rollout: file} of a run."""
    found = completions_files(run_folder(results.folder, arm, seed) / COMPLETIONS_FOLDER)
    return {rollout: path for rollout, path in found.items() if is_within(path, results.folder)}


def moments(rollouts: list[int]) -> dict[str, int]:
    """The first, the last and the one nearest to the middle, each once."""
    first, last = rollouts[0], rollouts[-1]
    middle = min(rollouts, key=lambda rollout: abs(rollout - (first + last) / 2))
    named = {middle: "Middle", last: "End", first: "Beginning"}  # of equal ones the last name
    return {named[rollout]: rollout for rollout in sorted(named)}


def moment(results: Results, seed: int, rollout: int, title: str) -> Moment | None:
    try:
        shown = group_of(kept_by(results, results.reference, seed)[rollout])
    except BadInput:
        return None
    if not shown:
        return None
    prompt = shown[0].prompt
    styles = arm_styles(results)
    arms = [
        arm_samples(results, arm, seed, rollout, prompt, styles[arm].color)
        for arm in results.arms[:MOST_ARMS]
    ]
    return Moment(
        f"{title}: rollout {rollout} of seed {seed}",
        Markup(escape(visible(prompt[:MOST_CHARACTERS]))),
        arms,
    )


def arm_samples(
    results: Results, arm: str, seed: int, rollout: int, prompt: str, color: str
) -> ArmSamples:
    path = kept_by(results, arm, seed).get(rollout)
    if path is None:
        return ArmSamples(arm, color, [], "This rollout was not kept, or not reached.")
    try:
        group = group_of(path, prompt)
    except BadInput as error:
        return ArmSamples(arm, color, [], str(error))
    if not group:
        return ArmSamples(arm, color, [], "This prompt is not in its rollout.")
    return ArmSamples(arm, color, [sample(each, group) for each in one_of_each(group)])


def one_of_each(group: list[KeptCompletion]) -> list[KeptCompletion]:
    """The first right and the first wrong one, or the first two of one kind."""
    right = [each for each in group if each.verdict and each.verdict > 0]
    wrong = [each for each in group if each not in right]
    return [*right[:1], *wrong[:1]] if right and wrong else group[:2]


def sample(each: KeptCompletion, group: list[KeptCompletion]) -> ShownCompletion:
    measured = [value for value in each.entropy if value is not None]
    mean = sum(measured) / len(measured) if measured else None
    verdict = "unscored" if each.verdict is None else "right" if each.verdict > 0 else "wrong"
    alike = sum(other.verdict == each.verdict for other in group)
    cut = ", cut off" if each.truncated else ""
    facts = (
        f"{verdict} ({alike} of {len(group)}) · {each.length:,} tokens{cut} · mean entropy"
        f" {decimals(2)(mean)} nats · advantage {decimals(2)(each.advantage)}"
    )
    return ShownCompletion(facts, coloured(each))


def coloured(each: KeptCompletion) -> Markup:
    """The tokens; those with entropy in a shade of it, with their numbers as a tooltip."""
    parts: list[Markup] = []
    characters, shown = 0, 0
    for piece, entropy, logp in zip(each.pieces, each.entropy, each.logp, strict=True):
        if shown == MOST_TOKENS or characters > MOST_CHARACTERS:
            break
        text = visible(piece[:MOST_CHARACTERS])
        parts.append(token_markup(text, entropy, logp))
        characters, shown = characters + len(text), shown + 1
    if each.length > shown:
        parts.append(
            Markup(' <em class="soft">… {:,} more tokens</em>').format(each.length - shown)
        )
    return Markup("").join(parts)


def token_markup(text: str, entropy: float | None, logp: float | None) -> Markup:
    shade = bisect_right(NATS, entropy) if entropy is not None else 0
    if shade == 0 or not text:
        return escape(text)
    numbers = f"{decimals(2)(entropy)} nats" + (
        "" if logp is None else f", log p {decimals(2)(logp)}"
    )
    return Markup('<b class="h{}" title="{}">{}</b>').format(shade, numbers, text)


def visible(text: str) -> str:
    """Lines stay; other space becomes a space. Characters that do not print (controls, direction
    marks, lone surrogates) become U+FFFD.
    """
    return "".join(shown_characters(text))


def shown_characters(text: str) -> Iterable[str]:
    for character in text:
        if character == "\n" or character.isprintable():
            yield character
        else:
            yield " " if character.isspace() else REPLACEMENT


def shade_legend() -> list[tuple[int, str]]:
    """(shade, its range in nats)."""
    ends = [f"{low:g} to {high:g}" for low, high in pairwise(NATS)]
    return [(0, f"below {NATS[0]:g}"), *enumerate([*ends, f"{NATS[-1]:g} and more"], start=1)]
