"""Which completions a problems file asks for, and which of them the samples file already has.

A job is planned before the engine is loaded: its requests have a fixed order and fixed seeds, and
every row of its file must have the job's policy, prompt and settings. So a restart knows what is
missing, and cannot mix in rows of another policy, prompt or setting.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.files.errors import BadInput
from eval.files.jsonl import Row, read_rows
from eval.questions.problems import Problem, read_problems
from eval.sampling.engine_interface import Key, Request, sample_seed
from eval.sampling.prompts import encode_prompts, prompt_hash, render_prompt
from eval.sampling.sample_plan import read_plan


@dataclass(frozen=True)
class Job:
    """The requests of one problems file, and the fields that every row of its samples file has."""

    file: Path
    requests: list[Request]
    shared: Row  # the same in every row of the file
    prompt_hash: dict[str, str]  # by problem id


def plan_job(
    path: Path,
    samples: int,
    out: Path,
    shared: Row,
    run_seed: int,
    tokenizer: Any,
    plan: Path | None = None,
) -> Job:
    """The job of one problems file: `samples` completions of each problem, or as many as the plan
    says, into OUT/<stem>.samples.jsonl.
    """
    problems, benchmark = read_problems(path), path.stem
    ids = [problem.id for problem in problems]
    numbers = read_plan(plan, ids, samples) if plan else dict.fromkeys(ids, samples)
    texts = {
        problem.id: render_prompt(shared["template"], problem.text, tokenizer)
        for problem in problems
    }
    encoded = encode_prompts(list(texts.values()), tokenizer)
    prompts = {name: tuple(ids) for name, ids in zip(texts, encoded, strict=True)}
    return Job(
        out / f"{benchmark}.samples.jsonl",
        plan_requests(problems, prompts, numbers, run_seed, benchmark),
        shared | {"benchmark": benchmark},
        {name: prompt_hash(text) for name, text in texts.items()},
    )


def plan_requests(
    problems: Sequence[Problem],
    prompts: dict[str, tuple[int, ...]],
    samples: Mapping[str, int],
    run_seed: int,
    benchmark: str,
) -> list[Request]:
    """All requests, `samples[id]` of each problem. Prompts of similar length are next to each
    other, so that batches need little padding.
    """
    by_length = sorted(problems, key=lambda problem: len(prompts[problem.id]))
    return [
        Request(
            Key(problem.id, index),
            prompts[problem.id],
            sample_seed(run_seed, benchmark, problem.id, index),
        )
        for problem in by_length
        for index in range(samples[problem.id])
    ]


def refuse_long_prompts(job: Job, max_tokens: int, limit: int) -> None:
    """Raises BadInput if a prompt is empty, or does not fit into the policy's context of `limit`
    tokens together with `max_tokens` of completion.
    """
    for request in job.requests:
        if not request.prompt_ids or len(request.prompt_ids) + max_tokens > limit:
            size, room = len(request.prompt_ids), limit - max_tokens
            raise BadInput(
                f"{job.file.name}: the prompt of problem {request.key.problem_id!r} has {size}"
                f" tokens; with max_tokens = {max_tokens} it must have 1 to {room}: lower"
                " --max-tokens or drop the problem"
            )


class StaleSamples(BadInput):
    """A file holds samples of another policy, prompt or setting than the job's."""


def done_keys(job: Job) -> set[Key]:
    """Keys of the samples that the file has. StaleSamples if a row does not belong to this job."""
    rows = read_rows(job.file, torn_ok=True) if job.file.exists() else []
    wanted = {request.key: request for request in job.requests}
    done: set[Key] = set()
    for line, row in enumerate(rows, start=1):
        key = row_key(row, f"{job.file}, line {line}")
        problem = f"{job.file}, line {line}: sample {key.index} of problem {key.problem_id!r}"
        remedy = "delete the file, choose another --out, or give --stale replace"
        if key not in wanted:
            raise StaleSamples(f"{problem} is not asked for now: {remedy}")
        if key in done:
            raise StaleSamples(f"{problem} is duplicate: {remedy}")
        now = job.shared | {
            "prompt_hash": job.prompt_hash[key.problem_id],
            "seed": wanted[key].seed,
        }
        changed = [name for name, value in now.items() if name not in row or row[name] != value]
        if changed:
            name = changed[0]
            raise StaleSamples(
                f"{problem} was made with {name} = {row.get(name)!r}, now it is {now[name]!r}:"
                f" {remedy}"
            )
        done.add(key)
    return done


def row_key(row: Row, place: str) -> Key:
    """The row's problem id and sample index. BadInput if one is missing or of another type."""
    problem_id, index = row.get("problem_id"), row.get("index")
    if not isinstance(problem_id, str) or type(index) is not int:
        raise BadInput(
            f"{place}: no problem_id (text) and index (whole number): fix or delete the line"
        )
    return Key(problem_id, index)
