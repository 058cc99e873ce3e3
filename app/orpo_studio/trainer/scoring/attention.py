"""Attention over a packed row: each pair apart, and in it chosen and rejected both behind what they share.

It is registered with transformers' ``AttentionInterface``, so that every model whose attention goes through there
takes it, and is active only while a packed batch is computed, backward pass included: gradient checkpointing calls
it again then.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from orpo_studio.trainer.autocast import computed_in
from orpo_studio.trainer.scoring.kernels import APART, VARLEN, KernelChoice, States
from orpo_studio.trainer.scoring.layout import Block
from orpo_studio.trainer.scoring.varlen import VarlenIndex, attend_varlen, takes_varlen, varlen_index

NAME = "orpo_packed"
"""Under which transformers knows it."""
# What transformers' models pass on to an attention function and what changes nothing here.
_HARMLESS = frozenset(
    {"position_ids", "cache_position", "use_cache", "output_attentions", "is_causal", "cu_seq_lens_q"}
)


class CannotPackError(Exception):
    """A model's attention wants something that is not known here; the message says what."""


@dataclass(frozen=True, slots=True)
class _How:
    """How a layer attends.

    Attributes:
        scaling: factor on the scores; 1/√width where None.
        window: how many tokens a token sees, itself counted; None for all.
        softcap: bound of the scores, by tanh, as in Gemma 2.
        sinks: (heads,) a score that draws attention to nothing, as in gpt-oss.
    """

    scaling: float | None
    window: int | None
    softcap: float | None
    sinks: torch.Tensor | None

    @property
    def is_plain(self) -> bool:
        """Whether kernels for plain softmax attention can compute it."""
        return self.softcap is None and self.sinks is None


@dataclass(slots=True)
class _Active:
    """The packed row under way, and what every layer needs of it, made once."""

    blocks: tuple[Block, ...]
    kernels: KernelChoice
    layers: set[int] = field(default_factory=set)
    masks: dict[tuple[Any, ...], torch.Tensor | None] = field(default_factory=dict)
    varlen: dict[torch.device, VarlenIndex] = field(default_factory=dict)


_active: _Active | None = None


@contextmanager
def packed_attention(model: Any, blocks: tuple[Block, ...], kernels: KernelChoice) -> Iterator[None]:
    """Let a model attend as a packed row needs it; afterwards it attends as before."""
    global _active  # noqa: PLW0603 - transformers calls a registered function, which must find the row
    configs = _configs(model)
    before = [(config, config._attn_implementation) for config in configs]  # noqa: SLF001 - its only name
    _active = _Active(blocks, kernels)
    for config in configs:
        config._attn_implementation = NAME  # noqa: SLF001
    try:
        yield
    finally:
        _active = None
        for config, implementation in before:
            config._attn_implementation = implementation  # noqa: SLF001


def check_that_all_attended(model: Any) -> None:
    """Check, after a forward pass over a packed row, that no layer went past the registered function.

    Such a layer would let pairs see each other, which a batch of a single pair hardly shows in its figures.

    Raises:
        CannotPackError: some did.
    """
    attended = 0 if _active is None else len(_active.layers)
    layers = model.config.get_text_config().num_hidden_layers
    if attended < layers:
        raise CannotPackError(f"only {attended} of its {layers} layers attend through transformers' interface")


def _configs(model: Any) -> list[Any]:
    """Return the distinct configurations that a model's layers look their attention up in."""
    found = {id(module.config): module.config for module in model.modules() if hasattr(module, "config")}
    return [config for config in found.values() if hasattr(config, "_attn_implementation")]


def attend(  # noqa: PLR0917 - as transformers calls it
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attend within pairs, as transformers' attention functions are called.

    Args:
        module: the attention layer.
        query: (1, heads, tokens, width).
        key: (1, key heads, tokens, width).
        value: likewise.
        attention_mask: None, since transformers makes no mask for this function.
        dropout: of attention weights; 0 here, the base's dropout is off.
        scaling: factor on the scores; 1/√width where None.
        options: ``sliding_window``, ``softcap`` and ``s_aux`` (sinks) are honoured.

    Returns:
        (1, tokens, heads, width), and no weights.

    Raises:
        CannotPackError: the layer asks for what is not known here.
    """
    active = _active
    if active is None:
        raise CannotPackError("No packed row is under way.")
    active.layers.add(id(module))
    window, softcap, sinks = (options.pop(name, None) for name in ("sliding_window", "softcap", "s_aux"))
    how = _How(scaling, window, softcap, sinks)
    _refuse_unknown(options, attention_mask, dropout)
    if not how.is_plain:
        return _apart(active, (query, key, value), how), None
    # As autocast hands them to plain attention. They come in float32 where the hidden state is kept so: in full
    # fine-tuning, or beside a base quantized in float16.
    dtype = computed_in(query)
    states = query.to(dtype), key.to(dtype), value.to(dtype)
    if not takes_varlen(states[0]):
        return _apart(active, states, how), None
    kernels = {VARLEN: partial(_varlen, active, how=how), APART: partial(_apart, active, how=how)}
    return kernels[active.kernels.settle(kernels, states)](states), None


def _apart(active: _Active, states: States, how: _How) -> torch.Tensor:
    """Attend pair by pair, a call for each side. Returns (1, tokens, heads, width)."""
    query, key, value = states
    groups = query.shape[1] // key.shape[1]
    if groups > 1 and not (how.is_plain and query.device.type == "cpu"):  # the CPU's kernel groups heads itself
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    # Split, not sliced: the backward of a slice fills a tensor of the whole size with zeros, once a slice.
    sizes = [size for block in active.blocks for size in (block.shared, block.chosen, block.rejected)]
    queries, keys, values = (states.split(sizes, 2) for states in (query, key, value))
    parts = []
    for place in range(0, len(sizes), 3):
        shared, both, rejected = place, slice(place, place + 2), place + 2
        parts.append(_one(active, (_joined(*queries[both]), _joined(*keys[both]), _joined(*values[both])), how))
        if sizes[rejected]:  # it sees the shared beginning, then itself
            seen = _joined(keys[shared], keys[rejected]), _joined(values[shared], values[rejected])
            parts.append(_one(active, (queries[rejected], *seen), how))
    return torch.cat([part.transpose(1, 2) for part in parts], 1)


def _varlen(active: _Active, states: States, how: _How) -> torch.Tensor:
    """Attend by one call for all sequences of the row. Returns (1, tokens, heads, width)."""
    device = states[0].device
    if device not in active.varlen:
        active.varlen[device] = varlen_index(active.blocks, device)
    return attend_varlen(states, active.varlen[device], scaling=how.scaling, window=how.window)


def _joined(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return two stretches of tokens as one."""
    return torch.cat([first, second], 2)


def _refuse_unknown(options: dict[str, Any], attention_mask: torch.Tensor | None, dropout: float) -> None:
    unknown = [name for name, value in options.items() if value is not None and name not in _HARMLESS]
    if attention_mask is not None:
        unknown.append("attention_mask")
    if dropout:
        unknown.append("dropout")
    if unknown:
        raise CannotPackError(f"its attention uses {', '.join(sorted(unknown))}")


def _one(active: _Active, states: States, how: _How) -> torch.Tensor:
    """Attend causally, the last query at the last key. Returns (1, heads, queries, width)."""
    query, key, value = states
    queries, keys = query.shape[2], key.shape[2]
    window = how.window if how.window is not None and how.window < keys else None
    if not how.is_plain:
        return _by_hand(states, how, _mask(active, queries, keys, window, query))
    is_whole = queries == keys and window is None
    return scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=None if is_whole else _mask(active, queries, keys, window, query),
        is_causal=is_whole and queries > 1,
        scale=how.scaling,
        enable_gqa=query.shape[1] != key.shape[1],
    )


def _mask(active: _Active, queries: int, keys: int, window: int | None, like: torch.Tensor) -> torch.Tensor | None:
    """Return (queries, keys) with −∞ where a query may not look; None where it may look everywhere."""
    name = (queries, keys, window, like.dtype, like.device)
    if name not in active.masks:
        places = torch.arange(keys, device=like.device)
        own = places[keys - queries :, None]
        hidden = places > own
        if window is not None:
            hidden = hidden | (places <= own - window)
        zeros = torch.zeros(queries, keys, dtype=like.dtype, device=like.device)
        looks_everywhere = queries == 1 and window is None
        active.masks[name] = None if looks_everywhere else zeros.masked_fill(hidden, float("-inf"))
    return active.masks[name]


def _by_hand(states: States, how: _How, mask: torch.Tensor | None) -> torch.Tensor:
    """Attend with scores capped at ±``softcap``, or with sinks, the softmax in float32 (or float64)."""
    query, key, value = states
    scale = query.shape[-1] ** -0.5 if how.scaling is None else how.scaling
    scores = query @ key.transpose(2, 3) * scale
    if how.softcap is not None:
        scores = how.softcap * torch.tanh(scores / how.softcap)
    if mask is not None:
        scores = scores + mask
    if how.sinks is not None:
        sinks = how.sinks.to(scores.dtype).view(1, -1, 1, 1).expand(*scores.shape[:-1], 1)
        scores = torch.cat([scores, sinks], -1)
    wide = torch.float64 if scores.dtype is torch.float64 else torch.float32
    return scores.softmax(-1, dtype=wide)[..., : key.shape[2]].to(query.dtype) @ value


AttentionInterface.register(NAME, attend)
