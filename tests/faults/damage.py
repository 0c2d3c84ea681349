"""Result files that are truncated, changed or half copied, and settings edited in the middle of a
run.
"""

import random
import re
import shutil
from pathlib import Path

from tests.faults.outcome import Outcome, require, require_said, require_same
from tests.faults.study import Study


def counts_cut_short(quiet: Study, taken: dict[str, float], folder: Path, seed: int) -> Outcome:
    """The last row is gone: still a counts file, of fewer questions."""
    study = quiet.copy(folder)
    counts = next(study.run(1).glob("eval/*.counts.csv"))
    counts.write_text("".join(counts.read_text().splitlines(keepends=True)[:-1]))
    code, said = study.call()
    require(code == 0, said[-3000:])
    require_said(f"{counts.relative_to(folder)}: has ", said)
    require_same(quiet.results, study.results)
    return Outcome(
        "`counts.csv` is truncated",
        "its last row is taken away",
        1,
        "named at the start, and made again",
    )


def policy_changed(quiet: Study, taken: dict[str, float], folder: Path, seed: int) -> Outcome:
    """One bit of a trained policy's weights."""
    study = quiet.copy(folder)
    weights = study.run(1) / "policy" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[random.Random(seed).randrange(len(content) // 2, len(content))] ^= 1
    weights.write_bytes(content)
    code, said = study.call()
    require(code != 0, "a damaged policy was taken for a good one")
    require_said(f"{weights.relative_to(folder)}: does not hold what was written", said)
    delete_what_is_named(study, said)
    require(study.call()[0] == 0, "the remedy did not help")
    require_same(quiet.results, study.results)
    return Outcome(
        "a trained policy is damaged", "one bit of `model.safetensors` is flipped", 1,
        "refused, with the remedy: a whole copy, or `rm -r` of that run; after it, as the quiet"
        " run",
    )  # fmt: skip


def half_copied(quiet: Study, taken: dict[str, float], folder: Path, seed: int) -> Outcome:
    """A copy of the results folder alone, which stopped in the middle of a file."""
    rng, times = random.Random(seed), 2
    for number in range(times):
        study = Study(folder / str(number))
        copy_half(quiet.results, study.results, rng)
        code, said = study.call()
        if code:
            require_said("Put back a whole copy", said)
            delete_what_is_named(study, said)
            code, said = study.call()
        require(code == 0, said[-3000:])
        require_same(quiet.results, study.results)
    return Outcome(
        "the results folder is copied half-way", "files up to a random one, that one cut in half; no `.snakemake`", times,
        "what is missing or damaged is made again; a damaged training run is refused, with the"
        " remedy",
    )  # fmt: skip


def copy_half(source: Path, target: Path, rng: random.Random) -> None:
    """Files up to a random one, and half of that one."""
    files = sorted(path.relative_to(source) for path in source.rglob("*") if path.is_file())
    copied = files[: rng.randrange(len(files) // 4, len(files))]
    for name in copied:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / name, target / name)
    last = target / copied[-1]
    last.write_bytes(last.read_bytes()[: last.stat().st_size // 2])


def delete_what_is_named(study: Study, said: str) -> None:
    """Does what the message says: deletes the run."""
    named = re.search(r"a whole copy of (\S+), or delete it", said)
    assert named, said
    shutil.rmtree(study.folder / named[1])


def spec_edited(quiet: Study, taken: dict[str, float], folder: Path, seed: int) -> Outcome:
    """In the middle of a run, an arm's setting is changed: refused. Changed back: goes on as if
    nothing had been.
    """
    study = quiet.copy(folder / "study")
    own = folder / "faults.yaml"
    text = quiet.experiment.read_text()
    own.write_text(text)
    study = Study(study.folder, own)
    shutil.rmtree(study.results / "aer" / "seed-1")
    target = ("results/faults/aer/seed-1/run.json",)
    run = study.start(targets=target)
    for _ in run.watch():
        if list(
            (study.results / "aer" / "seed-1" / "checkpoints").glob(
                "checkpoint-*/method_state.json"
            )
        ):
            break
    run.kill()
    own.write_text(text.replace("eta: 0.1", "eta: 0.2"))
    code, said = study.call(targets=target)
    require(code != 0, "it went on under another spec")
    require_said("was begun with other settings", said)
    own.write_text(text)
    code, said = study.call()
    require(code == 0, said[-3000:])
    require_same(quiet.results, study.results)
    return Outcome(
        "a setting is edited between start and restart", "an arm's η, after the run's first checkpoint", 1,
        "refused, with both ways out; the old setting put back, it goes on and ends as the quiet"
        " run",
    )  # fmt: skip
