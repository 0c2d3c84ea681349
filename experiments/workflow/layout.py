"""Where everything lies in a results folder, and the pieces of command lines that rules are made
of.

results/<experiment>/problems/<set>.jsonl
                    /base/policy/            /base/eval/<set>.…
                    /<arm>/seed-<seed>/      policy/, eval/<set>.…, run.json, train.jsonl, …
                        on_the_way/rollout-<r>/      policy/, eval/<set>.…
                    /looks/<seeds>.json      where arms stop at looks
                    /tables/  /figures/  /report.html
"""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.files.marks import CHECKSUMS
from eval.files.results_layout import on_the_way_folder, run_folder
from eval.looks.record import look_file, look_mark
from eval.questions.named_sets import SOURCES
from eval.sampling.made_from import policy_files
from eval.sampling.sample_plan import PLAN_ENDING
from experiments.spec.data_folder import named_sets
from experiments.spec.policy_settings import HubPolicy, MiniaturePolicy, PretrainedPolicy
from experiments.spec.schema import Experiment, spec_hash


@dataclass(frozen=True)
class StudyLayout:
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
    def problems_mark(self) -> Path:
        return self.root / "problems" / CHECKSUMS

    @property
    def base_sets(self) -> list[str]:
        """Sets that the base policy answers: the benchmarks, and the prompts if there are
        strata.
        """
        return [*self.benchmarks, *(["train"] if self.experiment.task.strata_samples else [])]

    @property
    def samples(self) -> list[int]:
        """Completions per question, aligned with `problems`."""
        return [self.base_samples(name) for name in self.benchmarks]

    @property
    def planned(self) -> list[str]:
        """Benchmarks of which trained policies draw more samples of some questions than others."""
        sets = self.experiment.evaluation.benchmarks
        return [name for name in sets if sets[name].allocation != "equal"]

    @property
    def plans(self) -> list[str]:
        """The plans of these benchmarks: files with the number of samples of each question."""
        return [f"{self.root}/base/eval/{name}{PLAN_ENDING}" for name in self.planned]

    @property
    def plan_options(self) -> list[str]:
        """The same as options of eval.sample."""
        return ["--plan", *self.plans] if self.plans else []

    @property
    def ks(self) -> list[int]:
        """Every k of pass@k that a benchmark asks for."""
        sets = self.experiment.evaluation.benchmarks.values()
        return sorted({k for benchmark in sets for k in benchmark.k})

    @property
    def runs(self) -> list[str]:
        """Folders of all training runs; where arms stop at looks, of all that there may be."""
        return [
            str(self.run(arm, seed))
            for arm in self.experiment.arms
            for seed in self.experiment.seeds
        ]

    @property
    def looks(self) -> tuple[int, ...]:
        """Seeds per arm at each look; none where arms are compared once, at the end."""
        return self.experiment.looks.after if self.experiment.looks else ()

    @property
    def look_marks(self) -> str:
        """Marks of the looks, as a pattern with the wildcard `look`."""
        return str(look_mark(self.root, "{look}"))

    @property
    def look_files(self) -> str:
        """What the looks write, as a pattern with the wildcard `look`."""
        return str(look_file(self.root, "{look}"))

    def evaluated(self, runs: Iterable[str]) -> list[str]:
        """Folders of all policies that these runs made: the last of each, and those on the way."""
        return [str(folder) for run in runs for folder in (run, *self.on_the_way(run))]

    def run(self, arm: str, seed: int | str) -> Path:
        return run_folder(self.root, arm, seed)

    def on_the_way(self, run: str | Path) -> list[Path]:
        """Folders of a run's policies on the way."""
        return [on_the_way_folder(Path(run), r) for r in self.experiment.evaluation.checkpoints]

    def hash(self) -> str:
        return spec_hash(self.experiment.model_dump(mode="json"))

    def data_files(self) -> list[Path]:
        """The files of named sets, if they are read from a folder."""
        return data_files(self.experiment, named_sets(self.experiment))

    def local_folder(self) -> Path | None:
        """The base policy's folder, if it is one that no job makes."""
        model = self.experiment.model
        return Path(model.name) if isinstance(model, HubPolicy) and model.is_folder else None

    def policy_files(self) -> list[Path]:
        """The files of a base policy that no job makes."""
        folder = self.local_folder()
        return policy_files(folder) if folder else []

    def base_policy(self) -> str:
        """Folder of the base policy: one that is there, or one that a job makes or fetches."""
        return str(self.local_folder() or f"{self.root}/base/policy")

    def base_folder(self) -> list[str]:
        """The mark of the base policy, which jobs wait for; a local folder is no job's output."""
        return [] if self.local_folder() else [f"{self.root}/base/policy/{CHECKSUMS}"]

    def base_module(self) -> str:
        """The file in experiments/policies/ that makes the base policy: named as its source is."""
        return self.experiment.model.source

    def base_training(self) -> list[str]:
        """The prompts, if the base policy learns from them."""
        learns = isinstance(self.experiment.model, MiniaturePolicy)
        return [f"{self.root}/problems/train.jsonl"] if learns else []

    def base_inputs(self) -> list[str]:
        """What a training run reads of the base policy: its mark, and pass rates on the prompts."""
        measured = ["train"] if self.experiment.task.strata_samples else []
        return self.base_folder() + self.outcome(f"{self.root}/base", measured)

    def plans_for_training(self) -> list[str]:
        """Plans of samples, where a training job goes on to sample (launcher.py)."""
        return [] if isinstance(self.experiment.model, PretrainedPolicy) else self.plans

    def base_samples(self, name: str) -> int:
        """Completions per question on a set."""
        if name == "train":
            return self.experiment.task.strata_samples
        return self.experiment.evaluation.benchmarks[name].samples

    def sampling_settings(self) -> dict[str, Any]:
        """How every policy of the experiment is sampled."""
        evaluation = self.experiment.evaluation
        return {
            "template": self.experiment.task.template,
            "temperature": evaluation.temperature,
            "top_p": evaluation.top_p,
            "max_tokens": evaluation.max_tokens,
            "engine": evaluation.engine,
            "dtype": evaluation.dtype,
        }

    def sampling(self) -> str:
        """The same as options of eval.sample."""
        options = self.sampling_settings().items()
        return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in options)

    def sampling_arguments(self, arm: str, seed: int) -> list[str]:
        """The command line of eval.sample on a run's policy, as rule `sample` has it."""
        run = self.run(arm, seed)
        labels = {"run": self.experiment.name, "arm": arm, "train_seed": seed}
        return [
            *("--policy", f"{run}/policy", "--problems", *self.problems),
            *("--samples", *map(str, self.samples), *self.plan_options, "--out", f"{run}/eval"),
            *self._common_arguments(seed, labels),
        ]

    def base_sampling_arguments(self, name: str) -> list[str]:
        """The same on the base policy and one set, as rule `base_sample` has it."""
        labels = {"run": self.experiment.name, "arm": "base", "step": 0}
        return [
            *("--policy", self.base_policy(), "--problems", f"{self.root}/problems/{name}.jsonl"),
            *("--samples", str(self.base_samples(name)), "--out", f"{self.root}/base/eval"),
            *self._common_arguments(self.experiment.evaluation.seed, labels),
        ]

    def _common_arguments(self, seed: int, labels: dict[str, str | int]) -> list[str]:
        return [
            *(*self.sampling().split(), "--seed", str(seed), "--threads", "1"),
            *("--stale", "replace"),
            *(part for label in labels.items() for part in ("--label", "{}={}".format(*label))),
        ]

    def outcome(self, folder: str, names: list[str]) -> list[str]:
        """Counts files of the named sets in a run's folder."""
        return [f"{folder}/eval/{name}.counts.csv" for name in names]

    def marks(self, folder: str | Path, names: list[str], kind: str) -> list[str]:
        """Marks of the named sets in a run's folder: `kind` is sampled, scored or planned."""
        return [f"{folder}/eval/{name}.{kind}" for name in names]

    def run_marks(self, runs: list[str]) -> list[str]:
        """Marks of all steps from the problems to the verdicts.

        `all` asks for each: Snakemake does not miss a file that only jobs need which are done.
        """
        answering = [
            (f"{self.root}/base", self.base_sets),
            *((run, self.benchmarks) for run in self.evaluated(runs)),
        ]
        kinds = ("sampled", "scored")
        evaluated = [
            self.marks(folder, names, kind) for folder, names in answering for kind in kinds
        ]
        trained = [f"{folder}/{CHECKSUMS}" for folder in (f"{self.root}/problems", *runs)]
        plans = self.marks(f"{self.root}/base", self.planned, "planned")
        made = [mark for marks in evaluated for mark in marks]
        return [*self.base_folder(), *trained, *made, *plans]

    @property
    def analysis_marks(self) -> dict[str, str]:
        """Module of each analysis → its mark."""
        return {
            "analysis.tables": f"{self.root}/tables/{CHECKSUMS}",
            "analysis.figures": f"{self.root}/figures/{CHECKSUMS}",
            "analysis.report": f"{self.root}/report.{CHECKSUMS}",
        }

    def evidence(self, runs: list[str]) -> list[str]:
        """Every file of these runs and of the base policy that the analysis rests on."""
        records = [f"{run}/run.json" for run in runs]
        folders = [*self.evaluated(runs), f"{self.root}/base"]
        counts = [path for folder in folders for path in self.outcome(folder, self.benchmarks)]
        return [*records, *counts, self.contamination]

    @property
    def contamination(self) -> str:
        """What the training set and the benchmarks have in common."""
        return f"{self.root}/problems/contamination.json"


def prepare_environment() -> None:
    """Sets what every job inherits."""
    # Jobs run in the environment that snakemake runs in, whether or not it has been activated.
    path = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    os.environ["PATH"] = os.pathsep.join(path)
    # In an environment of Snakemake's own (--sdm conda) the suite is not installed.
    path = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(path))
    # Many container images set this, and each job would compile torch and TRL again for itself.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Freshly mapped pages are slow on small virtual machines: the allocator keeps what it has.
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(1 << 30))
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(1 << 34))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def data_files(experiment: Experiment, names: Iterable[str]) -> list[Path]:
    """Where the named sets lie in the experiment's folder of data; none if the hub is the
    source.
    """
    folder = experiment.data_dir
    return [] if folder is None else [Path(folder) / SOURCES[name].file for name in names]
