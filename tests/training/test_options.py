"""Whatever is trained, and however it is kept, the first steps of a run are TRL's on the same model."""

from pathlib import Path
from typing import Any

import pytest

from helpers.ladder_families import FAMILIES, make_family
from helpers.tiny_model import ENDED, make_rows, write_rows, write_tiny_model, write_tokenizer
from helpers.training import make_run, of_kind, outcome, run
from helpers.watched_trainer import difference, watch
from orpo_studio.events import PathChosen, Problem

RECIPE = {"max_steps": 2, "micro_batch": 2, "accumulation": 2, "max_grad_norm": 1e6, "learning_rate": 1e-2, "warmup": 0}
# What 8-bit layers round depends on which values stand out in a batch, and so on the batch's shape.
EXACT, SIXTEEN_BITS, EIGHT_BIT = (2e-6, 2e-5), (2e-3, 5e-2), (5e-2, 0.5)
OPTIONS: dict[str, tuple[dict[str, Any], tuple[float, float]]] = {
    "lora": ({}, EXACT),
    "dora": ({"use_dora": True}, EXACT),
    "rslora": ({"use_rslora": True}, EXACT),
    "full": ({"adapter": "full", "learning_rate": 1e-3}, EXACT),
    "checkpointing": ({"gradient_checkpointing": "on"}, EXACT),
    "full, checkpointing": ({"adapter": "full", "learning_rate": 1e-3, "gradient_checkpointing": "on"}, EXACT),
    "bf16": ({"precision": "bf16"}, SIXTEEN_BITS),
    "full, bf16": ({"adapter": "full", "learning_rate": 1e-3, "precision": "bf16"}, SIXTEEN_BITS),
    "nf4": ({"quantization": "nf4"}, EXACT),
    "nf4, checkpointing, dora": ({"quantization": "nf4", "gradient_checkpointing": "on", "use_dora": True}, EXACT),
    "nf4, bf16": ({"quantization": "nf4", "precision": "bf16"}, SIXTEEN_BITS),
    "8-bit": ({"quantization": "8bit"}, EIGHT_BIT),
    "8-bit, bf16": ({"quantization": "8bit", "precision": "bf16"}, EIGHT_BIT),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose layers are wide enough to be quantized in blocks."""
    return write_tiny_model(tmp_path_factory.mktemp("options") / "model", hidden=64)


@pytest.mark.parametrize("name", OPTIONS)
def test_that_the_first_steps_are_trls(
    tmp_path: Path, model: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if "8-bit" in name or "nf4" in name:
        pytest.importorskip("bitsandbytes")
    options, (of_loss, of_gradients) = OPTIONS[name]
    watching = watch(monkeypatch, compares=True)

    events = run(make_run(tmp_path, model, pairs_file, recipe=RECIPE | options))

    assert outcome(events) == "completed"
    assert of_kind(events, PathChosen)[0].path == "packed"
    assert len(watching.steps) == 2  # at the first, LoRA's A has no gradient yet: B is zero
    for ours, stock in zip(watching.steps, watching.stock, strict=True):
        assert ours.loss == pytest.approx(stock.loss, rel=of_loss)
        assert difference(ours.gradients, stock.gradients) < of_gradients


@pytest.mark.filterwarnings("ignore:The following (rank|alpha)_pattern keys:RuntimeWarning")  # PEFT, of mixtures
@pytest.mark.parametrize("family", ["mixtral-router", "gpt-oss", "gemma2", "falcon-alibi"])
@pytest.mark.parametrize("adapter", ["lora", "full"])
def test_that_peculiar_models_train_as_by_trl(
    tmp_path: Path, pairs_file: Path, monkeypatch: pytest.MonkeyPatch, family: str, adapter: str
) -> None:
    folder = tmp_path / "model"
    make_family(family).save_pretrained(folder)
    write_tokenizer(folder)
    watching = watch(monkeypatch, compares=True)
    # One micro-batch: the router's loss of a batch is not the mean of those of its parts.
    options = {"accumulation": 1, "micro_batch": 4, "adapter": adapter, "learning_rate": 1e-3}

    events = run(make_run(tmp_path, folder, pairs_file, recipe=RECIPE | options))

    assert outcome(events) == "completed"
    assert of_kind(events, PathChosen)[0].path == FAMILIES[family].way
    assert not of_kind(events, Problem)
    for ours, stock in zip(watching.steps, watching.stock, strict=True):
        assert ours.loss == pytest.approx(stock.loss, rel=2e-6)
        assert difference(ours.gradients, stock.gradients) < 2e-5


def test_that_answers_of_several_turns_are_trls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def turns(*texts: str) -> list[dict[str, str]]:
        return [{"role": ("assistant", "user")[place % 2], "content": text} for place, text in enumerate(texts)]

    rows = [
        {
            "prompt": [{"role": "user", "content": row["prompt"]}],
            "chosen": turns(row["chosen"], "why?", row["chosen"][::-1]),
            "rejected": turns(row["rejected"], "why?", "no", "really?", row["rejected"]),
        }
        for row in make_rows(16)
    ]
    model = write_tiny_model(tmp_path / "model", chat_template=ENDED)
    watching = watch(monkeypatch, compares=True)

    events = run(make_run(tmp_path, model, write_rows(tmp_path / "pairs.jsonl", rows), recipe=RECIPE))

    assert outcome(events) == "completed"
    for ours, stock in zip(watching.steps, watching.stock, strict=True):
        assert ours.loss == pytest.approx(stock.loss, rel=2e-6)
        assert difference(ours.gradients, stock.gradients) < 2e-5
