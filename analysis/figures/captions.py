"""The caption of each figure, for the report page and for `snakemake --report`."""

from typing import NamedTuple


class Caption(NamedTuple):
    category: str
    title: str
    text: str  # plain text without markup, so that HTML and reStructuredText can both show it


SEED_BAND = "Line: mean over seeds; band: smallest to largest seed; thin lines: single seeds."

CAPTIONS: dict[str, Caption] = {
    "forest": Caption(
        "Evaluation",
        "Every arm against the reference",
        "Difference in points with its 95 % interval, adjusted for all comparisons of the column"
        " (Holm), coloured by verdict. Hollow: the base policy. Triangle: the difference is beyond"
        " the axis; the number is its value.",
    ),
    "pass_at_k": Caption(
        "Evaluation",
        "pass@k",
        "Unbiased pass@k against k on a log2 axis, per benchmark. Band: 95 % bootstrap interval"
        " over seeds and questions. Dashed grey: the base policy. Below each panel: the smallest k"
        " from which the base policy solves more questions than the arm, where there is one.",
    ),
    "curves": Caption(
        "Evaluation",
        "Score over training",
        "pass@1 and pass@k of the policies on the way, against the completions that a run has"
        " generated for training. The first point is the base policy. Band: 95 % bootstrap"
        " interval over seeds and questions, of each point.",
    ),
    "reach": Caption(
        "Evaluation",
        "Reach",
        "Accuracy on questions that want a skill, against how often the base policy uses it there,"
        " read off its probabilities; logarithmic axis. Band: 95 % bootstrap interval over seeds"
        " and questions. Where a curve crosses one half (dotted) is the arm's reach. Dashed grey:"
        " the base policy.",
    ),
    "entropy": Caption(
        "Training",
        "Policy entropy",
        "Entropy in nats per token under the policy that generated the rollout, before its first"
        f" update. {SEED_BAND} Dashed: the arm's target. Logarithmic axis.",
    ),
    "entropy_tokens": Caption(
        "Training",
        "Policy entropy against generated tokens",
        f"As the entropy figure, against the tokens that a run has generated so far. {SEED_BAND}",
    ),
    "reward": Caption(
        "Training",
        "Reward",
        f"Mean reward of a rollout's completions. {SEED_BAND}",
    ),
    "reward_tokens": Caption(
        "Training",
        "Reward against generated tokens",
        "Mean reward of a rollout's completions, against the tokens that a run has generated so"
        f" far. {SEED_BAND}",
    ),
    "length": Caption(
        "Training",
        "Length and truncation",
        "Mean length of a completion in tokens, and the share of completions cut off at the"
        f" limit. {SEED_BAND}",
    ),
    "length_tokens": Caption(
        "Training",
        "Length and truncation against generated tokens",
        f"As the length figure, against the tokens that a run has generated so far. {SEED_BAND}",
    ),
    "phase": Caption(
        "Training",
        "Reward against entropy",
        "One point per rollout and seed, later rollouts darker. Black: least-squares fit of R = -a"
        " exp(H) + b, the law of the entropy-mechanism paper (arXiv 2505.22617), with its share of"
        " explained variance.",
    ),
    "controller": Caption(
        "Controller",
        "Controller state",
        "Per seed, for arms that adjust their coefficient: the coefficient alpha (loss units per"
        " nat), the mean difficulty weight, and entropy beside its target (dashed). Wind-up shows"
        " as alpha that rises while the weight is near zero.",
    ),
    "levels": Caption(
        "Difficulty",
        "Entropy and accuracy per level",
        f"Training completions by the level of their problem. {SEED_BAND}",
    ),
    "strata": Caption(
        "Difficulty",
        "Entropy and accuracy per frozen stratum",
        "Training completions by the base policy's pass rate on their prompt, so that a stratum"
        f" holds the same prompts throughout training. {SEED_BAND}",
    ),
    "groups": Caption(
        "Difficulty",
        "Entropy and accuracy per current group accuracy",
        "Training completions by the share of their group that is correct in this very rollout:"
        " the quantity that a difficulty weight acts on. Prompts change their bin as training"
        f" goes on. {SEED_BAND}",
    ),
    "questions": Caption(
        "Evaluation",
        "Question by arm",
        "Success rate per question, mean over seeds; questions ordered by the base policy's rate."
        " Bars: questions that the base policy solves at most half of the time and the arm more"
        " often (gained), and the reverse (lost).",
    ),
    "histograms": Caption(
        "Evaluation",
        "Success rates",
        "Number of questions by success rate, mean over seeds; grey outline: the base policy."
        " Sharpening moves questions to both ends, learning moves them to the right.",
    ),
}


def rst(name: str) -> str:
    """The caption of a figure as a reStructuredText paragraph."""
    return plain_rst(CAPTIONS[name].text)


def plain_rst(text: str) -> str:
    """Text as a reStructuredText paragraph; `snakemake --report` fills it in as a Jinja
    template.
    """
    return text.replace("{", "").replace("}", "").replace("*", r"\*") + "\n"
