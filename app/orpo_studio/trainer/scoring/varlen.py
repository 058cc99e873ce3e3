"""Plain attention over a packed row by one variable-length flash kernel, on CUDA in half precision."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from inspect import signature

import torch
from torch.nn.functional import pad

from orpo_studio.trainer.scoring.kernels import States
from orpo_studio.trainer.scoring.layout import Block, sent

_HALF = (torch.float16, torch.bfloat16)
_WIDEST = 256
"""Widest head that the kernel takes."""


def takes_varlen(query: torch.Tensor) -> bool:
    """Tell whether the kernel may be tried; older cards and versions of PyTorch refuse it all the same."""
    return query.device.type == "cuda" and query.dtype in _HALF and query.shape[-1] <= _WIDEST


@dataclass(frozen=True, slots=True)
class VarlenIndex:
    """A packed row for a variable-length kernel: two sequences a pair, aligned at their ends.

    Attributes:
        keys: (key tokens,) which token each key is: shared and chosen, then shared and rejected, pair after pair.
        query_ends: (sequences + 1,) int32 where each sequence's queries end.
        key_ends: likewise its keys.
        longest_query: most queries of a sequence.
        longest_key: most keys of a sequence.
    """

    keys: torch.Tensor
    query_ends: torch.Tensor
    key_ends: torch.Tensor
    longest_query: int
    longest_key: int


def varlen_index(blocks: tuple[Block, ...], device: torch.device) -> VarlenIndex:
    """Return a packed row as sequences of queries and keys; an empty rejected side is no sequence."""
    keys: list[torch.Tensor] = []
    queries, lengths = [], []
    start = 0
    for block in blocks:
        branch = start + block.shared + block.chosen
        end = branch + block.rejected
        keys.append(torch.arange(start, branch))
        queries.append(branch - start)
        lengths.append(branch - start)
        if block.rejected:
            keys += [torch.arange(start, start + block.shared), torch.arange(branch, end)]
            queries.append(block.rejected)
            lengths.append(block.shared + block.rejected)
        start = end
    return VarlenIndex(
        sent(torch.cat(keys), device), _ends(queries, device), _ends(lengths, device),
        max(queries), max(lengths),
    )  # fmt: skip


def _ends(lengths: list[int], device: torch.device) -> torch.Tensor:
    return sent(pad(torch.tensor(lengths).cumsum(0), (1, 0)).to(torch.int32), device)


def attend_varlen(states: States, index: VarlenIndex, *, scaling: float | None, window: int | None) -> torch.Tensor:
    """Attend causally within each sequence, its last query at its last key.

    Args:
        states: of the whole row; keys and values may have fewer heads.
        index: of the row.
        scaling: factor on the scores; 1/√width where None.
        window: how many tokens a token sees, itself counted; None for all.

    Returns:
        (1, tokens, heads, width).

    Raises:
        ImportError, TypeError: PyTorch is too old for it.
        RuntimeError: the card is.
    """
    from torch.nn.attention import varlen

    query, key, value = states
    # The kernel's window counts the tokens to the left; transformers' counts the token itself as well.
    left = -1 if window is None else window - 1
    # index_select, whose gradient is added up as it comes, and not sorted first as a plain index's is. It stays the
    # same from run to run: a token is looked up twice at most, and two numbers have one sum in either order.
    keys, values = (state[0].transpose(0, 1).index_select(0, index.keys) for state in (key, value))
    groups = query.shape[1] // key.shape[1]
    options = {}
    if groups > 1 and _groups_heads(varlen.varlen_attn):
        options["enable_gqa"] = True
    elif groups > 1:
        keys, values = keys.repeat_interleave(groups, 1), values.repeat_interleave(groups, 1)
    attended = varlen.varlen_attn(
        query[0].transpose(0, 1).contiguous(),
        keys,
        values,
        index.query_ends,
        index.key_ends,
        index.longest_query,
        index.longest_key,
        scale=scaling,
        window_size=(left, 0),
        **options,
    )
    return attended[None]


@cache
def _groups_heads(kernel: Callable[..., torch.Tensor]) -> bool:
    """Tell whether the kernel takes fewer heads of keys than of queries; older versions of PyTorch's do not."""
    return "enable_gqa" in signature(kernel).parameters
