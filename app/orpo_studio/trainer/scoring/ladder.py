"""Which way of computing a model can take, decided by what the model is.

The ladder has three rungs. *Packed* shares each pair's beginning and needs no padding, but every layer must mix
tokens by an attention that can be told who sees whom. *Padded* feeds what TRL feeds and scores without a tensor of
all logits. *Stock* is TRL's own forward pass.
"""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orpo_studio.trainer.scoring.parts import UnknownPartsError, causal_model, find_parts

_ATTENTION_LAYERS = {"full_attention", "sliding_attention", "attention"}


class Way(StrEnum):
    """A way of computing the log-probabilities of a batch."""

    PACKED = "packed"
    PADDED = "padded"
    STOCK = "stock"


WAYS = (Way.PACKED, Way.PADDED, Way.STOCK)
"""The rungs from the top."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A way, and why this one: a clause that follows ``because``."""

    way: Way
    reason: str


def choose_way(model: Any) -> Choice:
    """Return the highest rung that a model can take, by its configuration and its classes."""
    causal = causal_model(model)
    if causal.config.is_encoder_decoder:
        return Choice(Way.STOCK, "it is an encoder-decoder")
    try:
        decoder = find_parts(model).decoder
    except UnknownPartsError as unknown:
        return Choice(Way.STOCK, str(unknown))
    if has_router_loss(causal):
        if router_loss(causal) is None:
            return Choice(Way.STOCK, "its router loss is of a kind not known")
        return Choice(Way.PADDED, "its router loss counts every token of both sequences")
    hindrance = _cannot_pack(causal, decoder)
    if hindrance:
        return Choice(Way.PADDED, hindrance)
    return Choice(Way.PACKED, "every layer attends through the interface that packed pairs need")


def _cannot_pack(causal: Any, decoder: Any) -> str | None:
    config = causal.config
    if getattr(causal, "_is_stateful", False):
        return "its layers carry a state from token to token, which chosen and rejected cannot share"
    other = set(getattr(config, "layer_types", None) or ()) - _ATTENTION_LAYERS
    if other:
        return f"it has layers of another kind than attention ({', '.join(sorted(other))})"
    if not getattr(causal, "_supports_attention_backend", False):
        return "its attention does not go through transformers' interface"
    if "position_ids" not in inspect.signature(decoder.forward).parameters:
        return "it takes no positions, and those of the rejected answer start again behind the prompt"
    if getattr(config, "alibi", False):
        return "it derives positions from the order of tokens (ALiBi)"
    return None


def has_router_loss(causal: Any) -> bool:
    """Tell whether a mixture of experts adds its router's loss, as its configuration says."""
    return bool(getattr(causal.config, "output_router_logits", False))


def router_loss(causal: Any) -> Callable[..., Any] | None:
    """Return the function by which a mixture of experts computes its router's loss, from its own module."""
    module = sys.modules[type(causal).__module__]
    found: Callable[..., Any] | None = getattr(module, "load_balancing_loss_func", None)
    has_counts = hasattr(causal, "num_experts") and hasattr(causal, "num_experts_per_tok")
    return found if has_counts else None
