"""The runs that are killed: one for each way of training whose resume must be exact."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers.tiny_model import make_rows, write_rows, write_tiny_model
from orpo_studio.config import RunSpec

STEPS = 20
CHECKPOINT_EVERY = 4
EVALUATION_EVERY = 7


@dataclass(frozen=True, slots=True)
class Variant:
    """A recipe, and how many pairs it trains on: few are seen for several epochs, many take long to tokenize."""

    name: str
    pairs: int
    recipe: dict[str, Any] = field(default_factory=dict)


VARIANTS = (
    Variant("lora", 40, {"lora_dropout": 0.1}),
    Variant("full", 40, {"adapter": "full", "group_by_length": True}),
    Variant("nf4", 1500, {"quantization": "nf4", "lora_dropout": 0.1}),
)


def by_name(name: str) -> Variant:
    """Return a variant."""
    return next(variant for variant in VARIANTS if variant.name == name)


def make_inputs(place: Path, variant: Variant) -> RunSpec:
    """Write model and pairs, where they are not there yet, and return the specification of a run on them."""
    model, pairs = place / "model", place / f"pairs-{variant.name}.jsonl"
    if not model.exists():
        write_tiny_model(model)
    if not pairs.exists():
        write_rows(pairs, make_rows(variant.pairs))
    return RunSpec.model_validate(
        {
            "model": {"path": str(model)},
            "data": {"source": str(pairs), "held_out": 0.2},
            "recipe": {
                "learning_rate": 5e-3, "max_steps": STEPS, "micro_batch": 2, "accumulation": 2, "max_length": 128,
                **variant.recipe,
            },
            "train": {
                "logging_steps": 1, "evaluation_steps": EVALUATION_EVERY, "checkpoint_steps": CHECKPOINT_EVERY,
            },
            "evaluate": {"samples": 2, "max_new_tokens": 8, "pairs": 8, "temperature": 0.7},
        }
    )  # fmt: skip
