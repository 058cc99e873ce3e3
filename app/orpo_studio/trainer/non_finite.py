"""Numbers that are not finite: found before they do harm, traced to the pairs or the weights they come from."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import torch
from torch.nn.utils import get_total_norm
from transformers import TrainerCallback

from orpo_studio.trainer.tokens import TokenizedPair

MOST_SKIPPED = 20
"""Steps in a row that float16's loss scaling may skip.

Its scale begins at 65,536 and is halved each time. After twenty halvings it is below 1, so the gradient itself is out
of float16's range, and no smaller scale can help. A sound run skips a few steps at its start, and then single ones.
"""

_NAMED = 4
"""How many broken tensors are named."""

What = Literal["loss", "gradient", "weights", "float16"]


class NonFiniteError(Exception):
    """A step's loss, gradient or weights are not finite numbers.

    Attributes:
        what: what is not finite. Where it is ``weights``, the weights in memory are spoilt; otherwise they are as they
            were before the step. ``float16`` means that loss scaling has skipped too many steps in a row.
        step: the step, from 1; 0 for weights that were not finite before the first one.
        pairs: those it comes from where that is known, or else all of the step.
        of: how many pairs the step has.
    """

    def __init__(self, what: What, step: int, pairs: Sequence[TokenizedPair], of: int) -> None:
        super().__init__(f"The {what} of step {step} not finite; rows {[pair.source_row for pair in pairs]}.")
        self.what, self.step, self.pairs, self.of = what, step, list(pairs), of


class WeightWatch(TrainerCallback):
    """Looks at the trained weights after each step, without waiting for the device.

    The largest weight by size is one pass over them, and is not finite where any of them is not. (A sum of squares
    would overflow where all weights are finite.) It is read together with the next step's losses, and before weights
    are measured or saved.
    """

    def __init__(self) -> None:
        self._parameters: list[torch.Tensor] = []
        self.largest: torch.Tensor | None = None
        """Size of the largest trained weight after the last step; None before there is anything to look at."""

    def on_train_begin(self, *_arguments: Any, model: Any, **_options: Any) -> None:
        """Look at what is about to be trained, as it was loaded.

        Raises:
            NonFiniteError: it is spoilt already.
        """
        self._parameters = [p.detach() for p in model.parameters() if p.requires_grad and p.numel()]
        self._look()
        if not self.is_finite():
            raise NonFiniteError("weights", 0, [], 0)

    def on_optimizer_step(self, *_arguments: Any, **_options: Any) -> None:
        """Look at what the step has made of it."""
        self._look()

    def is_finite(self) -> bool:
        """Tell whether all trained weights are finite. Waits for the device."""
        return self.largest is None or math.isfinite(float(self.largest))

    def _look(self) -> None:
        if self._parameters:
            self.largest = get_total_norm(self._parameters, math.inf)


def broken_weights(parameters: Iterable[tuple[str, torch.Tensor]]) -> list[str]:
    """Return the names of the first few tensors that hold a number that is not finite. Slow: reads them all."""
    found = []
    for name, tensor in parameters:
        if tensor.is_floating_point() and not bool(tensor.detach().isfinite().all()):
            found.append(name.removeprefix("base_model.model.").replace(".base_layer.", "."))
            if len(found) == _NAMED:
                break
    return found
