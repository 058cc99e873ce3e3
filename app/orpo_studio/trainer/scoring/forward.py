"""A forward pass that scores a laid-out batch, through the model's own ``forward``.

Data parallelism, sharding and automatic precision wrap a model's ``forward``. So scoring is no function beside it:
the causal model's ``forward`` takes one more keyword, ``scored``, and is unchanged without it.
"""

import functools
from typing import Any

import torch

from orpo_studio.trainer.scoring.ladder import has_router_loss, router_loss
from orpo_studio.trainer.scoring.layout import Layout
from orpo_studio.trainer.scoring.parts import ModelParts
from orpo_studio.trainer.scoring.token_logps import token_logps

_KEYWORD = "scored"
_MARK = "_takes_scored_batches"


def take_scored_batches(parts: ModelParts) -> None:
    """Let a model's ``forward`` take ``scored=Layout``; a second call changes nothing."""
    causal = parts.causal
    if getattr(causal, _MARK, False):
        return
    plain = causal.forward

    @functools.wraps(plain)
    def forward(*arguments: Any, **options: Any) -> Any:
        layout = options.pop(_KEYWORD, None)
        return plain(*arguments, **options) if layout is None else _score(parts, layout)

    causal.forward = forward
    setattr(causal, _MARK, True)


def score(model: Any, layout: Layout) -> dict[str, torch.Tensor]:
    """Score a batch with a model, however wrapped, whose causal model takes scored batches.

    Returns:
        ``logps``: (scored,) the log-probability of each scored token; ``router``: the router's loss, where the model
        has one.
    """
    scored: dict[str, torch.Tensor] = model(input_ids=layout.input_ids, **{_KEYWORD: layout})
    return scored


def _score(parts: ModelParts, layout: Layout) -> dict[str, torch.Tensor]:
    options: dict[str, Any] = {"attention_mask": layout.attention_mask, "use_cache": False}
    if layout.position_ids is not None:
        options["position_ids"] = layout.position_ids
    wants_router = has_router_loss(parts.causal)
    if wants_router:
        options["output_router_logits"] = True
    outputs = parts.decoder(input_ids=layout.input_ids, **options)
    hidden = outputs[0].flatten(0, 1).index_select(0, layout.places)
    scored = {"logps": token_logps(hidden, parts.output_layer(), layout.targets)}
    if wants_router:
        causal, balance = parts.causal, router_loss(parts.causal)
        if balance is not None:
            scored["router"] = balance(
                outputs.router_logits, causal.num_experts, causal.num_experts_per_tok, layout.attention_mask
            )
    return scored
