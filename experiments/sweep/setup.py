"""What all trials of a sweep share: the resolved sweep file, its experiment, folder and journal."""

from dataclasses import dataclass
from pathlib import Path

from experiments.spec.schema import Experiment
from experiments.sweep.hashes import ground_hash, search_hash
from experiments.sweep.journal import Journal
from experiments.sweep.sweep_file import TuningStudy, stored_study
from experiments.workflow.launcher import ONE
from experiments.workflow.layout import StudyLayout


@dataclass(frozen=True)
class TrialSetup:
    """Where and how the trials of a sweep run."""

    study: TuningStudy
    experiment: Experiment
    folder: Path  # of the sweep: results/<experiment>/sweep/<study>
    ground: str  # hash of what all trials were made from (hashes.py)
    threads: int = 1  # of each job
    launcher: str = ONE  # command that starts a training run (launcher.py)

    @property
    def inputs(self) -> Path:
        """The experiment's results folder, with its problems and base policy."""
        return self.folder.parents[1]


def trial_setup(folder: Path, threads: int = 1, launcher: str = ONE) -> TrialSetup:
    """The setup of the sweep that `prepare` wrote into the folder.

    Raises:
        BadInput: the folder has no readable study.yaml, or its experiment no spec.yaml.
    """
    study, experiment = stored_study(folder)
    ground = ground_hash(study, StudyLayout(experiment, folder.parents[2]))
    return TrialSetup(study, experiment, folder, ground, threads, launcher)


def study_journal(setup: TrialSetup) -> Journal:
    """The journal of the sweep. A search whose meaning has changed begins anew in it."""
    names = {
        search: f"{search}-{search_hash(setup.study, setup.experiment, search, setup.ground)}"
        for search in setup.study.searches
    }
    return Journal(setup.folder, setup.study, names)
