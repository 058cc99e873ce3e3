"""The peak of a whole training step on the CPU, by counting live tensors, against the sum of the estimate's parts."""

from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.live_bytes import LiveBytes
from helpers.tiny_model import write_tiny_model
from orpo_studio.config import RunSpec
from orpo_studio.fit.memory import Case, estimate, trained_parameters
from orpo_studio.fit.rows import PairLengths
from orpo_studio.fit.shape import read_shape
from orpo_studio.models.card import inspect_model
from orpo_studio.trainer.adapter import load_for_training
from orpo_studio.trainer.scoring.batch import PairBatch
from orpo_studio.trainer.scoring.ladder import Choice, Way
from orpo_studio.trainer.scoring.scorer import Scorer
from orpo_studio.trainer.tokens import TokenizedPair

LENGTHS = [(60, 50, 90), (120, 80, 40), (20, 150, 130)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(
        tmp_path_factory.mktemp("model") / "llama",
        hidden=128,
        vocab_size=2048,
        intermediate_size=352,
        num_hidden_layers=6,
        num_attention_heads=8,
        num_key_value_heads=4,
    )


def pair(row: int, prompt: int, chosen: int, rejected: int) -> TokenizedPair:
    draw = torch.Generator().manual_seed(row)

    def ids(count: int) -> list[int]:
        return torch.randint(3, 2048, (count,), generator=draw).tolist()

    shared = ids(prompt)
    return TokenizedPair(row, shared + ids(chosen), prompt, shared + ids(rejected), prompt, truncated=False)


def peak_of_step(model: Path, spec: RunSpec, way: Way) -> int:
    """Return the most bytes alive at once, parameters not counted, over forward pass, loss and backward pass."""
    loaded = load_for_training(spec, inspect_model(model))
    trained = loaded.model.train()
    if spec.recipe.gradient_checkpointing == "on":
        base = trained.get_base_model() if hasattr(trained, "get_base_model") else trained
        base.activation_checkpointing_enable({"use_reentrant": False})
    scorer = Scorer(Choice(way, "a test asks"), 0, answer_only=False, device=torch.device("cpu"), stock=lambda *_: ())
    scorer.prepare(trained)
    batch = PairBatch(tuple(pair(row, *lengths) for row, lengths in enumerate(LENGTHS)))
    for _ in range(2):  # from the second micro-batch of a step on, the gradients are there
        alive = LiveBytes(trained)
        gradients = [parameter.grad for parameter in trained.parameters() if parameter.grad is not None]
        before = sum(gradient.numel() * gradient.element_size() for gradient in gradients)
        placed = scorer.lay_out(batch)
        with alive, scorer.under_way(placed):
            with loaded.autocast():
                scored = scorer.score(trained, batch, placed).pairs
                loss = sum(part.sum() for part in (scored.nll, scored.chosen, scored.rejected))
            loss.backward()
    return alive.peak + before


RECIPES: dict[str, dict[str, Any]] = {
    "lora": {},
    "lora bf16": {"precision": "bf16"},
    "checkpointing": {"gradient_checkpointing": "on"},
    "checkpointing bf16": {"gradient_checkpointing": "on", "precision": "bf16"},
    "full": {"adapter": "full"},
    "full bf16": {"adapter": "full", "precision": "bf16"},
    "nf4": {"quantization": "nf4", "precision": "bf16"},
    "8bit": {"quantization": "8bit", "precision": "bf16"},
    "checkpointing 8bit": {"gradient_checkpointing": "on", "quantization": "8bit", "precision": "bf16"},
}


@pytest.mark.parametrize("way", [Way.PACKED, Way.PADDED])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_that_the_peak_of_a_step_is_about_the_sum_of_the_parts(model: Path, recipe: dict[str, Any], way: Way) -> None:
    spec = RunSpec.model_validate({"recipe": {"precision": "fp32", "micro_batch": 3, **recipe}})
    shape = read_shape(inspect_model(model))
    case = Case(spec.recipe, shape, on_gpu=False, way=way.value, lengths=PairLengths.of(LENGTHS))
    memory, trained = estimate(case), trained_parameters(case)
    assert memory.is_whole
    copies = (memory.weights or 0) - 4 * shape.parameters if spec.recipe.adapter == "full" else 0
    said = (memory.activations or 0) + (memory.head or 0) + 4 * (trained or 0) + copies
    counted = peak_of_step(model, spec, way)
    assert said == pytest.approx(counted, rel=0.1)
