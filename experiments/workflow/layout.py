"""Paths and command-line pieces that the Snakefile's rules are made of: the layout of a results
folder.
"""

import ast
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.files.checksums import CHECKSUMS, sha256
from eval.questions.named_sets import NAMED_SETS
from eval.sampling.policy_folder import policy_files
from experiments.spec.data_folder import named_sets
from experiments.spec.schema import Experiment, HubPolicy, MiniaturePolicy, run_spec, spec_hash
from experiments.workflow.contents import content_digests

CHECKOUT = Path(__file__).parents[2]

VERIFIER = (
    "eval/verify/verifier.py",
    "eval/verify/extract.py",
    "eval/verify/equality.py",
    "eval/verify/latex_parser.py",
)
"""Files that a verdict depends on."""

PROBLEMS = (
    "experiments/tasks/problem_files.py",
    "eval/questions/arithmetic.py",
    "eval/questions/problems.py",
    "eval/questions/named_sets.py",
    "eval/questions/hub.py",
    "eval/questions/duplicates.py",
    "eval/questions/contamination.py",
)
"""Files that the problems depend on."""

TRAINER = (
    "methods/control.py",
    "methods/objective.py",
    "experiments/training/trainer.py",
    "experiments/training/grpo_config.py",
    "experiments/training/rewards.py",
    "experiments/training/rollout_row.py",
    "eval/sampling/prompts.py",
    *VERIFIER,
)
"""Files that every training run depends on, beside its own method's."""


@dataclass(frozen=True)
class Graph:
    """One experiment's results folder."""

    experiment: Experiment
    results: Path

    @property
    def root(self) -> Path:
        return self.results / self.experiment.name

    @property
    def spec(self) -> str:
        """The resolved experiment, which every job reads."""
        return f"{self.root}/spec.yaml"

    @property
    def benchmarks(self) -> list[str]:
        return list(self.experiment.evaluation.benchmarks)

    @property
    def problems(self) -> list[str]:
        """The problem files of the benchmarks, in the experiment's order."""
        return [f"{self.root}/problems/{name}.jsonl" for name in self.benchmarks]

    @property
    def samples(self) -> list[int]:
        """Completions per question, aligned with `problems`."""
        return [benchmark.samples for benchmark in self.experiment.evaluation.benchmarks.values()]

    @property
    def ks(self) -> list[int]:
        """Every k of pass@k that a benchmark asks for."""
        return sorted(
            {k for benchmark in self.experiment.evaluation.benchmarks.values() for k in benchmark.k}
        )

    @property
    def runs(self) -> list[str]:
        """Folders of all training runs."""
        return [
            f"{self.root}/{arm}/seed-{seed}"
            for arm in self.experiment.arms
            for seed in self.experiment.seeds
        ]

    # Hashes stand among the rules' parameters: each is of all that its job rests on, settings and
    # code, so that a change re-makes the job whatever the dates of the files say.

    def hash(self) -> str:
        return spec_hash(self.experiment.model_dump(mode="json"))

    def problems_hash(self) -> str:
        """Of settings, code and data that the problem files depend on."""
        spec = self.experiment.model_dump(mode="json")
        sets = {
            name: {**b, "samples": 0, "k": []}
            for name, b in spec["evaluation"]["benchmarks"].items()
        }
        data = content_digests(self.data_files(), self.root)
        rest = {"code": digests(code(*PROBLEMS)), "data": data}
        return spec_hash({"task": spec["task"], "data_dir": spec["data_dir"], "sets": sets, **rest})

    def base_hash(self) -> str:
        """Of settings and code of the base policy, and of its files where it is a folder of this
        machine.
        """
        rest: dict[str, Any] = {
            "code": digests(code(f"experiments/policies/{self.base_module()}.py"))
        }
        if isinstance(self.experiment.model, MiniaturePolicy):
            rest["template"] = self.experiment.task.template
        if self.policy_files():
            rest["files"] = content_digests(self.policy_files(), self.root)
        return spec_hash({"model": self.experiment.model.model_dump(mode="json"), **rest})

    def base_source(self) -> str:
        """What the base policy's folder says it was made from: its hash, and the prompts where it
        learns from them.
        """
        prompts = digests([path for path in self.base_training() if Path(path).exists()])
        return spec_hash({"base": self.base_hash(), "prompts": prompts})

    def run_hash(self, arm: str, seed: str) -> str:
        """Of settings, base policy and code of a training run."""
        spec = run_spec(self.experiment, arm, int(seed))
        return spec_hash(
            {"spec": spec, "base": self.base_hash(), "code": digests(self.training_code(arm))}
        )

    def scoring_hash(self) -> str:
        """Of the code that judges samples: verdicts of two graders must not stand side by side."""
        return spec_hash({"code": digests(code("eval/score.py", *VERIFIER))})

    def data_files(self) -> list[Path]:
        """The files of named sets, where they are read from a folder."""
        return data_files(self.experiment, named_sets(self.experiment))

    def policy_files(self) -> list[Path]:
        """The base policy's, where it is a folder that no job makes."""
        model = self.experiment.model
        return (
            policy_files(Path(model.name))
            if isinstance(model, HubPolicy) and model.is_folder
            else []
        )

    def sampling_code(self) -> list[str]:
        """The files that write prompts and draw samples."""
        return code(
            "eval/sampling/prompts.py",
            f"eval/sampling/engine_{self.experiment.evaluation.engine}.py",
        )

    def training_code(self, arm: str) -> list[str]:
        """What trains an arm. Of the methods its own file only: editing one makes no other arm's
        runs out of date.
        """
        return [*code(*TRAINER), self.method_file(arm)]

    def method_file(self, arm: str) -> str:
        return code(f"methods/{self.experiment.arms[arm].method.name}.py")[0]

    def base_policy(self) -> str:
        """Folder of the base policy: one that the graph makes or fetches, or one that is already
        there.
        """
        model = self.experiment.model
        return (
            model.name
            if isinstance(model, HubPolicy) and model.is_folder
            else f"{self.root}/base/policy"
        )

    def base_folder(self) -> list[str]:
        """The mark of the base policy, which jobs wait for; a local folder is no job's output."""
        made = f"{self.root}/base/policy"
        return [f"{made}/{CHECKSUMS}"] if self.base_policy() == made else []

    def base_module(self) -> str:
        """The file in experiments/ that makes the base policy."""
        by_source = {"tiny": "tiny", "miniature": "miniature", "pretrained": "pretrained"}
        return by_source[self.experiment.model.source]

    def base_training(self) -> list[str]:
        """The prompts, where the base policy learns from them.

        Its code is no input but in `base_hash`: a fresh clone, whose files are new, trains nothing
        again.
        """
        return (
            [f"{self.root}/problems/train.jsonl"]
            if isinstance(self.experiment.model, MiniaturePolicy)
            else []
        )

    def base_inputs(self) -> list[str]:
        """What of the base policy a training run reads: the policy, and its pass rates on the
        prompts.
        """
        strata = (
            self.outcome(f"{self.root}/base", ["train"])
            if self.experiment.task.strata_samples
            else []
        )
        return self.base_folder() + strata

    def base_samples(self, name: str) -> int:
        """Completions per question of the base policy on a set."""
        if name == "train":
            return self.experiment.task.strata_samples
        return self.experiment.evaluation.benchmarks[name].samples

    def sampling(self) -> str:
        """Sampler options that every policy of the experiment shares."""
        evaluation = self.experiment.evaluation
        options: dict[str, Any] = {
            "template": self.experiment.task.template,
            "temperature": evaluation.temperature,
            "top-p": evaluation.top_p,
            "max-tokens": evaluation.max_tokens,
            "engine": evaluation.engine,
            "dtype": evaluation.dtype,
        }
        return " ".join(f"--{name} {value}" for name, value in options.items())

    def outcome(self, folder: str, names: list[str]) -> list[str]:
        """Counts files of the named sets in a run's folder."""
        return [f"{folder}/eval/{name}.counts.csv" for name in names]

    def marks(self, folder: str, names: list[str], kind: str) -> list[str]:
        """Marks of the named sets in a run's folder: `kind` is sampled or scored."""
        return [f"{folder}/eval/{name}.{kind}" for name in names]

    @property
    def run_marks(self) -> list[str]:
        """Marks of all steps from the problems to the verdicts.

        `all` asks for each: Snakemake does not miss a file that only jobs need which are done
        already.
        """
        asked = [*self.benchmarks, *(["train"] if self.experiment.task.strata_samples else [])]
        made = [(f"{self.root}/base", asked), *((run, self.benchmarks) for run in self.runs)]
        evaluated = [
            self.marks(folder, names, kind)
            for folder, names in made
            for kind in ("sampled", "scored")
        ]
        trained = [f"{folder}/{CHECKSUMS}" for folder in (f"{self.root}/problems", *self.runs)]
        return [*self.base_folder(), *trained, *(mark for marks in evaluated for mark in marks)]

    @property
    def analysis_marks(self) -> list[str]:
        """Marks of tables, figures and report."""
        return [
            f"{self.root}/{path}"
            for path in (f"tables/{CHECKSUMS}", f"figures/{CHECKSUMS}", f"report.{CHECKSUMS}")
        ]

    def evidence(self) -> list[str]:
        """Every file that the analysis rests on."""
        runs = [
            path
            for run in self.runs
            for path in (f"{run}/run.json", *self.outcome(run, self.benchmarks))
        ]
        return [
            *runs,
            *self.outcome(f"{self.root}/base", self.benchmarks),
            f"{self.root}/problems/contamination.json",
        ]

    @staticmethod
    def analysis_code(entry: str) -> list[str]:
        """The project's own files that `python -m analysis.<entry>` runs: editing one makes its
        results out of date.
        """
        pages = sorted(
            str(path) for path in (CHECKOUT / "analysis").glob("report*") if path.suffix != ".py"
        )
        return local_imports(f"analysis.{entry}") + (pages if entry in ("report", "sweep") else [])


def prepare_environment() -> None:
    """Sets what every job inherits."""
    # Jobs run in the environment that snakemake runs in, whether or not it has been activated.
    os.environ["PATH"] = os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    )
    # Freshly mapped pages are slow on small virtual machines: let the allocator keep what it has.
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(1 << 30))
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(1 << 34))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def code(*names: str) -> list[str]:
    """Files of the checkout by absolute path, so that the working directory may be another."""
    return [str(CHECKOUT / name) for name in names]


def data_files(experiment: Experiment, names: Iterable[str]) -> list[Path]:
    """Where the named sets lie in the experiment's folder of data; none where the hub is the
    source.
    """
    folder = experiment.data_dir
    return [] if folder is None else [Path(folder) / NAMED_SETS[name].file for name in names]


def digests(files: list[str]) -> list[str]:
    return [sha256(Path(file)) for file in files]


def local_imports(module: str) -> list[str]:
    """Files of a module and of all that it imports from analysis/ and eval/, found by reading, not
    by importing.
    """
    found: dict[str, None] = {}
    waiting = [module]
    while waiting:
        path = CHECKOUT / (waiting.pop().replace(".", "/") + ".py")
        if not path.exists() or str(path) in found:
            continue
        found[str(path)] = None
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.ImportFrom)
                and node.module
                and node.module.split(".")[0] in ("analysis", "eval")
            ):
                waiting += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return sorted(found)
