"""What to say when memory is not enough even for one pair at a time: what to change, and how much each would save."""

import torch

from orpo_studio.config import RunSpec
from orpo_studio.fit.memory import GIB, Case, estimate
from orpo_studio.fit.savings import savings
from orpo_studio.fit.shape import read_shape
from orpo_studio.models.card import ModelCard
from orpo_studio.models.problem import ModelProblem
from orpo_studio.runs.machine import memory_limit
from orpo_studio.trainer.problems import TrainerProblem, first_line
from orpo_studio.trainer.scoring.ladder import Way

_TOLD = 3
"""How many changes are named."""
_ADVICE = "Shorten the maximum length, switch on gradient checkpointing, or choose 4-bit quantization"


def not_enough_memory(spec: RunSpec, card: ModelCard, way: Way, error: BaseException) -> TrainerProblem:
    """Return the problem of a run that cannot go on, the changes that help most first."""
    on_gpu = torch.cuda.is_available()
    free = torch.cuda.mem_get_info()[1] if on_gpu else memory_limit()
    # The run has halved its micro-batch already; what is left is the memory of a single pair.
    alone = spec.recipe.model_copy(update={"micro_batch": 1})
    try:
        case = Case(alone, read_shape(card), on_gpu=on_gpu, way=way.value)
        changes, needed = savings(case, free), estimate(case)
    except ModelProblem:  # the files were there when the run began; the advice must not hide what happened
        changes, needed = [], None
    need = f" A step was estimated to need {_gib(needed.low)} to {_gib(needed.high)}." if needed else ""
    advice = "; ".join(f"{change.words}: about {_gib(change.saved)} less" for change in changes[:_TOLD])
    return TrainerProblem(
        "out-of-memory",
        "The memory is not enough for one pair at a time.",
        detail=f"{first_line(error)} There are {_gib(free)} in all.{need} The weights are as the last step left them.",
        hint=f"{advice or _ADVICE}. Then start again.",
    )


def _gib(size: float) -> str:
    return f"{size / GIB:.1f} GiB"
