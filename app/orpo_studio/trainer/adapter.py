"""Making the loaded base trainable: a LoRA adapter beside frozen weights, or all of its weights."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import set_seed

from orpo_studio.config import RunSpec
from orpo_studio.models.card import ModelCard
from orpo_studio.models.chat_template import ChatTemplate
from orpo_studio.trainer.load import (
    DTYPES,
    Loaded,
    Precision,
    Quantization,
    choose_device,
    choose_precision,
    freeze_quantized,
    load_base,
    load_tokenizer,
)
from orpo_studio.trainer.lora_folder import require_plain_lora
from orpo_studio.trainer.problems import TrainerProblem


def load_for_training(spec: RunSpec, card: ModelCard) -> Loaded:
    """Load the base as the recipe says and make it trainable.

    Full fine-tuning keeps float32 weights under a 16-bit computation; frozen weights are kept in 16 bits.

    Raises:
        TrainerProblem: model, precision or LoRA targets do not fit.
    """
    recipe = spec.recipe
    device = choose_device()
    precision = choose_precision(recipe.precision, device)
    full = recipe.adapter == "full"
    model = load_base(
        card.path, dtype=storage_dtype(precision, full=full), device=device, quantization=recipe.quantization
    )
    set_seed(recipe.seed)  # the adapter's first values are drawn by chance
    if full:
        model.requires_grad_(True)
    else:
        if recipe.quantization != "none":
            model = freeze_quantized(model, precision)
        model = _add_lora(model, spec)
    return Loaded(model, load_tokenizer(card.path, card), ChatTemplate.of(card), device, precision)


def storage_dtype(precision: Precision, *, full: bool) -> torch.dtype:
    """Return the number format in which weights are kept while they are trained beside or trained themselves."""
    return torch.float32 if full else DTYPES[precision]


def load_trained(spec: RunSpec, card: ModelCard, adapter: Path) -> Loaded:
    """Load the model as trained: the base as the recipe says with the run's adapter, or the fully trained model.

    Raises:
        TrainerProblem: a part cannot be loaded.
    """
    recipe = spec.recipe
    device = choose_device()
    precision = choose_precision(recipe.precision, device)
    if recipe.adapter == "full":
        model = load_base(adapter, dtype=torch.float32, device=device)
    else:
        quantization: Quantization = recipe.quantization
        base = load_base(card.path, dtype=DTYPES[precision], device=device, quantization=quantization)
        if quantization != "none":
            base = freeze_quantized(base, precision)
        model = attach(base, adapter)
    model.requires_grad_(False)
    return Loaded(model, load_tokenizer(card.path, card), ChatTemplate.of(card), device, precision)


def attach(base: Any, adapter: Path) -> Any:
    """Return the base with a run's adapter.

    Raises:
        TrainerProblem: the adapter is not one that a training here leaves.
    """
    require_plain_lora(adapter)
    return PeftModel.from_pretrained(base, str(adapter))


def _add_lora(model: Any, spec: RunSpec) -> Any:
    recipe = spec.recipe
    targets = recipe.lora_targets
    config = LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules="all-linear" if targets == ("all-linear",) else list(targets),
        use_dora=recipe.use_dora,
        use_rslora=recipe.use_rslora,
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        if "target" not in str(error).lower():
            raise
        raise TrainerProblem(
            "lora-targets",
            "The LoRA targets do not fit this model.",
            detail=f"{', '.join(targets)}: {str(error).splitlines()[0][:300]}",
            hint=f"Use “all-linear”, or some of this model's layers: {', '.join(sorted(set(_linear_names(model))))}.",
        ) from error


def _linear_names(model: Any) -> Iterator[str]:
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            yield name.rpartition(".")[2]


def count_parameters(model: Any) -> tuple[int, int]:
    """Return (all, trainable) parameters; a 4-bit weight counts each value it stores two to a byte."""
    total = trainable = 0
    for parameter in model.parameters():
        state = getattr(parameter, "quant_state", None)  # bitsandbytes keeps the true shape here
        count = state.shape.numel() if state is not None else parameter.numel()
        total += count
        trainable += count if parameter.requires_grad else 0
    return total, trainable
