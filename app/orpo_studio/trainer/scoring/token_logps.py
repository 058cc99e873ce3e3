"""Log-probabilities of single tokens, without a tensor of all logits.

The output layer and the softmax are computed for some tokens at a time. For a frozen output layer the derivative
``∂ log p(y) / ∂h = (onehot(y) − softmax(W h)) · W`` is made right then, (tokens, hidden) in all, and the backward pass
only scales it. For a trained one the backward pass computes the logits again.

Where a token is nearly certain, ``onehot − softmax`` is a small difference of large numbers. So it is taken in float32,
and only then rounded for the product; likewise ``logit − largest logit`` comes before the logarithm of the sum.

Peak memory above the inputs, for chunks of c tokens and a vocabulary of V: about 2·c·V floats.
"""

from dataclasses import dataclass
from typing import Any

import torch

_CHUNK_BYTES = {"cpu": 64 * 2**20, "cuda": 256 * 2**20}


@dataclass(frozen=True, slots=True)
class OutputLayer:
    """How a model makes logits of a hidden state: ``softcap · tanh(scale · (W h + b) / softcap)``.

    Attributes:
        weight: (vocabulary, hidden).
        bias: (vocabulary,) or None.
        scale: factor on the logits, as in Granite and Cohere.
        softcap: bound of the logits, as in Gemma 2; None for none.
    """

    weight: torch.Tensor
    bias: torch.Tensor | None = None
    scale: float = 1.0
    softcap: float | None = None


def token_logps(hidden: torch.Tensor, layer: OutputLayer, targets: torch.Tensor) -> torch.Tensor:
    """Return log p(target | hidden state) of each token.

    Under autocast the products are computed in its precision, the softmax always in float32 (float64 inputs: 64).

    Args:
        hidden: (tokens, hidden).
        layer: the output layer.
        targets: (tokens,) ids.

    Returns:
        (tokens,) float32, or float64 where ``hidden`` is.
    """
    device = hidden.device.type
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        hidden = hidden.to(dtype)
        layer = OutputLayer(
            layer.weight.to(dtype), None if layer.bias is None else layer.bias.to(dtype), layer.scale, layer.softcap
        )
    logps: torch.Tensor = _TokenLogps.apply(hidden, layer.weight, layer.bias, targets, layer.scale, layer.softcap)
    return logps


def chunk_tokens(vocabulary: int, device: str) -> int:
    """Return how many tokens' logits are held at once."""
    return max(16, _CHUNK_BYTES.get(device, _CHUNK_BYTES["cuda"]) // (4 * vocabulary))


class _TokenLogps(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - autograd passes arguments by place
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        targets: torch.Tensor,
        scale: float,
        softcap: float | None,
    ) -> torch.Tensor:
        trains_head = ctx.needs_input_grad[1] or ctx.needs_input_grad[2]
        derives_now = ctx.needs_input_grad[0] and not trains_head
        tokens, vocabulary = len(hidden), len(weight)
        logps = torch.empty(tokens, dtype=_wide(hidden.dtype), device=hidden.device)
        normalizers = torch.empty_like(logps)
        derivative = torch.empty_like(hidden) if derives_now else None
        parts = _chunks(tokens, vocabulary, hidden.device.type)
        room = _room(hidden, weight, parts)
        for part in parts:
            logits = _logits(hidden[part], weight, bias, scale, softcap, room)
            wanted = targets[part, None]
            picked = logits.gather(1, wanted)
            top = logits.amax(1, keepdim=True)
            slopes = _slope(logits, scale, softcap) if derives_now and softcap is not None else None
            exponents = logits.sub_(top).exp_()
            total = exponents.sum(1, keepdim=True)
            normalizers[part] = (top + total.log()).squeeze(1)
            logps[part] = (picked - top - total.log()).squeeze(1)
            if derivative is not None:
                exponents.scatter_add_(1, wanted, -total)
                if slopes is not None:
                    exponents.mul_(slopes)
                shares = (-scale if softcap is None else -1.0) / total
                derivative[part] = _weighted_rows(exponents, shares, weight)
        ctx.scale, ctx.softcap, ctx.trains_head = scale, softcap, trains_head
        if trains_head:
            ctx.save_for_backward(hidden, weight, bias, targets, normalizers)
        else:
            ctx.save_for_backward(derivative)
        return logps

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        (gradient,) = gradients
        if not ctx.trains_head:
            (derivative,) = ctx.saved_tensors
            if derivative is None:
                return (None,) * 6
            return (derivative * gradient[:, None].to(derivative.dtype), *(None,) * 5)
        return _trained_backward(ctx, gradient)


def _weighted_rows(amounts: torch.Tensor, shares: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return ``(shares · amounts) @ weight``, rounded but once on each side of a product in 16 bits."""
    if amounts.dtype is weight.dtype:
        return amounts @ weight * shares
    return amounts.mul_(shares).to(weight.dtype) @ weight


def _trained_backward(ctx: Any, gradient: torch.Tensor) -> Any:
    hidden, weight, bias, targets, normalizers = ctx.saved_tensors
    wants_hidden, wants_weight, wants_bias = ctx.needs_input_grad[:3]
    of_hidden = torch.empty_like(hidden) if wants_hidden else None
    of_weight = torch.zeros(weight.shape, dtype=_wide(weight.dtype), device=weight.device) if wants_weight else None
    of_bias = torch.zeros(len(weight), dtype=_wide(weight.dtype), device=weight.device) if wants_bias else None
    parts = _chunks(len(hidden), len(weight), hidden.device.type)
    room = _room(hidden, weight, parts)
    for part in parts:
        logits = _logits(hidden[part], weight, bias, ctx.scale, ctx.softcap, room)
        slopes = _slope(logits, ctx.scale, ctx.softcap)
        # −softmax, plus one at the target, times how much each token counts
        of_logits = logits.sub_(normalizers[part, None]).exp_().neg_()
        of_logits.scatter_add_(1, targets[part, None], torch.ones_like(of_logits[:, :1]))
        of_logits.mul_(gradient[part, None].to(of_logits.dtype)).mul_(slopes)
        if of_bias is not None:
            of_bias += of_logits.sum(0)
        narrow = of_logits.to(weight.dtype)
        if of_hidden is not None:
            of_hidden[part] = narrow @ weight
        if of_weight is not None:
            of_weight += narrow.T @ hidden[part]
    return (
        of_hidden,
        None if of_weight is None else of_weight.to(weight.dtype),
        None if of_bias is None or bias is None else of_bias.to(bias.dtype),
        None,
        None,
        None,
    )


def _chunks(tokens: int, vocabulary: int, device: str) -> list[slice]:
    """Return slices of about equal size: a small last one would be as slow as a large one."""
    count = max(1, -(-tokens // chunk_tokens(vocabulary, device)))
    size = max(1, -(-tokens // count))
    return [slice(start, min(start + size, tokens)) for start in range(0, tokens, size)]


def _room(hidden: torch.Tensor, weight: torch.Tensor, parts: list[slice]) -> torch.Tensor:
    """Return memory for the logits of the largest chunk: making it anew for each costs the system's page faults."""
    return hidden.new_empty(max((part.stop - part.start for part in parts), default=0), len(weight))


def _logits(  # noqa: PLR0917 - what `OutputLayer` holds, and the two tensors
    hidden: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    scale: float,
    softcap: float | None,
    room: torch.Tensor,
) -> torch.Tensor:
    """Return the logits of some tokens, in ``room`` where no wider type is needed."""
    place = room[: len(hidden)]
    product = torch.mm(hidden, weight.T, out=place) if bias is None else torch.addmm(bias, hidden, weight.T, out=place)
    logits = product.to(_wide(hidden.dtype))
    if scale != 1.0:
        logits.mul_(scale)
    if softcap is not None:
        logits.div_(softcap).tanh_().mul_(softcap)
    return logits


def _slope(logits: torch.Tensor, scale: float, softcap: float | None) -> Any:
    """Return the derivative of a capped and scaled logit with respect to the plain one."""
    return scale if softcap is None else scale * (1 - (logits / softcap) ** 2)


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype is torch.float64 else torch.float32
