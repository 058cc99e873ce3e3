"""What a block keeps for its backward pass, by the formula and by counting live tensors on the CPU."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.families import VOCABULARY, write_family
from helpers.live_bytes import LiveBytes
from orpo_studio.config import RunSpec
from orpo_studio.fit.activations import computation, kept_by_block
from orpo_studio.fit.rows import Batch, Way
from orpo_studio.fit.shape import read_shape
from orpo_studio.models.card import inspect_model
from orpo_studio.trainer import adapter
from orpo_studio.trainer.adapter import load_for_training
from orpo_studio.trainer.fused import FusedLayers
from orpo_studio.trainer.load import freeze_quantized

LENGTH = 192
pytestmark = [
    pytest.mark.filterwarnings("ignore:fan_in_fan_out"),
    pytest.mark.filterwarnings("ignore:The following (rank|alpha)_pattern keys"),  # PEFT of stacked experts
]


def settings(**recipe: Any) -> RunSpec:
    return RunSpec.model_validate({"recipe": {"lora_rank": 4, "precision": "fp32", **recipe}})


def alive_after_forward(folder: Path, spec: RunSpec, way: Way) -> int:
    """Return the bytes alive after a forward pass of two padded rows; stock computes without the fused layers."""
    loaded = load_for_training(spec, inspect_model(folder))
    model = loaded.model.train()
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    if spec.recipe.gradient_checkpointing == "on":
        base.activation_checkpointing_enable({"use_reentrant": False})
    ids = torch.randint(0, VOCABULARY, (2, LENGTH))
    mask = torch.ones_like(ids)
    mask[1, LENGTH // 2 :] = 0
    layers = contextlib.nullcontext if way == "stock" else FusedLayers(model).in_place
    for _ in range(2):  # bitsandbytes prepares its 8-bit weights in the first pass
        alive = LiveBytes(model)
        with alive, layers(), loaded.autocast():
            hidden = base.base_model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        kept = alive.now
        del hidden
    return kept


def of_one_block(tmp_path: Path, family: str, way: Way = "padded", **recipe: Any) -> tuple[float, float]:
    """Return what one block keeps: as counted, two blocks against three, and by the formula."""
    spec = settings(**recipe)
    counts = [
        alive_after_forward(write_family(tmp_path / f"{family}-{blocks}", family, blocks=blocks), spec, way)
        for blocks in (2, 3)
    ]
    shape = read_shape(inspect_model(tmp_path / f"{family}-2"))
    fed = 2 * LENGTH
    batch = Batch(fed, fed, fed, fed * LENGTH, rows=2, length=LENGTH)
    formats = computation(spec.recipe, on_gpu=False, has_bf16=True)
    kept = kept_by_block(shape.blocks[0], shape, spec.recipe, batch, formats=formats, way=way)
    return counts[1] - counts[0], kept.checkpointed if spec.recipe.gradient_checkpointing == "on" else kept.saved


RECIPES: dict[str, dict[str, Any]] = {
    "lora": {},
    "lora bf16": {"precision": "bf16"},
    "attention alone": {"precision": "bf16", "lora_targets": ["q_proj", "v_proj"]},
    "dora": {"use_dora": True},
    "dora bf16": {"use_dora": True, "precision": "bf16"},
    "dora nf4 bf16": {"use_dora": True, "quantization": "nf4", "precision": "bf16"},
    "dropout": {"lora_dropout": 0.1},
    "dropout bf16": {"lora_dropout": 0.1, "precision": "bf16"},
    "dropout nf4 bf16": {"lora_dropout": 0.1, "quantization": "nf4", "precision": "bf16"},
    "full": {"adapter": "full"},
    "nf4": {"quantization": "nf4"},
    "nf4 bf16": {"quantization": "nf4", "precision": "bf16"},
    "8bit": {"quantization": "8bit"},
    "8bit bf16": {"quantization": "8bit", "precision": "bf16"},
    "checkpointing": {"gradient_checkpointing": "on"},
    "checkpointing bf16": {"gradient_checkpointing": "on", "precision": "bf16"},
    "checkpointing 8bit": {"gradient_checkpointing": "on", "quantization": "8bit", "precision": "bf16"},
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_that_a_llama_block_keeps_what_the_formula_says(recipe: dict[str, Any], tmp_path: Path) -> None:
    counted, said = of_one_block(tmp_path, "llama", **recipe)
    assert said == pytest.approx(counted, rel=0.1)


@pytest.mark.parametrize(
    "recipe", ["lora", "lora bf16", "dropout bf16", "full", "nf4 bf16", "8bit", "8bit bf16", "checkpointing 8bit"]
)
def test_that_a_block_computed_as_stock_keeps_what_the_formula_says(recipe: str, tmp_path: Path) -> None:
    counted, said = of_one_block(tmp_path, "llama", "stock", **RECIPES[recipe])
    assert said == pytest.approx(counted, rel=0.1)


@pytest.mark.parametrize("adapter", ["lora", "full"])
@pytest.mark.parametrize(
    "family", ["qwen3", "gemma", "phi3", "gpt2", "gpt_neox", "olmo", "olmo2", "granite", "cohere", "starcoder2"]
)
def test_that_blocks_of_other_families_keep_what_the_formula_says(family: str, adapter: str, tmp_path: Path) -> None:
    counted, said = of_one_block(tmp_path, family, adapter=adapter)
    assert said == pytest.approx(counted, rel=0.1)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("family", ["mixtral", "qwen2_moe", "qwen3_moe", "gemma2"])
def test_that_experts_and_capped_scores_keep_what_the_formula_says(family: str, precision: str, tmp_path: Path) -> None:
    counted, said = of_one_block(tmp_path, family, precision=precision)
    assert said == pytest.approx(counted, rel=0.1)


def test_that_experts_beside_a_quantized_base_keep_what_the_formula_says(tmp_path: Path) -> None:
    counted, said = of_one_block(tmp_path, "mixtral", quantization="nf4", precision="bf16")
    assert said == pytest.approx(counted, rel=0.1)


QUANTIZED: dict[str, dict[str, Any]] = {
    "nf4": {"quantization": "nf4"},
    "dora nf4": {"use_dora": True, "quantization": "nf4"},
    "dropout nf4": {"lora_dropout": 0.1, "quantization": "nf4"},
    "8bit": {"quantization": "8bit"},
    "checkpointing 8bit": {"gradient_checkpointing": "on", "quantization": "8bit"},
}


@pytest.mark.parametrize("recipe", QUANTIZED.values(), ids=QUANTIZED)
def test_that_in_float16_a_quantized_base_keeps_what_the_formula_says(
    recipe: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A CPU does not train in float16; bfloat16 takes as many bytes.
    monkeypatch.setattr(adapter, "freeze_quantized", lambda model, _: freeze_quantized(model, "fp16"))
    monkeypatch.setattr(adapter, "choose_precision", lambda _wanted, _device: "bf16")
    counted, said = of_one_block(tmp_path, "llama", precision="fp16", **recipe)
    assert said == pytest.approx(counted, rel=0.1)
