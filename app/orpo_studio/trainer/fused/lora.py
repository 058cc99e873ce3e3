"""A linear layer with its LoRA adapter in one go: ``y = x Wᵀ + b + s · (x Aᵀ) Bᵀ`` (Hu et al. 2021, eq. 3).

PEFT (0.21, ``tuners/lora/layer.py``) makes the adapter's output, scales it and adds it: three passes over a tensor of
the layer's output. Here the second product is added where it is made, and so is the input's gradient. On a CPU this
takes half of what an adapter costs away; on a GPU it spares two kernels and two tensors a layer.

Layers that are fed the same tensor, as attention's query, key and value are, go further: their ``x Aᵀ`` is one
product, and their shares of the input's gradient are added up where they are made.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft.tuners.lora.layer import LoraLayer

from orpo_studio.trainer.autocast import computed_in

_LINEAR = {"Linear", "Linear4bit", "Linear8bitLt"}
"""PEFT's LoRA layers around a linear layer, plain or of bitsandbytes."""


_FED_TOGETHER = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
"""Names of layers that a model feeds the same tensor, one after the other."""


class FedTogether:
    """LoRA layers that are fed the same tensor: the first of them that is called computes all.

    Where a call shows that they are not, each computes by itself: another tensor, or an output that nobody fetched.
    """

    def __init__(self, layers: Sequence[Any]) -> None:
        self._layers = tuple(layers)
        self._input: torch.Tensor | None = None
        self._version = -1
        self._outputs: dict[Any, torch.Tensor] = {}
        self._is_refuted = False

    def output(self, layer: Any, x: torch.Tensor) -> torch.Tensor | None:
        """Return a layer's output, or None where it is to compute by itself."""
        version: int = x._version  # noqa: SLF001 - the only name of a tensor's count of changes
        if self._input is x and version == self._version and layer in self._outputs:
            output = self._outputs.pop(layer)
            if not self._outputs:
                self._input = None
            return output
        self._is_refuted = self._is_refuted or bool(self._outputs)
        self.let_go()
        if self._is_refuted:
            return None
        adapters = [_single_adapter(each) for each in self._layers]
        known = [name for name in adapters if name is not None]
        if len(known) < len(adapters) or not all(
            _is_of_one_type(each, x, name) and _is_frozen_linear(each, name)
            for each, name in zip(self._layers, known, strict=True)
        ):
            return None
        outputs = _linear_with_lora(list(zip(self._layers, known, strict=True)), x)
        self._outputs = dict(zip(self._layers, outputs, strict=True))
        self._input, self._version = x, version
        return self._outputs.pop(layer)

    def let_go(self) -> None:
        """Keep nothing of a batch."""
        self._input = None
        self._outputs = {}


def lora_layers_fed_together(model: Any) -> dict[Any, FedTogether]:
    """Return the groups of a model's LoRA layers, by layer."""
    found: dict[Any, FedTogether] = {}
    for module in model.modules():
        for names in _FED_TOGETHER:
            layers = [getattr(module, name, None) for name in names]
            if all(type(layer).__name__ == "Linear" and isinstance(layer, LoraLayer) for layer in layers):
                found |= dict.fromkeys(layers, FedTogether(layers))
    return found


def fused_lora(module: Any, together: FedTogether | None = None) -> Callable[..., Any] | None:
    """Return a forward pass in one go for a LoRA layer, or None for any other module.

    It does so whenever one plain adapter is active; otherwise it computes as PEFT does.

    Args:
        module: the layer.
        together: the layers that are fed the same tensor, this one among them.
    """
    if not isinstance(module, LoraLayer) or type(module).__name__ not in _LINEAR:
        return None
    plain = module.forward

    def forward(x: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        adapter = None if arguments or options else _single_adapter(module)
        if adapter is None or not _is_of_one_type(module, x, adapter):
            return plain(x, *arguments, **options)
        output = None if together is None else together.output(module, x)
        return _forward(module, x, adapter) if output is None else output

    return forward


def _single_adapter(module: Any) -> str | None:
    """Return the one active adapter, or None where the layer is to do anything else than add that."""
    if module.disable_adapters or module.merged or len(module.active_adapters) != 1:
        return None
    (name,) = module.active_adapters
    if name not in module.lora_A or name in module.lora_variant or module.lora_B[name].bias is not None:
        return None
    return str(name)


def _is_of_one_type(module: Any, x: torch.Tensor, adapter: str) -> bool:
    """Tell whether the products are all of one number format, by autocast or as they are."""
    return torch.is_autocast_enabled(x.device.type) or x.dtype == module.lora_A[adapter].weight.dtype


def _is_frozen_linear(module: Any, adapter: str) -> bool:
    """Tell whether a layer's output and gradients are those of two plain products."""
    base, dropout = module.base_layer, module.lora_dropout[adapter]
    drops = module.training and not isinstance(dropout, torch.nn.Identity)
    return type(base) is torch.nn.Linear and not drops and not base.weight.requires_grad


def _forward(module: Any, x: torch.Tensor, adapter: str) -> torch.Tensor:
    if _is_frozen_linear(module, adapter):
        return _linear_with_lora([(module, adapter)], x)[0]
    dtype = computed_in(x)
    down, up = module.lora_A[adapter].weight.to(dtype), module.lora_B[adapter].weight.to(dtype)
    output = module.base_layer(x)  # first, as PEFT does: dropout draws in the same order
    rows, flat = module.lora_dropout[adapter](x).to(dtype).flatten(0, -2), output.to(dtype).flatten(0, -2)
    added: torch.Tensor = _AddLora.apply(flat, rows, down, up, float(module.scaling[adapter]))
    return added.unflatten(0, x.shape[:-1]).to(output.dtype)


def _linear_with_lora(layers: Sequence[tuple[Any, str]], x: torch.Tensor) -> list[torch.Tensor]:
    """Return the outputs of frozen linear layers, each with its adapter's, for one input."""
    dtype = computed_in(x)
    tensors: list[torch.Tensor | None] = []
    for module, adapter in layers:
        weight, bias = module.base_layer.weight, module.base_layer.bias
        down, up = module.lora_A[adapter].weight, module.lora_B[adapter].weight
        tensors += [None if tensor is None else tensor.to(dtype) for tensor in (weight, bias, down, up)]
    scales = [float(module.scaling[adapter]) for module, adapter in layers]
    outputs: tuple[torch.Tensor, ...] = _LinearWithLora.apply(x.to(dtype).flatten(0, -2), scales, *tensors)
    return [output.unflatten(0, x.shape[:-1]) for output in outputs]


@dataclass(frozen=True, slots=True)
class _Layer:
    """The tensors of a layer, and where its adapter's inner values lie among those of all layers."""

    weight: torch.Tensor
    bias: torch.Tensor | None
    down: torch.Tensor
    up: torch.Tensor
    scale: float
    inner: slice

    @classmethod
    def all_of(cls, tensors: Sequence[Any], scales: Sequence[float]) -> "list[_Layer]":
        """Return the layers of tensors that lie four by four: weight, bias, down, up."""
        layers: list[_Layer] = []
        start = 0
        for place, scale in enumerate(scales):
            weight, bias, down, up = tensors[4 * place : 4 * place + 4]
            layers.append(cls(weight, bias, down, up, scale, slice(start, start + len(down))))
            start += len(down)
        return layers


# Both functions take and give (tokens, features): what a function of one's own returns must be no view of something,
# or layers that go on in place are refused.


class _LinearWithLora(torch.autograd.Function):
    """All layers' ``x Aᵀ`` are one product, with the matrices one below the other: (tokens, sum of ranks)."""

    @staticmethod
    def forward(
        ctx: Any, rows: torch.Tensor, scales: Sequence[float], *tensors: torch.Tensor | None
    ) -> tuple[torch.Tensor, ...]:
        layers = _Layer.all_of(tensors, scales)
        inner = rows @ _one_below_the_other([layer.down for layer in layers]).T
        ctx.save_for_backward(rows, inner, *tensors)
        ctx.scales = scales
        ctx.set_materialize_grads(False)
        return tuple(
            torch.nn.functional.linear(rows, layer.weight, layer.bias).addmm_(
                inner[:, layer.inner], layer.up.T, alpha=layer.scale
            )
            for layer in layers
        )

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor | None) -> Any:
        rows, inner, *tensors = ctx.saved_tensors
        layers = _Layer.all_of(tensors, ctx.scales)
        of_inner = torch.empty_like(inner)
        of_rows: torch.Tensor | None = None
        of_ups: list[torch.Tensor | None] = []
        for layer, gradient in zip(layers, gradients, strict=True):
            if gradient is None:  # nothing was made of its output
                of_inner[:, layer.inner] = 0
                of_ups.append(None)
                continue
            torch.mm(gradient, layer.up, out=of_inner[:, layer.inner])
            of_inner[:, layer.inner].mul_(layer.scale)
            of_ups.append((inner[:, layer.inner].T @ gradient).mul_(layer.scale).T)  # faster than its transpose
            if ctx.needs_input_grad[0]:
                of_rows = gradient @ layer.weight if of_rows is None else of_rows.addmm_(gradient, layer.weight)
        if of_rows is not None:
            of_rows.addmm_(of_inner, _one_below_the_other([layer.down for layer in layers]))
        of_downs = (of_inner.T @ rows).split([len(layer.down) for layer in layers])
        of_layers = [(None, None, of_down, of_up) for of_down, of_up in zip(of_downs, of_ups, strict=True)]
        return of_rows, None, *(gradient for of_layer in of_layers for gradient in of_layer)


def _one_below_the_other(matrices: Sequence[torch.Tensor]) -> torch.Tensor:
    return matrices[0] if len(matrices) == 1 else torch.cat(list(matrices))


class _AddLora(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - autograd passes arguments by place
        ctx: Any, output: torch.Tensor, rows: torch.Tensor, down: torch.Tensor, up: torch.Tensor, scale: float
    ) -> torch.Tensor:
        inner = rows @ down.T
        ctx.save_for_backward(rows, down, up, inner)
        ctx.scale = scale
        return torch.addmm(output, inner, up.T, alpha=scale)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        rows, down, up, inner = ctx.saved_tensors
        of_inner = (gradients[0] @ up).mul_(ctx.scale)
        of_rows = of_inner @ down if ctx.needs_input_grad[1] else None
        return gradients[0], of_rows, of_inner.T @ rows, (inner.T @ gradients[0]).mul_(ctx.scale).T, None
