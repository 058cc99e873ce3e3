"""What is read from headers is what transformers loads and PEFT adapts, to the parameter, for every family."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from helpers.families import FAMILIES, MIXTURES, write_family
from orpo_studio.config import RunSpec
from orpo_studio.fit.memory import Case, estimate, trained_parameters
from orpo_studio.fit.shape import ModelShape, read_shape
from orpo_studio.models.card import inspect_model
from orpo_studio.trainer.load import freeze_quantized, load_base

pytestmark = [
    pytest.mark.filterwarnings("ignore:fan_in_fan_out"),
    pytest.mark.filterwarnings("ignore:The following (rank|alpha)_pattern keys"),  # PEFT of stacked experts
]


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, ModelShape]:
    folder = write_family(tmp_path_factory.mktemp("families") / request.param, request.param)
    return request.param, folder, read_shape(inspect_model(folder))


def trainable(folder: Path, targets: Any, *, dora: bool = False) -> int:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    config = LoraConfig(r=4, target_modules=targets, use_dora=dora, task_type="CAUSAL_LM")
    adapted = get_peft_model(model, config)
    return sum(parameter.numel() for parameter in adapted.parameters() if parameter.requires_grad)


def counted(shape: ModelShape, **recipe: Any) -> int | None:
    spec = RunSpec.model_validate({"recipe": {"lora_rank": 4, **recipe}})
    return trained_parameters(Case(spec.recipe, shape))


def test_that_parameters_blocks_and_lora_are_counted_exactly(family: tuple[str, Path, ModelShape]) -> None:
    name, folder, shape = family
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert shape.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert [block.count for block in shape.blocks] == ([] if name == "falcon" else [2])
    assert counted(shape, adapter="full") == shape.parameters
    assert counted(shape) == trainable(folder, "all-linear")
    if name not in MIXTURES - {"qwen2_moe"}:  # PEFT has no DoRA for stacked experts
        assert counted(shape, use_dora=True) == trainable(folder, "all-linear", dora=True)


def test_that_named_targets_are_counted_exactly(family: tuple[str, Path, ModelShape]) -> None:
    _, folder, shape = family
    names = sorted({layer.name.rpartition(".")[2] for layer in shape.layers if layer.is_module})
    for target in [*names, "w2", "gate"]:
        expected = counted(shape, lora_targets=[target])
        if expected is None:
            with pytest.raises(ValueError, match="arget"):
                trainable(folder, [target])
        else:
            assert expected == trainable(folder, [target])


@pytest.mark.parametrize("quantization", ["nf4", "8bit"])
@pytest.mark.parametrize("name", ["llama", "phi3", "gpt2", "mixtral"])
def test_that_quantized_weights_take_the_bytes_that_are_counted(name: str, quantization: Any, tmp_path: Path) -> None:
    folder = write_family(tmp_path / name, name)
    base = load_base(folder, dtype=torch.bfloat16, device=torch.device("cpu"), quantization=quantization)
    model = freeze_quantized(base, "bf16")
    taken = 0
    for parameter in model.parameters():
        taken += parameter.numel() * parameter.element_size()
        if state := getattr(parameter, "quant_state", None):
            taken += state.absmax.numel() + 4 * state.state2.absmax.numel()
        if getattr(parameter, "SCB", None) is not None:
            taken += 4 * parameter.SCB.numel()
    spec = RunSpec.model_validate({"recipe": {"quantization": quantization}})
    weights = estimate(Case(spec.recipe, read_shape(inspect_model(folder)))).weights
    assert weights == pytest.approx(taken, rel=0.005)
