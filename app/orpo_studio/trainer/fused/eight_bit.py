"""A frozen 8-bit linear layer that keeps nothing of its input (LLM.int8(), Dettmers et al. 2022).

bitsandbytes (0.50, ``autograd/_functions.py``) keeps the input of every 8-bit layer beside what autograd knows of, for
the gradient of a weight that is not trained, and so gradient checkpointing cannot let go of it. The input's gradient
needs the weight alone: ``∂x = ∂y · diag(s / 127) · W₈``.
"""

from collections.abc import Callable
from typing import Any

import torch

from orpo_studio.trainer.autocast import computed_in


def fused_eight_bit(module: Any) -> Callable[..., Any] | None:
    """Return a forward pass that keeps no input for an 8-bit layer of bitsandbytes, or None for any other module."""
    kind = type(module)
    if kind.__name__ != "Linear8bitLt" or not kind.__module__.startswith("bitsandbytes."):
        return None
    plain = module.forward

    def forward(x: torch.Tensor) -> Any:
        if module.state.has_fp16_weights or (module.bias is not None and module.bias.requires_grad):
            return plain(x)
        rows = x.to(computed_in(x)).flatten(0, -2)
        output: torch.Tensor = _FrozenEightBit.apply(rows, plain, module.state)
        return output.unflatten(0, x.shape[:-1])

    return forward


class _FrozenEightBit(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, plain: Callable[[torch.Tensor], torch.Tensor], state: Any) -> Any:
        ctx.state, ctx.dtype = state, rows.dtype
        return plain(rows)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        if not ctx.needs_input_grad[0]:
            return None, None, None
        state = ctx.state
        weight = state.CB.to(ctx.dtype, copy=True).mul_(state.SCB.unsqueeze(1) * (1 / 127))
        return gradients[0].to(ctx.dtype) @ weight, None, None
