"""What the heaviest micro-batch of a run holds, in tokens.

The peak is set by the worst case over the real lengths: the ``micro_batch`` longest pairs meeting in one micro-batch.
An expected maximum would be lower for a while, but a run is to survive its last batch too. Where lengths are not
known, every pair has both answers at the maximum length and a prompt of nothing, which no pair exceeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Way = Literal["packed", "padded", "stock"]
"""How the training computes a micro-batch: each pair in one row with its prompt once and no padding; two rows a pair,
padded to the longest; or TRL's own, padded and with all logits at once."""


@dataclass(frozen=True, slots=True)
class PairLengths:
    """Token counts of the pairs that are known, before any cut; all of one length.

    Attributes:
        prompt: of each pair's prompt.
        chosen: of its chosen answer.
        rejected: of its rejected answer.
    """

    prompt: np.ndarray
    chosen: np.ndarray
    rejected: np.ndarray

    @classmethod
    def of(cls, pairs: Sequence[tuple[int, int, int]]) -> "PairLengths":
        """Return the lengths of (prompt, chosen, rejected) each."""
        table = np.asarray(pairs, dtype=np.int64).reshape(-1, 3)
        return cls(table[:, 0], table[:, 1], table[:, 2])

    def __len__(self) -> int:
        return len(self.prompt)

    @property
    def longest(self) -> int:
        """Tokens of the longest prompt with answer."""
        return int((self.prompt + np.maximum(self.chosen, self.rejected)).max(initial=0))


@dataclass(frozen=True, slots=True)
class Batch:
    """Tokens of one micro-batch.

    Attributes:
        fed: tokens that go through the blocks, padding included.
        scored: tokens that the loss looks at.
        keys: keys that attention sees; packed, a prompt's count twice.
        first: those of them that prompts and chosen sides see; 0 when padded.
        looks: queries × keys, summed over the sequences.
        rows: rows of the tensor; 0 when packed.
        length: length of a row; 0 when packed.
    """

    fed: int
    scored: int
    keys: int
    looks: int
    first: int = 0
    rows: int = 0
    length: int = 0


def heaviest_batch(pairs: int, max_length: int, way: Way, lengths: PairLengths | None = None) -> Batch:
    """Return the heaviest micro-batch of ``pairs`` pairs, each cut to ``max_length`` tokens.

    Of packed rows the most fed tokens, keys and looks are each taken by themselves, so that none is below what a
    micro-batch can have, and none falls when pairs or tokens are added.
    """
    if lengths is None or not len(lengths):
        return _full_batch(pairs, max_length, way)
    room = max_length - lengths.prompt
    fits = room > 0  # a prompt that fills the length sets its pair aside
    prompt, room = lengths.prompt[fits], room[fits]
    chosen, rejected = np.minimum(lengths.chosen[fits], room), np.minimum(lengths.rejected[fits], room)
    first, second = prompt + chosen, prompt + rejected
    scored = _most(first + rejected, pairs)
    if way == "packed":
        looks = _most(first * first + rejected * second, pairs)
        return Batch(scored, scored, _most(first + second, pairs), looks, first=_most(first, pairs))
    longest = int(np.maximum(first, second).max(initial=0))
    return _padded_batch(min(pairs, len(first)), longest, way, scored)


def _full_batch(pairs: int, length: int, way: Way) -> Batch:
    tokens = 2 * pairs * length
    if way == "packed":
        return Batch(tokens, tokens, keys=tokens, looks=tokens * length, first=tokens // 2)
    return _padded_batch(pairs, length, way, tokens)


def _padded_batch(pairs: int, length: int, way: Way, scored: int) -> Batch:
    rows = 2 * pairs
    fed = rows * length
    return Batch(fed, fed if way == "stock" else scored, fed, fed * length, rows=rows, length=length)


def _most(values: np.ndarray, count: int) -> int:
    """Return the sum of the ``count`` largest values."""
    if len(values) > count:
        values = np.partition(values, len(values) - count)[-count:]
    return int(values.sum())
