"""The gate of a Llama-like MLP, ``down(silu(gate(x)) · up(x))`` (Shazeer 2020), with one tensor less kept.

Autograd keeps gate, silu(gate) and up for the backward pass, each as wide as the MLP. silu(gate) is made again there
instead: a seventh of what a block keeps, for one pass over memory.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch


def fused_swiglu(module: Any) -> Callable[..., Any] | None:
    """Return a forward pass that keeps less for an MLP of that formula, or None for any other module."""
    parts = [getattr(module, name, None) for name in ("gate_proj", "up_proj", "down_proj", "act_fn")]
    if not all(isinstance(part, torch.nn.Module) for part in parts) or not _is_silu(module.act_fn):
        return None
    if not _is_plain(type(module).forward):
        return None

    def forward(x: torch.Tensor) -> Any:
        return module.down_proj(swiglu(module.gate_proj(x), module.up_proj(x)))

    return forward


def swiglu(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    """Return silu(gate) · up."""
    gated: torch.Tensor = _Swiglu.apply(gate, up)
    return gated


def _is_silu(activation: Any) -> bool:
    x = torch.linspace(-4, 4, 9)
    return torch.equal(activation(x), torch.nn.functional.silu(x))


def _is_plain(forward: Callable[..., Any]) -> bool:
    """Tell whether a module's forward pass is the formula, by running it on layers that are made up."""
    generator = torch.Generator().manual_seed(0)
    x, *weights = (torch.randn(3, 3, generator=generator) for _ in range(4))
    gate, up, down = (weight.matmul for weight in weights)
    made_up = SimpleNamespace(
        gate_proj=gate, up_proj=up, down_proj=down, act_fn=torch.nn.functional.silu, config=SimpleNamespace()
    )
    try:
        found = forward(made_up, x)
    except Exception:  # noqa: BLE001 - a forward pass that wants anything else is another formula
        return False
    return isinstance(found, torch.Tensor) and torch.allclose(found, down(torch.nn.functional.silu(gate(x)) * up(x)))


class _Swiglu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(gate, up)
        return torch.nn.functional.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        gate, up = ctx.saved_tensors
        (gradient,) = gradients
        of_gate = torch.ops.aten.silu_backward(gradient * up, gate)
        return of_gate, torch.nn.functional.silu(gate).mul_(gradient)
