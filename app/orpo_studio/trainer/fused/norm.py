"""Root-mean-square norms in few passes (Zhang & Sennrich 2019): ``y = w · x / √(mean(x²) + ε)``.

transformers writes them as six operations, each a pass over the hidden states, and as many in the backward pass. A
module is replaced only where it gives the same on random input, so norms that are written otherwise (Gemma's ``1 + w``)
stay as they are.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

_TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}


def fused_norm(module: Any) -> Callable[..., Any] | None:
    """Return a forward pass in few passes over memory for a root-mean-square norm, or None for any other module."""
    epsilon = getattr(module, "variance_epsilon", getattr(module, "eps", None))
    weight = getattr(module, "weight", None)
    if not type(module).__name__.endswith("RMSNorm") or not isinstance(epsilon, float) or weight is None:
        return None
    if weight.ndim != 1 or not _is_plain(module, weight, epsilon):
        return None

    def forward(x: torch.Tensor) -> torch.Tensor:
        return rms_norm(x, module.weight, epsilon)

    return forward


def rms_norm(x: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Return the norm of the last dimension's values, computed in float32 or wider, as transformers does."""
    if x.device.type == "cpu" and x.dtype in _TOLERANCE and weight.dtype == x.dtype:
        fast: torch.Tensor = _RmsNorm.apply(x, weight, epsilon)
        return fast
    with _as_it_comes(x):
        if x.dtype != weight.dtype:  # transformers multiplies in the wider of the two
            return weight * torch.nn.functional.rms_norm(x, (x.shape[-1],), None, epsilon)
        return torch.nn.functional.rms_norm(x, (x.shape[-1],), weight, epsilon)


def _as_it_comes(x: torch.Tensor) -> AbstractContextManager[Any]:
    """Return the context in which a norm answers in its input's format.

    On a card, autocast lets torch's function answer in float32 (from torch 2.12 or 2.13 on), and all that follows would
    be as wide. Inside it computes in float32 anyway.
    """
    device = x.device.type
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()


def _is_plain(module: Any, weight: torch.Tensor, epsilon: float) -> bool:
    """Compare on random values: a norm of another formula differs by more than rounding."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, len(weight), generator=generator).to(weight.device, weight.dtype)
    with torch.no_grad():
        try:
            expected = module(x)
        except (RuntimeError, TypeError, ValueError):
            return False
        apart = (rms_norm(x, weight, epsilon) - expected).abs().max()
        bound = _TOLERANCE.get(weight.dtype, 2e-2) * (1 + expected.abs().max())
    return bool(expected.dtype == x.dtype and apart <= bound)


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        inverse = torch.rsqrt(length * length / x.shape[-1] + epsilon)
        ctx.save_for_backward(x, weight, inverse)
        return (x * inverse).mul_(weight)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        x, weight, inverse = ctx.saved_tensors
        (gradient,) = gradients
        of_weight = None
        if ctx.needs_input_grad[1]:
            of_weight = (gradient * x * inverse).flatten(0, -2).sum(0)
        if not ctx.needs_input_grad[0]:
            return None, of_weight, None
        scaled = gradient * weight
        along = torch.linalg.vecdot(scaled, x).unsqueeze(-1)
        return torch.addcmul(scaled.mul_(inverse), x, along * inverse**3, value=-1 / x.shape[-1]), of_weight, None
