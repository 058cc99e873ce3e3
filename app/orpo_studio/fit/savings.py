"""What to change when a run does not fit, each with the memory that it saves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orpo_studio.fit.memory import Case, estimate

_SHORTEST = 64
"""Half of a maximum length below twice this is not proposed: hardly an answer would be left."""
_WORTH = 0.01
"""Savings under this share of the whole are not told."""


@dataclass(frozen=True, slots=True)
class Saving:
    """One change of the settings.

    Attributes:
        words: what to do, as a sentence without its full stop.
        changes: options by name and their new values.
        saved: bytes that it saves.
        fits: whether the run fits after this change alone.
    """

    words: str
    changes: Mapping[str, Any]
    saved: float
    fits: bool


def savings(case: Case, free_bytes: float) -> list[Saving]:
    """Return the changes that save memory, the largest first; none where the estimate is not whole."""
    case = case.settled()
    now = estimate(case)
    if not now.is_whole:
        return []
    found = []
    for words, changes in _proposals(case):
        then = estimate(case.having(**{name.partition(".")[2]: value for name, value in changes.items()}))
        if now.high - then.high > _WORTH * now.high:
            found.append(Saving(words, changes, now.high - then.high, then.high <= free_bytes))
    return sorted(found, key=lambda saving: -saving.saved)


def _proposals(case: Case) -> Iterator[tuple[str, dict[str, Any]]]:
    recipe = case.recipe
    if not case.recomputes:
        yield "Switch on gradient checkpointing (about a third more time)", {"recipe.gradient_checkpointing": "on"}
    if recipe.micro_batch > 1:
        half = recipe.micro_batch // 2
        accumulation = -(-recipe.micro_batch * recipe.accumulation // half)
        yield (
            f"Compute {half} {'pair' if half == 1 else 'pairs'} at once and accumulate {accumulation}",
            {"recipe.micro_batch": half, "recipe.accumulation": accumulation},
        )
    if recipe.max_length >= 2 * _SHORTEST:
        half = recipe.max_length // 2
        yield f"Halve the maximum length to {half} tokens (longer answers are cut)", {"recipe.max_length": half}
    if recipe.precision == "fp32" and case.on_gpu:
        yield "Compute in 16 bits: precision automatic", {"recipe.precision": "auto"}
    if recipe.adapter == "full":
        yield "Train a LoRA adapter instead of all weights", {"recipe.adapter": "lora"}
        if recipe.optimizer == "adamw":
            yield "Keep the optimizer's states in 8 bits", {"recipe.optimizer": "adamw_8bit"}
    elif recipe.quantization != "nf4":
        yield "Store the base in 4 bits (nf4)", {"recipe.quantization": "nf4"}
