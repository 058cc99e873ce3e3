"""Proof that a merged model is what was trained: its logits beside those of base and adapter on held-out pairs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from orpo_studio.trainer.load import Loaded
from orpo_studio.trainer.quiet import quiet
from orpo_studio.trainer.tokens import TokenizedPair

_MOST_PAIRS = 16
_LONGEST = 256
_LOGIT_BYTES = 256 * 1024**2
"""Memory that the kept logits may take: what bounds the number of tokens with a large vocabulary."""


def pick_sequences(pairs: Sequence[TokenizedPair], vocabulary: int) -> list[list[int]]:
    """Return prompts with chosen answers to compare on, cut and counted so that their logits fit into memory."""
    budget = max(64, _LOGIT_BYTES // (4 * vocabulary))
    picked: list[list[int]] = []
    for pair in pairs[:_MOST_PAIRS]:
        ids = pair.chosen[: min(_LONGEST, budget)]
        if len(ids) < 2:
            break
        picked.append(ids)
        budget -= len(ids)
    return picked


def collect_logits(
    loaded: Loaded, sequences: Sequence[Sequence[int]], at_each: Callable[[], None] = lambda: None
) -> list[torch.Tensor]:
    """Return (length, vocabulary) float32 logits on the CPU for each sequence. ``at_each`` may raise to leave off."""
    collected = []
    with quiet(loaded.model), loaded.autocast():
        for ids in sequences:
            at_each()
            tensor = torch.tensor([list(ids)], device=loaded.device)
            logits = loaded.model(input_ids=tensor, attention_mask=torch.ones_like(tensor), use_cache=False).logits
            collected.append(logits[0].float().cpu())
    return collected


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two models are apart.

    Attributes:
        max_abs_logit_difference: the largest difference of any logit.
        mean_kl: Kullback-Leibler divergence of the second model from the first, mean over tokens, in nats.
        next_token_agreement: share of tokens where both think the same next token likeliest.
    """

    max_abs_logit_difference: float
    mean_kl: float
    next_token_agreement: float


def compare(reference: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> Agreement:
    """Compare two models' logits on the same sequences."""
    largest, divergence, same, tokens = 0.0, 0.0, 0, 0
    for first, second in zip(reference, other, strict=True):
        largest = max(largest, float((first - second).abs().max()))
        p, q = first.double().log_softmax(-1), second.double().log_softmax(-1)
        divergence += float((p.exp() * (p - q)).sum())
        same += int((first.argmax(-1) == second.argmax(-1)).sum())
        tokens += len(first)
    return Agreement(largest, divergence / tokens, same / tokens)
