"""A linear layer with its LoRA adapter in one go: ``y = x Wᵀ + b + s · (x Aᵀ) Bᵀ`` (Hu et al. 2021, eq. 3).

PEFT (0.21, ``tuners/lora/layer.py``) makes the adapter's output, scales it and adds it: three passes over a tensor of
the layer's output. Here the second product is added where it is made, and so is the input's gradient. On a CPU this
takes half of what an adapter costs away; on a GPU it spares two kernels and two tensors a layer.
"""

from collections.abc import Callable
from typing import Any

import torch
from peft.tuners.lora.layer import LoraLayer

_LINEAR = {"Linear", "Linear4bit", "Linear8bitLt"}
"""PEFT's LoRA layers around a linear layer, plain or of bitsandbytes."""


def fused_lora(module: Any) -> Callable[..., Any] | None:
    """Return a forward pass in one go for a LoRA layer, or None for any other module.

    It does so whenever one plain adapter is active; otherwise it computes as PEFT does.
    """
    if not isinstance(module, LoraLayer) or type(module).__name__ not in _LINEAR:
        return None
    plain = module.forward

    def forward(x: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        adapter = None if arguments or options else _single_adapter(module)
        if adapter is None or not _is_of_one_type(module, x, adapter):
            return plain(x, *arguments, **options)
        return _forward(module, x, adapter)

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


def _forward(module: Any, x: torch.Tensor, adapter: str) -> torch.Tensor:
    base = module.base_layer
    device = x.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
    down, up = module.lora_A[adapter].weight.to(dtype), module.lora_B[adapter].weight.to(dtype)
    scale = float(module.scaling[adapter])
    dropout = module.lora_dropout[adapter]
    drops = module.training and not isinstance(dropout, torch.nn.Identity)
    if type(base) is torch.nn.Linear and not drops and not base.weight.requires_grad:
        bias = None if base.bias is None else base.bias.to(dtype)
        rows = x.to(dtype).flatten(0, -2)
        whole: torch.Tensor = _LinearWithLora.apply(rows, base.weight.to(dtype), bias, down, up, scale)
        return whole.unflatten(0, x.shape[:-1])
    output = base(x)  # first, as PEFT does: dropout draws in the same order
    rows, flat = dropout(x).to(dtype).flatten(0, -2), output.to(dtype).flatten(0, -2)
    added: torch.Tensor = _AddLora.apply(flat, rows, down, up, scale)
    return added.unflatten(0, x.shape[:-1]).to(output.dtype)


# Both take and give (tokens, features): what a function of one's own returns must be no view of something, or layers
# that go on in place are refused.


class _LinearWithLora(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - autograd passes arguments by place
        ctx: Any,
        rows: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        down: torch.Tensor,
        up: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        inner = rows @ down.T
        ctx.save_for_backward(rows, weight, down, up, inner)
        ctx.scale = scale
        return torch.nn.functional.linear(rows, weight, bias).addmm_(inner, up.T, alpha=scale)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        rows, weight, down, up, inner = ctx.saved_tensors
        of_inner, of_down, of_up = _adapter_backward(rows, gradients[0], up, inner, ctx.scale)
        of_rows = (gradients[0] @ weight).addmm_(of_inner, down) if ctx.needs_input_grad[0] else None
        return of_rows, None, None, of_down, of_up, None


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
        of_inner, of_down, of_up = _adapter_backward(rows, gradients[0], up, inner, ctx.scale)
        of_rows = of_inner @ down if ctx.needs_input_grad[1] else None
        return gradients[0], of_rows, of_down, of_up, None


def _adapter_backward(
    rows: torch.Tensor, of_output: torch.Tensor, up: torch.Tensor, inner: torch.Tensor, scale: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of the adapter's inner value and of its two matrices.

    Args:
        rows: (tokens, inputs).
        of_output: (tokens, outputs).
        up: (outputs, rank).
        inner: (tokens, rank).
        scale: of the adapter.
    """
    of_inner = (of_output @ up).mul_(scale)
    return of_inner, of_inner.T @ rows, (of_output.T @ inner).mul_(scale)
