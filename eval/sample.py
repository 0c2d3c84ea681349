"""python -m eval.sample: samples n completions of every problem from one policy.

For each problems file it writes OUT/<set>.samples.jsonl, one row per completion, and then
OUT/<set>.sampled, the mark with its checksum. Rows are only appended. After an interruption the
same command keeps the rows of the file and makes the missing ones; it refuses a file with rows of
another policy, prompt or setting. Where all marks are as they would be written today it ends before
it loads anything. The seed of a sample is sha256(run seed, set, problem id, sample
index); engine_transformers.py and engine_vllm.py say under which conditions its text repeats.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from eval.files.command_line import command_parser
from eval.files.errors import BadInput, exit_with_message
from eval.files.jsonl import Appender, Row, read_rows
from eval.files.locks import locked
from eval.files.marks import (
    Parts,
    check_folder,
    damage,
    known_parts,
    made_from,
    sha256,
    write_mark,
)
from eval.sampling.engine_interface import (
    Completion,
    Engine,
    Key,
    Request,
    Sampling,
    engine_version,
)
from eval.sampling.made_from import (
    planned_parts,
    policy_digest,
    sampling_code,
    sampling_parts,
)
from eval.sampling.missing_samples import (
    Job,
    StaleSamples,
    done_keys,
    plan_job,
    refuse_long_prompts,
)
from eval.sampling.policy_folder import policy_hash
from eval.sampling.sample_plan import plans_by_set

LABELS = ("run", "arm", "train_seed", "step")
SAMPLING_SETTINGS = ("template", "temperature", "top_p", "max_tokens", "engine", "dtype", "seed")


@dataclass(frozen=True)
class AskedSet:
    """A problems file, and how often its questions are answered."""

    problems: Path
    samples: int  # per question; with a plan in the mean
    plan: Path | None


def main(argv: Sequence[str] | None = None) -> None:
    """Samples every problems file. The policy is loaded only if something is missing."""
    arguments = parse_sampling_arguments(argv)
    check_folder(
        arguments.policy,
        "restore the policy from a copy, or make it again from its first step",
    )
    sampling = Sampling(arguments.temperature, arguments.top_p, arguments.max_tokens)
    if arguments.batch < 1 or arguments.threads < 1:
        raise BadInput(
            f"--batch {arguments.batch} --threads {arguments.threads}: both must be 1 or more"
        )
    asked = asked_sets(arguments)
    if all(is_sampled(arguments, each) for each in asked):
        names = ", ".join(each.problems.stem for each in asked)
        print(f"{names}: complete, and sampled from the same policy and settings", file=sys.stderr)
        return
    tokenizer, dtype, limit = load_tokenizer(arguments.policy, arguments.dtype)
    shared = shared_fields(arguments, sampling, dtype)
    engine: Engine | None = None
    for each in asked:
        job = plan_job(
            each.problems, each.samples, arguments.out, shared, arguments.seed, tokenizer, each.plan
        )
        refuse_long_prompts(job, sampling.max_tokens, limit)
        with locked(job.file.with_name(f".{each.problems.stem}.lock")):
            mark = job.file.with_name(f"{each.problems.stem}.sampled")
            mark.unlink(missing_ok=True)
            done = kept_keys(job, arguments.stale)
            if engine is None and len(done) < len(job.requests):
                engine = make_engine(arguments, sampling, tokenizer, dtype)
            sample_file(job, engine, done)
            write_mark(mark, [job.file], sampled_from(arguments, each))


def sampled_from(arguments: argparse.Namespace, asked: AskedSet) -> Parts:
    """The parts that the samples of one problems file are made from."""
    settings = {name: getattr(arguments, name) for name in SAMPLING_SETTINGS}
    settings["samples"] = asked.samples
    policy, problems = policy_digest(arguments.policy), sha256(asked.problems)
    if asked.plan is None:
        return known_parts(sampling_parts(settings, policy, problems))
    return known_parts(planned_parts(settings, policy, problems, sha256(asked.plan)))


def is_sampled(arguments: argparse.Namespace, asked: AskedSet) -> bool:
    """Whether the samples of one problems file are complete, undamaged, and made from the same
    parts under the same labels. Loads no tokenizer.
    """
    name, labels = asked.problems.stem, parse_labels(arguments.label)
    mark = arguments.out / f"{name}.sampled"
    begun = made_from(mark)
    if begun is None or begun != sampled_from(arguments, asked) or damage(mark):
        return False
    rows = read_rows(arguments.out / f"{name}.samples.jsonl")
    return all(row.get(name) == value for row in rows for name, value in labels.items())


def kept_keys(job: Job, stale: str) -> set[Key]:
    """Samples of the file that are kept. If `stale` is "replace", a file of other settings is
    deleted.
    """
    try:
        return done_keys(job)
    except StaleSamples as error:
        if stale != "replace":
            raise
        print(f"deleted and sampled again: {error}", file=sys.stderr)
        job.file.unlink()
        return set()


def sample_file(job: Job, engine: Engine | None, done: set[Key]) -> None:
    """Appends the missing completions to the job's file, batch by batch."""
    missing, tokens, started = len(job.requests) - len(done), 0, time.monotonic()
    name = job.shared["benchmark"]
    with (
        Appender(job.file) as file,
        tqdm(total=missing, desc=name, unit="sample", disable=None, leave=False) as bar,
    ):
        for made in engine.complete(job.requests, done) if engine else ():
            file.write(make_row(job, request, completion) for request, completion in made)
            tokens += sum(completion.tokens for _, completion in made)
            bar.set_postfix_str(
                f"{tokens / (time.monotonic() - started):.0f} tokens/s", refresh=False
            )
            bar.update(len(made))
    seconds = time.monotonic() - started
    print(
        f"{name}: {missing} samples made, {len(done)} kept, {tokens} tokens in {seconds:.1f} s",
        file=sys.stderr,
    )


def make_row(job: Job, request: Request, completion: Completion) -> Row:
    """One line of the samples file."""
    prompt = {"prompt_hash": job.prompt_hash[request.key.problem_id]}
    return job.shared | asdict(request.key) | prompt | {"seed": request.seed} | asdict(completion)


def shared_fields(arguments: argparse.Namespace, sampling: Sampling, dtype: str) -> Row:
    """Fields with the same value in every row."""
    return {
        **parse_labels(arguments.label),
        "policy": policy_hash(arguments.policy),
        "template": arguments.template,
        "engine": arguments.engine,
        "engine_version": engine_version(arguments.engine),
        "dtype": dtype,
        "code": sampling_code(arguments.engine),
        **asdict(sampling),
    }


def parse_labels(pairs: Sequence[str]) -> Row:
    """The labels run, arm, train_seed and step of every row; None if not given. The last two are
    whole numbers.
    """
    labels: Row = dict.fromkeys(LABELS)
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name not in labels:
            raise BadInput(f"--label {pair}: write NAME=VALUE with NAME one of {', '.join(LABELS)}")
        try:
            labels[name] = int(value) if name in ("train_seed", "step") else value
        except ValueError:
            raise BadInput(f"--label {pair}: {name} must be a whole number") from None
    return labels


def asked_sets(arguments: argparse.Namespace) -> list[AskedSet]:
    """Each problems file with its number of samples, and its plan if it has one."""
    counts, files = arguments.samples, arguments.problems
    if len(counts) == 1:
        counts = counts * len(files)
    if len(counts) != len(files) or min(counts) < 1:
        raise BadInput(
            f"--samples {counts} for {len(files)} problems files: give one number of 1 or more, or"
            " one per file"
        )
    names = [path.stem for path in files]
    if len(set(names)) < len(files):
        raise BadInput(
            "--problems: two files have the same name and would write the same samples file: rename"
            " one"
        )
    plans = plans_by_set(arguments.plan)
    for name, plan in plans.items():
        if name not in names:
            raise BadInput(f"--plan {plan}: there is no --problems {name}.jsonl")
        if not plan.is_file():
            raise BadInput(f"--plan {plan}: is missing: run python -m eval.plan_samples first")
    return [AskedSet(p, n, plans.get(p.stem)) for p, n in zip(files, counts, strict=True)]


def load_tokenizer(policy: Path, dtype: str) -> tuple[Any, str, int]:
    """The policy's tokenizer, its dtype with `auto` resolved, and its longest context in tokens."""
    from transformers import AutoConfig, AutoTokenizer

    if not (policy / "config.json").is_file():
        raise BadInput(
            f"{policy}: has no config.json: --policy must be a folder written by save_pretrained"
        )
    try:
        config: Any = AutoConfig.from_pretrained(policy, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(policy, local_files_only=True)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{policy}: its configuration or tokenizer cannot be loaded ({error}): make or download"
            " the policy again"
        ) from None
    stored = str(config.dtype or "float32").removeprefix("torch.")
    limit = getattr(config.get_text_config(), "max_position_embeddings", None)
    return tokenizer, stored if dtype == "auto" else dtype, limit or sys.maxsize


def make_engine(
    arguments: argparse.Namespace, sampling: Sampling, tokenizer: Any, dtype: str
) -> Engine:
    """The chosen engine with the policy loaded."""
    import torch

    from eval.sampling.gpus import check_gpus

    check_gpus()
    torch.set_num_threads(arguments.threads)
    if arguments.engine == "vllm":
        from eval.sampling.engine_vllm import VllmEngine

        return VllmEngine(
            arguments.policy, tokenizer, sampling, arguments.batch, dtype, arguments.seed
        )
    from eval.sampling.engine_transformers import TransformersEngine

    return TransformersEngine(arguments.policy, tokenizer, sampling, arguments.batch, dtype)


def parse_sampling_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = command_parser("eval.sample", __doc__)
    parser.add_argument(
        "--policy", type=Path, required=True, help="folder with the model and its tokenizer"
    )
    parser.add_argument(
        "--problems", type=Path, nargs="+", required=True, help="JSON lines, one problem each"
    )
    parser.add_argument(
        "--samples",
        type=int,
        nargs="+",
        required=True,
        help="completions per problem: one number, or one per problems file",
    )
    parser.add_argument(
        "--plan",
        type=Path,
        nargs="+",
        default=[],
        metavar="<set>.samples_per_question.csv",
        help="plans of sets whose questions get unequal numbers of samples (eval.plan_samples)",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for <set>.samples.jsonl")
    parser.add_argument("--template", required=True, help="prompt template (docs/benchmarks.md)")
    parser.add_argument("--temperature", type=float, required=True, help="0 is greedy")
    parser.add_argument("--top-p", type=float, required=True, help="1 samples from all tokens")
    parser.add_argument(
        "--max-tokens", type=int, required=True, help="longest completion, in tokens"
    )
    parser.add_argument(
        "--seed",
        type=int,
        required=True,
        help="seed of the run, from which the seed of each sample is derived",
    )
    parser.add_argument("--engine", default="transformers", choices=["transformers", "vllm"])
    parser.add_argument(
        "--batch", type=int, default=512, help="completions that are generated together"
    )
    parser.add_argument(
        "--dtype", default="auto", choices=["auto", "float32", "bfloat16", "float16"]
    )
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS") or 1))
    parser.add_argument(
        "--stale",
        default="refuse",
        choices=["refuse", "replace"],
        help="what to do with a samples file of other settings",
    )
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"label of every row; NAME is one of {', '.join(LABELS)}",
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    with exit_with_message():
        main()
