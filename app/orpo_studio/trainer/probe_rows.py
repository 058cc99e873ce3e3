"""The rows of a probe: the longest ones, and how long the others are, without tokenizing all of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from orpo_studio.config import RunSpec
from orpo_studio.data.pair import Pair
from orpo_studio.data.prepared import PreparedData
from orpo_studio.data.text_sizes import training_bytes
from orpo_studio.trainer.load import Loaded
from orpo_studio.trainer.problems import TrainerProblem
from orpo_studio.trainer.scoring.ladder import Way
from orpo_studio.trainer.tokens import TokenizedPair, tokenize_pairs

_CANDIDATES = 512
"""Pairs with the most text that are tokenized, to find those with the most tokens."""
_SAMPLED = 512
"""Pairs spread evenly over all that are tokenized, for the length of a usual one."""


@dataclass(frozen=True, slots=True)
class ProbeRows:
    """What a probe trains on.

    Attributes:
        heaviest: the pairs of a step, the heaviest last.
        pair_tokens: tokens of both sequences of a training pair, on average over an even sample.
    """

    heaviest: list[TokenizedPair]
    pair_tokens: float


def choose_probe_rows(
    spec: RunSpec, data: PreparedData, loaded: Loaded, way: Way, advance: Callable[[int], None]
) -> ProbeRows:
    """Tokenize the longest pairs by their text and keep the heaviest of a step.

    Where the longest leave no room for an answer, as a run would set them aside, the next ones are looked at.

    Args:
        spec: how many pairs a step has, and the maximum length.
        data: the converted pairs.
        loaded: tokenizer and template.
        way: decides what makes a pair heavy: its tokens, or those of its longer sequence.
        advance: takes how many pairs are tokenized; may raise to leave off.

    Raises:
        TrainerProblem: no pair leaves room for an answer.
    """
    sizes = training_bytes(data).sum(axis=1)
    ranked = [int(row) for row in np.argsort(-sizes, kind="stable")]
    wanted = spec.effective_batch
    max_length = spec.recipe.max_length
    done = 0
    with data.pages() as pages:

        def tokenize(rows: list[int]) -> list[TokenizedPair]:
            nonlocal done
            texts: list[Pair] = [pages.page(row, 1, "train")[0] for row in rows]
            found = tokenize_pairs(
                texts,
                loaded.tokenizer,
                loaded.template,
                max_length=max_length,
                advance=lambda count: advance(done + count),
            )
            done += len(rows)
            return list(found.pairs)

        found: list[TokenizedPair] = []
        at_once = max(_CANDIDATES, 2 * wanted)
        for start in range(0, len(ranked), at_once):
            found += tokenize(ranked[start : start + at_once])
            if len(found) >= wanted:
                break
        usual = found
        if len(ranked) > at_once:
            spread = np.linspace(0, len(ranked) - 1, _SAMPLED).astype(np.int64)
            usual = tokenize([int(row) for row in np.unique(spread)]) or found
    if not found:
        raise TrainerProblem(
            "no-room",
            "No training pair is left to use.",
            detail=f"None leaves room for an answer at {max_length} tokens.",
            hint="Raise the maximum length, or choose data with shorter prompts.",
        )
    heaviest = sorted(found, key=lambda pair: weight(pair, way))[-wanted:]
    return ProbeRows(heaviest, sum(len(pair.chosen) + len(pair.rejected) for pair in usual) / len(usual))


def weight(pair: TokenizedPair, way: Way) -> int:
    """Return the tokens that a pair puts through the model: packed, its prompt once; else both rows padded alike."""
    if way is Way.PACKED:
        return len(pair.chosen) + len(pair.rejected) - min(pair.chosen_prompt, pair.rejected_prompt)
    return 2 * pair.longest
