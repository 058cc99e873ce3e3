"""The runs that are killed: one for each way of training whose resume must be exact."""

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers.tiny_model import make_rows, write_rows
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


def make_inputs(place: Path, variant: Variant, model: Path) -> RunSpec:
    """Copy the model, write pairs, the same ones each time, and return the specification of a run on them.

    The copy says the same in a different number of blanks, so that no run finds another one's tokens.
    """
    own, pairs = place / "model", place / "pairs.jsonl"
    shutil.copytree(model, own)
    with (own / "tokenizer_config.json").open("a", encoding="utf-8") as file:
        file.write(" " * (time.time_ns() // 1000 % 10_000))
    write_rows(pairs, make_rows(variant.pairs))
    return RunSpec.model_validate(
        {
            "model": {"path": str(own)},
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
