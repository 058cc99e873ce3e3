"""Layers that compute what they computed before, in fewer passes over memory.

`FusedLayers` is the way in. Layers are replaced only while a batch is under way, so that answers, measurements, saving
and the comparison with TRL see the model as transformers and PEFT made it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from orpo_studio.trainer.fused import rotary
from orpo_studio.trainer.fused.eight_bit import fused_eight_bit
from orpo_studio.trainer.fused.lora import fused_lora, lora_layers_fed_together
from orpo_studio.trainer.fused.norm import fused_norm
from orpo_studio.trainer.fused.swiglu import fused_swiglu


class FusedLayers:
    """What of a model can be fused: LoRA and 8-bit layers, root-mean-square norms, gated MLPs, rotary embeddings."""

    def __init__(self, model: Any) -> None:
        self._together = lora_layers_fed_together(model)
        self._places: list[tuple[dict[str, Any], str, Callable[..., Any]]] = []
        """Each a namespace, a name in it, and the function to be there while a batch is under way."""
        for module in model.modules():
            forward = None if "forward" in vars(module) else self._fused(module)
            if forward is not None:
                self._places.append((vars(module), "forward", forward))
        for written_in in rotary.modules_with_rotary(model):
            embed = rotary.fused_rotary(getattr(written_in, rotary.NAME))
            if embed is not None:
                self._places.append((vars(written_in), rotary.NAME, embed))

    def __len__(self) -> int:
        return len(self._places)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the layers compute fused; afterwards they compute as before."""
        # Past torch's own attribute setting, which looks for parameters: there are hundreds of layers a batch.
        before = [namespace.get(name) for namespace, name, _ in self._places]
        for namespace, name, fused in self._places:
            namespace[name] = fused
        try:
            yield
        finally:
            for (namespace, name, _), own in zip(self._places, before, strict=True):
                if own is None:
                    namespace.pop(name, None)
                else:
                    namespace[name] = own
            for group in dict.fromkeys(self._together.values()):
                group.let_go()

    def _fused(self, module: Any) -> Callable[..., Any] | None:
        return (
            fused_lora(module, self._together.get(module))
            or fused_norm(module)
            or fused_swiglu(module)
            or fused_eight_bit(module)
        )
