"""Pairs of ids as hypothesis draws them, and the truth of their loss in float64, by the formula alone."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from hypothesis import strategies as st

from orpo_studio.trainer.scoring.batch import PairBatch
from orpo_studio.trainer.tokens import TokenizedPair

VOCABULARY = 7
"""So few that sequences often coincide where they need not."""
_ID = st.integers(0, VOCABULARY - 1)


def _ids(low: int, high: int) -> st.SearchStrategy[list[int]]:
    return st.lists(_ID, min_size=low, max_size=high)


@st.composite
def _pair(draw: Callable[[Any], Any]) -> TokenizedPair:
    prompt = draw(_ids(0, 5))
    least = 1 if prompt else 2  # the first token of all is not scored
    chosen = draw(_ids(least, 6))
    kind = draw(st.sampled_from(["apart", "same", "rejected goes on", "chosen goes on", "merged"]))
    if kind == "same":
        rejected = list(chosen)
    elif kind == "rejected goes on":
        rejected = chosen + draw(_ids(1, 4))
    else:
        rejected = draw(_ids(least, 6))
        if kind == "chosen goes on":
            chosen = rejected + draw(_ids(1, 4))
    prompts = [prompt, prompt]
    if kind == "merged" and len(prompt) > 1:
        # The tokenizer merged the prompt's last token with the answer's first: the answer begins a token earlier.
        merged = [draw(st.booleans()) for _ in prompts]
        prompts = [prompt[:-1] if is_merged else prompt for is_merged in merged]
        chosen, rejected = (
            [draw(_ID), *answer] if is_merged else answer
            for answer, is_merged in zip((chosen, rejected), merged, strict=True)
        )
    return TokenizedPair(
        1, prompts[0] + chosen, len(prompts[0]), prompts[1] + rejected, len(prompts[1]), truncated=False
    )


BATCHES = st.lists(_pair(), min_size=1, max_size=4).map(lambda pairs: PairBatch(tuple(pairs)))
"""Batches of 1 to 4 pairs: empty prompts, equal answers, one the other's beginning, prompts of unlike lengths."""

Logp = Callable[[Sequence[int], int], torch.Tensor]
"""Log-probability, in float64, of a token behind a context."""


def true_pairs(batch: PairBatch, logp: Logp, *, answer_only: bool) -> dict[str, torch.Tensor]:
    """Return each pair's figures by the formula: summed NLL, mean log-probabilities of both answers."""
    figures: dict[str, list[torch.Tensor]] = {"nll": [], "chosen": [], "rejected": []}
    for pair in batch.pairs:
        for name, ids, prompt in (
            ("chosen", pair.chosen, pair.chosen_prompt),
            ("rejected", pair.rejected, pair.rejected_prompt),
        ):
            logps = [logp(ids[:place], ids[place]) for place in range(1, len(ids))]
            answer = logps[max(prompt, 1) - 1 :]
            figures[name].append(torch.stack(answer).mean())
            if name == "chosen":
                figures["nll"].append(-torch.stack(answer if answer_only else logps).sum())
    return {name: torch.stack(values) for name, values in figures.items()}


def true_loss(batch: PairBatch, logp: Logp, lambda_: float) -> torch.Tensor:
    """Return the loss of a batch (Hong et al. 2024, eq. 3 to 7)."""
    figures = true_pairs(batch, logp, answer_only=False)
    tokens = sum(len(pair.chosen) - 1 for pair in batch.pairs)
    odds = [figures[side] - torch.log(1 - torch.exp(figures[side])) for side in ("chosen", "rejected")]
    ratio = torch.log(torch.sigmoid(odds[0] - odds[1]))
    return figures["nll"].sum() / tokens - lambda_ * ratio.mean()
