"""Facts about how the numbers of the report were made: settings, runs, versions, digests."""

from typing import Any

from analysis.results.folder import Results
from eval.files.marks import sha256


def method_in_words(results: Results, arm: str) -> str:
    """The method's name and its settings on one line."""
    method = results.method(arm)
    chosen = ", ".join(f"{key} = {value}" for key, value in method.items() if key != "name")
    name = str(method.get("name", "unknown method")) + (
        " (reconstruction)" if results.is_reconstruction(arm) else ""
    )
    return f"{name}: {chosen}" if chosen else name


def arm_in_words(results: Results, arm: str) -> str:
    """The arm's method, and the settings that the spec has for this arm alone."""
    own = results.spec["arms"][arm]
    others = (
        dotted_settings({key: value for key, value in own.items() if key != "method"})
        if isinstance(own, dict)
        else []
    )
    return "; ".join(
        [method_in_words(results, arm), *(f"{key} = {value}" for key, value in others)]
    )


def spec_settings(results: Results) -> dict[str, list[tuple[str, str]]]:
    """{block of the spec: its settings, flattened to dotted keys}."""
    blocks = {
        key: value for key, value in results.spec.items() if key not in ("name", "question", "arms")
    }
    return {"arms": [(arm, arm_in_words(results, arm)) for arm in results.arms]} | {
        key: dotted_settings(value) if isinstance(value, dict) else [(key, str(value))]
        for key, value in blocks.items()
    }


def dotted_settings(value: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, inner in value.items():
        name = f"{prefix}{key}"
        pairs += (
            dotted_settings(inner, f"{name}.")
            if isinstance(inner, dict) and inner
            else [(name, str(inner))]
        )
    return pairs


RUN_KEYS = (
    "status",
    "host",
    "started",
    "seconds",
    "tokens_generated",
    "updates",
    "git_revision",
    "spec_hash",
)


def run_facts(results: Results) -> list[dict[str, Any]]:
    """One row per run for the provenance table."""
    return [
        {"arm": run.arm, "seed": run.seed, "rollouts": len(run.log)}
        | {key: fact_in_words(key, run.info.get(key)) for key in RUN_KEYS}
        for run in results.runs
    ]


def fact_in_words(key: str, value: Any) -> str:
    if value is None:
        return "–"
    if key in ("git_revision", "spec_hash"):
        return str(value)[:12]
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)


def provenance_facts(results: Results) -> list[tuple[str, str]]:
    """(name, value) pairs about the whole page: digest of the spec, revisions, package versions."""
    versions: dict[str, set[str]] = {}
    for run in results.runs:
        recorded = run.info.get("versions")
        for package, version in recorded.items() if isinstance(recorded, dict) else ():
            versions.setdefault(str(package), set()).add(str(version))
    packages = [(package, ", ".join(sorted(found))) for package, found in sorted(versions.items())]
    revisions = sorted(
        {str(run.info["git_revision"]) for run in results.runs if run.info.get("git_revision")}
    )
    return [
        ("spec.yaml, SHA-256", sha256(results.folder / "spec.yaml")),
        ("code the runs were made with", ", ".join(revisions) or "not recorded"),
        ("command", f"python -m analysis.report {results.folder.as_posix()}"),
        *packages,
    ]
