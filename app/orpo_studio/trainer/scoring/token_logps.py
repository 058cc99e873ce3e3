"""Log-probabilities of single tokens, without a tensor of all logits.

The output layer and the softmax are computed tile by tile. On a CPU a tile is many tokens by a part of the vocabulary,
so that it stays in the cache and the output layer is read once; the softmax over the parts is brought together as in
online softmax (Milakov & Gimelshein 2018). On other devices it is some tokens by the whole vocabulary.

For a frozen output layer the derivative ``∂ log p(y) / ∂h = (onehot(y) − softmax(W h)) · W`` is made right then,
(tokens, hidden) in all, and the backward pass only scales it. For a trained one the backward pass computes the logits
again.

Where a token is nearly certain, ``onehot − softmax`` is a small difference of large numbers, and log p the logarithm
of nearly one. So the target is kept out of the sums: with S the sum of all others' exponentials,
``log p(y) = −log1p(S / e^y)`` and ``∂ = (S · W_y − Σ_others e^v · W_v) / (S + e^y)``.

Peak memory above the inputs: about two tiles, 64 MiB on a CPU.
"""

from dataclasses import dataclass
from typing import Any

import torch

from orpo_studio.trainer.autocast import computed_in

_CHUNK_BYTES = {"cpu": 32 * 2**20, "cuda": 256 * 2**20}
_TILE_TOKENS = 1_024
"""Most tokens of a tile on a CPU: enough for its matrix products to run at full rate."""


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
    dtype = computed_in(hidden)
    if dtype is not hidden.dtype or dtype is not layer.weight.dtype:
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
        logps = torch.empty(len(hidden), dtype=_wide(hidden.dtype), device=hidden.device)
        derivative = torch.empty_like(hidden) if derives_now else None
        rows, columns = _tile(len(hidden), len(weight), hidden.device.type)
        room = _room(hidden, rows * columns)
        for start in range(0, len(hidden), rows):
            part = slice(start, start + rows)
            scan = _Scan(hidden[part], targets[part], derives=derives_now)
            for first in range(0, len(weight), columns):
                tile = slice(first, first + columns)
                logits = _logits(hidden[part], weight[tile], None if bias is None else bias[tile], scale, softcap, room)
                scan.take(logits, weight[tile], first, scale, softcap)
                del logits  # or it would stay beside the next one
            logps[part] = scan.logps()
            if derivative is not None:
                derivative[part] = scan.derivative(weight, scale, softcap)
        ctx.scale, ctx.softcap, ctx.trains_head = scale, softcap, trains_head
        if trains_head:
            ctx.save_for_backward(hidden, weight, bias, targets)
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


class _Scan:
    """Goes over the logits of some tokens, a part of the vocabulary at a time, and keeps the target out of the sums.

    Attributes, each (tokens, 1): ``top`` the largest logit so far, ``others`` the sum of ``e^(logit − top)`` over all
    but the target, ``picked`` the target's logit; and ``pull`` (tokens, hidden), the sum of ``e^(logit − top) · slope ·
    W_v`` over all but the target.
    """

    def __init__(self, hidden: torch.Tensor, targets: torch.Tensor, *, derives: bool) -> None:
        wide = _wide(hidden.dtype)
        self.targets = targets
        self.top = hidden.new_full((len(hidden), 1), -torch.inf, dtype=wide)
        self.others = torch.zeros_like(self.top)
        self.picked = torch.zeros_like(self.top)
        self.pull = torch.zeros_like(hidden, dtype=wide) if derives else None

    def take(self, logits: torch.Tensor, weight: torch.Tensor, first: int, scale: float, softcap: float | None) -> None:
        """Take in the logits (tokens, part) of the vocabulary from ``first`` on; they are used up."""
        local = (self.targets - first).clamp(0, len(weight) - 1)[:, None]
        is_here = ((self.targets >= first) & (self.targets < first + len(weight)))[:, None]
        self.picked = torch.where(is_here, logits.gather(1, local), self.picked)
        slopes = _slope(logits, scale, softcap) if self.pull is not None and softcap is not None else None
        top = torch.maximum(self.top, logits.amax(1, keepdim=True))
        exponents = logits.sub_(top).exp_()
        exponents.scatter_(1, local, exponents.gather(1, local).masked_fill_(is_here, 0.0))
        fade = (self.top - top).exp_()
        sums = exponents.sum(1, keepdim=True)
        self.top, self.others = top, self.others * fade + sums
        if self.pull is not None:
            if slopes is not None:
                exponents.mul_(slopes)
            elif scale != 1.0:
                exponents.mul_(scale)
            _add_weighted_rows(self.pull.mul_(fade), exponents, sums, weight)

    def logps(self) -> torch.Tensor:
        """Return log p of each target, (tokens,)."""
        by_all = self.picked - self.top - (self.others + (self.picked - self.top).exp()).log()
        return torch.where(self.picked >= self.top, -self.others.log1p(), by_all).squeeze(1)

    def derivative(self, weight: torch.Tensor, scale: float, softcap: float | None) -> torch.Tensor:
        """Return ∂ log p / ∂ hidden, (tokens, hidden)."""
        total = self.others + (self.picked - self.top).exp()
        own = weight[self.targets].to(total.dtype) * _slope(self.picked, scale, softcap)
        return own.mul_(self.others).sub_(self.pull).div_(total)


def _add_weighted_rows(to: torch.Tensor, amounts: torch.Tensor, sums: torch.Tensor, weight: torch.Tensor) -> None:
    """Add ``amounts @ weight``; in float16 by shares of the sums, since their product can be beyond its range."""
    if amounts.dtype is weight.dtype:
        to.addmm_(amounts, weight)
        return
    if weight.dtype is torch.bfloat16:
        to.add_(amounts.to(weight.dtype) @ weight)
        return
    sums = sums.clamp_min(torch.finfo(sums.dtype).tiny)
    to.add_((amounts.div_(sums).to(weight.dtype) @ weight).to(to.dtype).mul_(sums))


def _trained_backward(ctx: Any, gradient: torch.Tensor) -> Any:
    hidden, weight, bias, targets = ctx.saved_tensors
    wants_hidden, wants_weight, wants_bias = ctx.needs_input_grad[:3]
    of_hidden = torch.empty_like(hidden) if wants_hidden else None
    of_weight = torch.zeros(weight.shape, dtype=_wide(weight.dtype), device=weight.device) if wants_weight else None
    of_bias = torch.zeros(len(weight), dtype=_wide(weight.dtype), device=weight.device) if wants_bias else None
    parts = _chunks(len(hidden), len(weight), hidden.device.type)
    room = _room(hidden, max((part.stop - part.start for part in parts), default=0) * len(weight))
    for part in parts:
        logits = _logits(hidden[part], weight, bias, ctx.scale, ctx.softcap, room)
        slopes = _slope(logits, ctx.scale, ctx.softcap)
        # −softmax, and at the target one minus its own, which is the sum of all others
        wanted = targets[part, None]
        top = logits.amax(1, keepdim=True)
        own = (logits.gather(1, wanted) - top).exp_()
        of_logits = logits.sub_(top).exp_().scatter_(1, wanted, 0.0)
        others = of_logits.sum(1, keepdim=True)
        of_logits.div_(-(others + own)).scatter_(1, wanted, others / (others + own))
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
    """Return slices of about equal size."""
    size = _like_parts(tokens, chunk_tokens(vocabulary, device))
    return [slice(start, min(start + size, tokens)) for start in range(0, tokens, size)]


def _tile(tokens: int, vocabulary: int, device: str) -> tuple[int, int]:
    """Return how many tokens and how many entries of the vocabulary are computed at once, in parts of like size."""
    if device != "cpu":
        return _like_parts(tokens, chunk_tokens(vocabulary, device)), vocabulary
    rows = _like_parts(tokens, _TILE_TOKENS)
    return rows, _like_parts(vocabulary, max(1, _CHUNK_BYTES["cpu"] // (4 * rows)))


def _like_parts(count: int, most: int) -> int:
    """Return the size of parts of about equal size, ``most`` at most: a small last one is as slow as a large one."""
    parts = max(1, -(-count // most))
    return max(1, -(-count // parts))


def _room(hidden: torch.Tensor, logits: int) -> torch.Tensor | None:
    """Return memory for logits that need no wider type: making it anew for each tile costs the system's page faults."""
    return hidden.new_empty(logits) if hidden.dtype is _wide(hidden.dtype) else None


def _logits(  # noqa: PLR0917 - what `OutputLayer` holds, and the two tensors
    hidden: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    scale: float,
    softcap: float | None,
    room: torch.Tensor | None,
) -> torch.Tensor:
    """Return the logits of some tokens, in ``room`` where there is one."""
    place = None if room is None else room[: len(hidden) * len(weight)].view(len(hidden), len(weight))
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
