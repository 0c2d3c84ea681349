"""Low-rank adapters: they alone are trained, the gradient's share is measured on them, and the
policy is written merged.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from experiments.policies.load_save import lora_config, save_policy
from experiments.policies.tiny_tokens import make_tiny_tokenizer
from experiments.spec.training_settings import Lora
from methods import FixedCoefficient
from tests.support.grpo_runs import ours, small_policy, training


def test_adapters_are_trained_and_merged(tmp_path: Path) -> None:
    base = small_policy()
    base.save_pretrained(tmp_path / "base")
    tokenizer = make_tiny_tokenizer()
    tokenizer.chat_template = "{{ messages }}"
    tokenizer.save_pretrained(tmp_path / "base")
    rows: list[dict[str, Any]] = []
    settings = training(gradient_share_every=1, gradient_checkpointing=True)
    lora = lora_config(Lora(rank=4, alpha=8))
    trainer = ours(
        FixedCoefficient(0.3),
        settings,
        tmp_path / "run",
        rows.append,
        peft_config=lora,
        processing_class=tokenizer,
    )
    trainer.train()
    assert all(0 < row["gradient_share"] < 1 for row in rows[1:]), (
        "at the start one half of each adapter is zero"
    )
    assert trainer.model is not None
    assert all("lora_" in name for name, p in trainer.model.named_parameters() if p.requires_grad)
    source = {"pretrained_model_name_or_path": str(tmp_path / "base"), "local_files_only": True}
    save_policy(trainer, tmp_path / "policy", source)

    merged: Any = AutoModelForCausalLM.from_pretrained(tmp_path / "policy")
    ids_1T = torch.arange(2, 14).unsqueeze(0)
    trained: Any = trainer.model.eval()
    with torch.no_grad():
        torch.testing.assert_close(
            merged(ids_1T).logits, trained(ids_1T).logits, atol=1e-4, rtol=1e-4
        )
        assert (merged(ids_1T).logits - base(ids_1T).logits).abs().max() > 1e-3
    written = AutoTokenizer.from_pretrained(tmp_path / "policy")
    assert (written.get_vocab(), written.chat_template) == (tokenizer.get_vocab(), "{{ messages }}")
    assert not list((tmp_path / "policy").rglob("*.bin"))
