"""Rotary position embedding in two passes (Su et al. 2021, arXiv 2104.09864, as GPT-NeoX lays it out: in halves).

With x = [a, b] the halves of a head, ``y = [a · cos − b · sin, b · cos + a · sin]``. transformers turns the halves
around in a tensor of its own and multiplies and adds whole tensors: five passes over query and key, and more in the
backward pass. A function is replaced only where it gives the same on random values, so that embeddings laid out
otherwise (GLM's, in pairs) stay as they are.
"""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

NAME = "apply_rotary_pos_emb"
"""What the modules that transformers writes its models in call it."""
_TOLERANCE = 1e-5


def modules_with_rotary(model: Any) -> list[ModuleType]:
    """Return the Python modules of a model's layers that hold a function of that name."""
    names = dict.fromkeys(type(layer).__module__ for layer in model.modules())
    return [sys.modules[name] for name in names if callable(getattr(sys.modules.get(name), NAME, None))]


def fused_rotary(plain: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return a function that embeds in few passes over memory, or None for a function of another formula.

    It does so for heads that are embedded whole and in one number format; otherwise it calls ``plain``.
    """
    if not _is_plain(plain):
        return None

    def embed(q: Any, k: Any, cos: Any, sin: Any, *arguments: Any, **options: Any) -> Any:
        if arguments or options or not (_takes(q, cos, sin) and _takes(k, cos, sin)):
            return plain(q, k, cos, sin, *arguments, **options)
        return _embed(q, k, cos, sin)

    return embed


def _embed(q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return query and key, (rows, heads, tokens, width), embedded by ``cos`` and ``sin`` of (rows, tokens, width)."""
    cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)
    return _Rotate.apply(q, cos, sin), _Rotate.apply(k, cos, sin)


def _takes(x: Any, cos: Any, sin: Any) -> bool:
    return (
        isinstance(x, torch.Tensor)
        and x.ndim == cos.ndim + 1 == 4
        and x.shape[-1] == cos.shape[-1]
        and x.dtype == cos.dtype == sin.dtype
        and not cos.requires_grad
    )


def _is_plain(plain: Callable[..., Any]) -> bool:
    """Compare on random values."""
    generator = torch.Generator().manual_seed(0)
    q, k = (torch.randn(2, heads, 3, 8, generator=generator) for heads in (4, 2))
    cos, sin = (torch.randn(2, 3, 8, generator=generator) for _ in range(2))
    try:
        expected = plain(q, k, cos, sin)
    except Exception:  # noqa: BLE001 - a function that wants anything else is another formula
        return False
    if not isinstance(expected, tuple) or len(expected) != 2:
        return False
    return all(
        isinstance(theirs, torch.Tensor) and torch.allclose(own, theirs, rtol=_TOLERANCE, atol=_TOLERANCE)
        for own, theirs in zip(_embed(q, k, cos, sin), expected, strict=True)
    )


class _Rotate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        (first, second), (of_first, of_second) = x.chunk(2, -1), sin.chunk(2, -1)
        whole = x * cos
        to_first, to_second = whole.chunk(2, -1)
        to_first.addcmul_(second, of_first, value=-1)
        to_second.addcmul_(first, of_second)
        return whole

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        cos, sin = ctx.saved_tensors
        (gradient,) = gradients
        (first, second), (of_first, of_second) = gradient.chunk(2, -1), sin.chunk(2, -1)
        whole = gradient * cos
        to_first, to_second = whole.chunk(2, -1)
        to_first.addcmul_(second, of_second)
        to_second.addcmul_(first, of_first, value=-1)
        return whole, None, None
