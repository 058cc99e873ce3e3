"""Batches of pairs of like length, in an order that each epoch draws anew."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers.trainer_pt_utils import get_length_grouped_indices


class LengthGroups(torch.utils.data.Sampler[Any]):
    """The order of transformers' ``LengthGroupedSampler``, drawn from the seed and the number of the epoch.

    That one draws from a generator that goes on from epoch to epoch. A run that is resumed in its second epoch begins
    with a fresh one, would take the first epoch's order again, and so see some pairs twice and others never.
    """

    def __init__(self, batch_size: int, lengths: Sequence[int], *, seed: int) -> None:
        """Take the pairs of an optimizer step, the lengths of all pairs in tokens, and the run's seed."""
        super().__init__()
        self._batch_size, self._lengths, self._seed = batch_size, list(lengths), seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Draw the order of an epoch from now on; accelerate's loader calls this."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed + self._epoch)
        indices: list[int] = get_length_grouped_indices(self._lengths, self._batch_size, generator=generator)
        return iter(indices)
