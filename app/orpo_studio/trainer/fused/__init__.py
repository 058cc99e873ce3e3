"""Layers that compute what they computed before, in fewer passes over memory.

`FusedLayers` is the way in. Layers are replaced only while a batch is under way, so that answers, measurements, saving
and the comparison with TRL see the model as transformers and PEFT made it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from orpo_studio.trainer.fused.lora import fused_lora
from orpo_studio.trainer.fused.norm import fused_norm
from orpo_studio.trainer.fused.swiglu import fused_swiglu


class FusedLayers:
    """The layers of a model that can be fused: LoRA layers, root-mean-square norms and gated MLPs."""

    def __init__(self, model: Any) -> None:
        self._forwards: list[tuple[Any, Callable[..., Any]]] = []
        for module in model.modules():
            forward = None if "forward" in vars(module) else _fused(module)
            if forward is not None:
                self._forwards.append((module, forward))

    def __len__(self) -> int:
        return len(self._forwards)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the layers compute fused; afterwards they compute as before."""
        # Past torch's own attribute setting, which looks for parameters: there are hundreds of layers a batch.
        for module, forward in self._forwards:
            vars(module)["forward"] = forward
        try:
            yield
        finally:
            for module, _ in self._forwards:
                vars(module).pop("forward", None)


def _fused(module: Any) -> Callable[..., Any] | None:
    return fused_lora(module) or fused_norm(module) or fused_swiglu(module)
