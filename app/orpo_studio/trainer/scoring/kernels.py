"""Which kernel attends over packed rows where there is more than one: timed on the first row, then kept."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch

from orpo_studio.trainer.problems import is_out_of_memory

VARLEN, APART = "varlen", "apart"
"""One call for all sequences of a row, and a call for each side of each pair; any plain attention can do the latter."""
States = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Queries, keys and values, each (1, heads, tokens, width)."""
Kernel = Callable[[States], torch.Tensor]
_TURNS = 3


@dataclass(slots=True)
class KernelChoice:
    """The kernel taken.

    It is found out once, since kernels round differently: a run must be computed by one, also after it was resumed.

    Attributes:
        name: `VARLEN` or `APART`; empty as long as no row asked.
        reason: why, as a clause.
    """

    name: str = ""
    reason: str = ""

    def settle(self, kernels: Mapping[str, Kernel], states: States) -> str:
        """Return the kernel's name; the first time, the faster one on the given states.

        Args:
            kernels: `VARLEN` and `APART`.
            states: a layer's, on the device of the training.
        """
        if not self.name:
            # In a thread of its own: automatic precision and the hooks of gradient checkpointing belong to this one's.
            with ThreadPoolExecutor(1) as aside:
                self.name, self.reason = aside.submit(_compare, kernels, states).result()
        return self.name


def _compare(kernels: Mapping[str, Kernel], states: States) -> tuple[str, str]:
    try:
        varlen = _milliseconds(kernels[VARLEN], states)
    except Exception as error:  # each card and each version of PyTorch refuses in its own words
        if is_out_of_memory(error):
            raise
        words = (str(error).splitlines() or [""])[0][:200]
        return APART, f"the variable-length kernel cannot be used here: {type(error).__name__}: {words}"
    try:
        apart = _milliseconds(kernels[APART], states)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return VARLEN, "a call for each side takes more memory than there is"
    if varlen <= apart:
        return (
            VARLEN,
            f"one call for a whole row takes {varlen:.2g} ms a layer, and a call for each side {apart:.2g} ms",
        )
    return APART, f"a call for each side takes {apart:.2g} ms a layer, and one call for a whole row {varlen:.2g} ms"


def _milliseconds(kernel: Kernel, states: States) -> float:
    """Return the shortest time of a forward and a backward pass."""
    times = []
    for _ in range(_TURNS + 1):  # the first one makes what is made once, and is never the shortest
        leaves = tuple(state.detach().requires_grad_() for state in states)
        begun = _now(states[0])
        with torch.enable_grad():
            attended = kernel((leaves[0], leaves[1], leaves[2]))
            torch.autograd.grad(attended, leaves, torch.ones_like(attended))
        times.append(_now(states[0]) - begun)
    return 1000 * min(times)


def _now(state: torch.Tensor) -> float:
    """Return seconds, after all that the device was given before is done."""
    if state.device.type == "cuda":
        torch.cuda.synchronize(state.device)
    return time.perf_counter()
