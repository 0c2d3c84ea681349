"""What is loaded, what is pinned, who may listen, and that no secret is written down."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from eval.files.errors import BadInput
from eval.sampling.policy_folder import check_weights
from experiments.policies.load_save import policy_source
from experiments.spec.experiment_file import load_experiment
from experiments.tracking.metrics import metric_name
from experiments.tracking.store_address import SWITCH, without_secrets

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for name in ("methods", "experiments", "eval", "analysis")
    for path in sorted((ROOT / name).rglob("*.py"))
]
SECRETS = {
    "HF_TOKEN": "hf_canary",
    "HUGGING_FACE_HUB_TOKEN": "hf_canary",
    "WANDB_API_KEY": "wandb-canary",
    "MLFLOW_TRACKING_USERNAME": "name-canary",
    "MLFLOW_TRACKING_PASSWORD": "word-canary",
    "MLFLOW_TRACKING_TOKEN": "mlflow-canary",
    "AWS_SECRET_ACCESS_KEY": "aws-canary",
}


def experiment(tmp_path: Path, **model: Any) -> Path:
    content = yaml.safe_load((ROOT / "experiments" / "smoke.yaml").read_text()) | {"model": model}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(content))
    return tmp_path / "x.yaml"


@pytest.mark.parametrize("revision", ["main", "v1.0", "0123abc", "0" * 41, "HEAD", "refs/pr/1"])
def test_only_a_whole_commit_is_a_pin(revision: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"model\.revision"):
        load_experiment(experiment(tmp_path, source="pretrained", name="a/b", revision=revision))


@pytest.mark.parametrize(
    "name", ["$(true)", "a/b; true", "-x", "../a", "a/b/c", "", "a" * 6000, "https://u:p@h/x"]
)
def test_a_model_is_a_folder_or_an_id(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        load_experiment(experiment(tmp_path, source="pretrained", name=name, revision="0" * 40))


def test_weights_in_pickles_are_refused(tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.mkdir()
    with pytest.raises(BadInput, match="there is none"):
        check_weights(policy)
    (policy / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(BadInput, match=r"only pytorch_model\.bin, a pickle"):
        check_weights(policy)
    found = load_experiment(experiment(tmp_path, source="pretrained", name=str(policy)))
    with pytest.raises(BadInput, match=r"only pytorch_model\.bin, a pickle"):
        policy_source(found, tmp_path)
    (policy / "model.safetensors").write_bytes(b"")
    assert policy_source(found, tmp_path)["use_safetensors"] is True


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_module_loads_pickles_or_code_or_evaluates_text(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = {ast.unparse(call.func) for call in calls}
    assert not named & {
        "eval",
        "exec",
        "os.system",
        "pickle.load",
        "pickle.loads",
        "yaml.unsafe_load",
        "yaml.full_load",
    }
    assert not any(
        keyword.arg in ("trust_remote_code", "shell") for call in calls for keyword in call.keywords
    )


def test_servers_listen_on_this_machine_alone_and_say_so() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nui:")[2].partition("\n\n")[0]
    assert "--host 127.0.0.1" in recipe
    assert "for this machine alone" in recipe
    everything = "".join(path.read_text(encoding="utf-8") for path in SOURCES)
    assert not re.search(r'0\.0\.0\.0|--host(?! 127|", training\.vllm_server_host)', everything)
    assert load_experiment("smoke").training.vllm_server_host == "127.0.0.1"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:canary@host/db",
        "mysql+pymysql://me:cana/ry-canary@host/db",
        "no answer from ('https://me:x@canary@host/x', 'again')",
        "https://host/x?token=canary&a=b",
        "could not connect: password=canary host=h",
        "MLFLOW_TRACKING_TOKEN=canary",
    ],
)
def test_secrets_are_left_out_wherever_they_stand(text: str) -> None:
    assert "canary" not in without_secrets(text)


@pytest.mark.parametrize(
    "level",
    ["../../x", "/etc", "代数", "", ".", "..", "a//b", "x" * 5000, "\ud800", "a\0b", "5'; --"],
)
def test_levels_become_names_that_mlflow_takes(level: str) -> None:
    from mlflow.utils.validation import _validate_metric_name

    name = metric_name(level)
    _validate_metric_name(f"levels/{name}/entropy")
    assert "/" not in name
    assert name != metric_name(level + "!")
    assert metric_name("(0, 0.25]") == "0_to_0.25"


PIPELINE = """
import sys
from pathlib import Path
from analysis.report import __main__ as report
from analysis.tables import __main__ as tables_command
from experiments.tasks import problem_files as tasks
from experiments.tracking import command as tracking
from experiments.policies.tiny import teach_policy
from experiments.policies.tiny_tokens import make_tiny_tokenizer
from experiments.spec.resolved import write_spec
from experiments.spec.experiment_file import load_experiment
from experiments.train import train_run

root = Path(sys.argv[1])
experiment = load_experiment("smoke")
experiment = experiment.model_copy(update={
    "model": experiment.model.model_copy(update={"steps": 2, "hidden_size": 32}),
    "training": experiment.training.model_copy(update={"rollouts": 1, "max_completion_length": 4, "checkpoint_every": 1}),
})
write_spec(experiment, root / "spec.yaml")
tasks.write_all(experiment, root / "problems")
teach_policy(experiment.model, experiment.task.generator).save_pretrained(root / "base" / "policy")
make_tiny_tokenizer().save_pretrained(root / "base" / "policy")
train_run(experiment, "none", experiment.seeds[0], root)
tables_command.main([str(root)])
report.main([str(root)])
tracking.log_everything(root, mark=root / "mlflow.logged")
"""


@pytest.mark.parametrize(
    "uri",
    [
        "http://me:uri-canary@127.0.0.1:9/x?token=uri-canary",
        "postgresql://me:uri-canary@127.0.0.1:9/db",
    ],
)
def test_no_secret_of_the_environment_is_written_down(uri: str, tmp_path: Path) -> None:
    root = tmp_path / "results" / "smoke"
    environment = os.environ | SECRETS | {SWITCH: "on", "MLFLOW_TRACKING_URI": uri}
    environment |= {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PIPELINE, str(root)],
        env=environment,
        capture_output=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:].decode()
    assert (root / "none" / f"seed-{load_experiment('smoke').seeds[0]}" / "run.json").exists()
    assert (root / "mlflow.logged").read_text().startswith("not logged: ")
    written = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(written) > 10
    assert [
        name
        for name, content in {**written, "said": done.stdout + done.stderr}.items()
        if b"canary" in content
    ] == []
