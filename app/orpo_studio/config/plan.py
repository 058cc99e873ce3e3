"""From a specification and the number of pairs to the lengths of a training."""

import math
from dataclasses import dataclass

from orpo_studio.config.spec import RunSpec

_MOST_POINTS = 1000
"""Points on a chart when the logging interval is automatic: every step up to this many."""
_PARTS = 5
"""Evaluations and checkpoints over a run when their interval is automatic."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Lengths of a training, in optimizer steps (``epochs`` in passes over the pairs)."""

    total_steps: int
    warmup_steps: int
    epochs: float
    logging_steps: int
    evaluation_steps: int
    checkpoint_steps: int


def make_plan(spec: RunSpec, pairs: int) -> Plan:
    """Return the plan of a training on ``pairs`` training pairs; intervals of 0 are chosen here."""
    recipe, train = spec.recipe, spec.train
    steps_per_epoch = math.ceil(math.ceil(pairs / recipe.micro_batch) / recipe.accumulation)
    total = recipe.max_steps or max(1, math.ceil(recipe.epochs * steps_per_epoch))
    part = max(_PARTS, math.ceil(total / _PARTS))
    return Plan(
        total_steps=total,
        warmup_steps=int(recipe.warmup) if recipe.warmup >= 1 else math.ceil(recipe.warmup * total),
        epochs=total / steps_per_epoch,
        logging_steps=train.logging_steps or max(1, math.ceil(total / _MOST_POINTS)),
        evaluation_steps=train.evaluation_steps or part,
        checkpoint_steps=train.checkpoint_steps or part,
    )
