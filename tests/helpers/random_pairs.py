"""Pairs of random token ids."""

import random

from orpo_studio.trainer.scoring.batch import PairBatch
from orpo_studio.trainer.tokens import TokenizedPair


def make_pair(row: int, prompt: list[int], chosen: list[int], rejected: list[int]) -> TokenizedPair:
    """Return a pair whose answers stand behind the same prompt."""
    return TokenizedPair(row, prompt + chosen, len(prompt), prompt + rejected, len(prompt), truncated=False)


def uneven_pairs(count: int, *, seed: int = 0, vocabulary: int = 400, longest: int = 12) -> PairBatch:
    """Return pairs of very different lengths; in every other one the answers begin with the same tokens."""
    draw = random.Random(seed)

    def ids(low: int, high: int) -> list[int]:
        return [draw.randrange(3, vocabulary) for _ in range(draw.randint(low, high))]

    pairs = []
    for row in range(1, count + 1):
        same = ids(2, 4) if row % 2 else []
        pairs.append(make_pair(row, ids(2, longest), same + ids(1, longest), same + ids(1, longest)))
    return PairBatch(tuple(pairs))
