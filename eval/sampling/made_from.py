"""The parts that the samples of one set are made from, for their mark (eval/files/marks.py)."""

from pathlib import Path
from typing import Any

from eval.files.code_digest import code_digest
from eval.files.marks import CHECKSUMS, digest_of, listing_digest, sha256
from eval.files.results_layout import ACCURACY, SKILL_RATES

ENGINES = ("transformers", "vllm")
POLICY_FILES = {".json", ".safetensors", ".jinja", ".txt", ".model"}
"""Endings of the files that a policy is known by: configuration, tokenizer, weights."""


def sampling_parts(
    settings: dict[str, Any], policy: str | None, problems: str | None
) -> dict[str, str | None]:
    """Part → digest; None if it is not known.

    `settings`: template, temperature, top_p, max_tokens, engine, dtype, seed, samples. `policy`:
    `policy_digest` of the policy that answers. `problems`: SHA-256 of the problems file.
    """
    return {
        "settings": digest_of(settings),
        "code": sampling_code(settings["engine"]),
        "policy": policy,
        "problems": problems,
    }


def planned_parts(
    settings: dict[str, Any], policy: str | None, problems: str | None, plan: str | None
) -> dict[str, str | None]:
    """The same where a plan says how many samples of each question are drawn. `plan`: its SHA-256.

    That there is a plan is a setting, too, so that samples by a plan are outdated without one.
    """
    parts = sampling_parts(settings | {"planned": True}, policy, problems)
    return parts | {"samples per question": plan}


def sampling_code(engine: str) -> str:
    """Digest of the code that draws samples with this engine, without the other engines."""
    others = {f"eval.sampling.engine_{each}" for each in ENGINES if each != engine}
    return code_digest("eval.sample", without=others)


def policy_digest(folder: Path) -> str:
    """Digest of a policy's files, from the policy's mark if it has one: no weights are read."""
    listed = listing_digest(folder / CHECKSUMS, is_policy_file)
    return listed or digest_of({path.name: sha256(path) for path in policy_files(folder)})


def policy_files(folder: Path) -> list[Path]:
    """The files that a policy is known by."""
    return sorted(path for path in folder.iterdir() if is_policy_file(path.name))


def is_policy_file(name: str) -> bool:
    return Path(name).suffix in POLICY_FILES and name not in {CHECKSUMS, ACCURACY, SKILL_RATES}
