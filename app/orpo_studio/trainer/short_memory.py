"""What to say when memory is not enough even for one pair at a time: what to change, and how much each would save."""

import torch

from orpo_studio.config.sections import RecipeSection
from orpo_studio.fit.memory import GIB, Case, estimate
from orpo_studio.fit.savings import savings
from orpo_studio.fit.shape import read_shape
from orpo_studio.models.card import ModelCard
from orpo_studio.models.problem import ModelProblem
from orpo_studio.runs.machine import memory_limit
from orpo_studio.trainer.load import choose_device, has_bf16
from orpo_studio.trainer.problems import MORE_THAN_FREE, TrainerProblem, own_words
from orpo_studio.trainer.scoring.ladder import Way

_TOLD = 3
"""How many changes are named,"""
_LEAST = 0.05 * GIB
"""of those that save so much: less would be told as nothing."""
_ADVICE = "Shorten the maximum length, switch on gradient checkpointing, or choose 4-bit quantization."


def not_enough_memory(recipe: RecipeSection, card: ModelCard, way: Way, error: BaseException) -> TrainerProblem:
    """Return the problem of a run that cannot go on, the changes that help most first.

    Args:
        recipe: its settings as they were at last: its micro-batch is 1, or more where the memory was short beside the
            pairs, such as for the optimizer's states.
        card: of the base model.
        way: how losses are computed.
        error: what was raised.
    """
    device = choose_device()
    on_gpu = device.type == "cuda"
    free = torch.cuda.mem_get_info()[1] if on_gpu else memory_limit()
    try:
        case = Case(recipe, read_shape(card), on_gpu=on_gpu, way=way.value, has_bf16=has_bf16(device))
        changes, needed = savings(case, free), estimate(case)
    except (ModelProblem, MemoryError):  # whatever fails here, the advice must not hide what happened
        changes, needed = [], None
    there = f"There are {_gib(free)} in all."
    if needed is not None:
        there = (
            f"A step was estimated to need {_gib(needed.low)} to {_gib(needed.high)}; there are {_gib(free)} in all."
        )
    told = [
        *(["Close other programs that use memory."] if needed is not None and needed.high <= free else []),
        *(f"{change.words}: about {_gib(change.saved)} less." for change in changes[:_TOLD] if change.saved >= _LEAST),
    ]
    return TrainerProblem(
        "out-of-memory",
        f"The memory is not enough for {'one pair at a time' if recipe.micro_batch == 1 else 'a training step'}.",
        detail=f"{MORE_THAN_FREE} {there}",
        hint=f"{' '.join(told or [_ADVICE])} Then start again.",
        more=own_words(error),
    )


def _gib(size: float) -> str:
    return f"{size / GIB:.1f} GiB"
