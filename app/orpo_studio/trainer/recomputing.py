"""Automatic gradient checkpointing: whether a training begins with it."""

from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
import torch

from orpo_studio.config import RunSpec
from orpo_studio.fit.memory import Case
from orpo_studio.fit.rows import PairLengths
from orpo_studio.fit.shape import read_shape
from orpo_studio.models.card import ModelCard
from orpo_studio.models.problem import ModelProblem
from orpo_studio.runs.machine import memory_limit
from orpo_studio.trainer.load import choose_device, has_bf16
from orpo_studio.trainer.scoring.ladder import Way


def begins_recomputing(spec: RunSpec, card: ModelCard, lengths: PairLengths, way: Way) -> bool:
    """Tell whether activations are computed again from the first step on.

    Where that is automatic, it goes by the estimate; one that was too low is made up for by the trainer, which begins
    with it where memory runs short.

    Args:
        spec: the settings.
        card: of the base model, which is loaded already.
        lengths: of the training pairs.
        way: how losses are computed.
    """
    setting = spec.recipe.gradient_checkpointing
    if setting != "auto":
        return setting == "on"
    try:
        shape = read_shape(card)
    except ModelProblem:
        return False
    device = choose_device()
    on_gpu = device.type == "cuda"
    free = _free_on_card() if on_gpu else _free_in_main_memory()
    case = Case(spec.recipe, shape, on_gpu=on_gpu, way=way.value, lengths=lengths, free=free, has_bf16=has_bf16(device))
    return case.recomputes


def pair_lengths(lengths: npt.NDArray[Any], prompts: npt.NDArray[Any]) -> PairLengths:
    """Return the lengths of tokenized pairs.

    Args:
        lengths: (rows, 2) tokens of the chosen and of the rejected sequence, prompt included.
        prompts: (rows, 2) how many of those are the prompt.
    """
    prompt = prompts.min(1).astype(np.int64)
    return PairLengths(prompt, lengths[:, 0] - prompt, lengths[:, 1] - prompt)


def _free_on_card() -> float:
    """Return the bytes of the card that nobody else has."""
    free, _ = torch.cuda.mem_get_info()
    return float(free + torch.cuda.memory_reserved())


def _free_in_main_memory() -> float:
    own = psutil.Process().memory_info().rss
    return float(min(memory_limit(), psutil.virtual_memory().available + own))
