"""Writes the resolved spec: the experiment with every default filled in, as one YAML file.

    python -m experiments.spec.resolved arithmetic --out results/arithmetic/spec.yaml

The resolved file is itself an experiment file, and loading it gives the same experiment.
"""

from contextlib import suppress
from pathlib import Path

import yaml

from eval.files.command_line import command_parser
from eval.files.durable import write_text
from eval.files.errors import BadInput, exit_with_message
from experiments.spec.data_folder import load_ready
from experiments.spec.schema import Experiment


def resolved_yaml(experiment: Experiment) -> str:
    """The experiment as YAML, with all defaults, keys in the schema's order."""
    return yaml.safe_dump(
        experiment.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110
    )


def write_spec(experiment: Experiment, path: str | Path) -> None:
    """Writes the resolved spec. Leaves a file with the same content untouched, because its time of
    change is compared with that of other files.

    Raises:
        BadInput: no permission to write, or a folder has the file's name.
    """
    path, text = Path(path), resolved_yaml(experiment)
    if holds_text(path, text):
        return
    try:
        write_text(path, text)
    except (PermissionError, IsADirectoryError) as error:
        raise BadInput(
            f"{path}: cannot be written ({error.strerror}): correct the permissions, or move"
            " away what has this name"
        ) from None


def holds_text(path: Path, text: str) -> bool:
    """Whether the file exists with this content. Compares bytes, because a truncated file may not
    be valid UTF-8.
    """
    with suppress(OSError):
        return path.read_bytes() == text.encode()
    return False


def main() -> None:
    parser = command_parser("experiments.spec.resolved", __doc__)
    parser.add_argument("experiment", help="experiment name or YAML file")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    with exit_with_message():
        write_spec(load_ready(arguments.experiment), arguments.out)


if __name__ == "__main__":
    main()
