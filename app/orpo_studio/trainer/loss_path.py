"""Which way of computing the loss runs, and why."""

from orpo_studio.events import PathChosen

STOCK = "stock"
"""TRL's own ``ORPOTrainer``: padded batches, full logits. The reference for every other way."""


def choose_path() -> PathChosen:
    """Return the way that is taken for this run."""
    return PathChosen(
        path=STOCK, reason="TRL's ORPOTrainer computes the loss as it stands: padded batches, all logits."
    )
