"""The base's own dropout is off, wherever an architecture keeps it; the adapter's is on."""

from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.tiny_model import write_tokenizer
from helpers.training import make_run, of_kind, outcome, run
from orpo_studio.events import PathChosen
from orpo_studio.trainer.load import load_base

_HALF: dict[str, dict[str, Any]] = {
    "llama": {"attention_dropout": 0.5},  # a number on the attention layer
    "gpt2": {"attn_pdrop": 0.5, "resid_pdrop": 0.5, "embd_pdrop": 0.5},  # nn.Dropout, its number read from outside
    "opt": {"dropout": 0.5, "attention_dropout": 0.5, "layerdrop": 0.5},  # numbers, and whole layers left out
    "falcon": {"attention_dropout": 0.5, "hidden_dropout": 0.5},  # read from the configuration at every pass
    "bloom": {"attention_dropout": 0.5, "hidden_dropout": 0.5},
    "phi3": {"attention_dropout": 0.5, "resid_pdrop": 0.5},
}


def write_with_dropout(folder: Path, family: str) -> Path:
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        family, vocab_size=400, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, pad_token_id=0,
        bos_token_id=1, eos_token_id=2, **_HALF[family],
    )  # fmt: skip
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    write_tokenizer(folder)
    return folder


@pytest.mark.parametrize("family", _HALF)
def test_that_training_mode_computes_what_evaluation_does(tmp_path: Path, family: str) -> None:
    folder = write_with_dropout(tmp_path, family)
    model = load_base(folder, dtype=torch.float32, device=torch.device("cpu"))
    ids = torch.arange(3, 60)[None]

    with torch.no_grad():
        quiet = model.eval()(input_ids=ids).logits
        trained = model.train()(input_ids=ids).logits

    assert torch.equal(trained, quiet)
    # What is saved with the model says what its makers said.
    assert {name: getattr(model.config, name) for name in _HALF[family]} == _HALF[family]


def test_that_a_model_with_attention_dropout_is_packed(tmp_path: Path, pairs_file: Path) -> None:
    folder = write_with_dropout(tmp_path / "model", "llama")

    events = run(make_run(tmp_path, folder, pairs_file, recipe={"max_steps": 1}))

    assert outcome(events) == "completed"
    assert of_kind(events, PathChosen)[0].path == "packed"
