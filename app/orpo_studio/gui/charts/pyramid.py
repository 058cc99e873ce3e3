"""A min-max pyramid: the extremes and means of ever longer blocks of an append-only column."""

import numpy as np
from numpy.typing import NDArray

from orpo_studio.gui.charts.timeline import Floats, GrowingArray

FACTOR = 4
Indices = NDArray[np.int64]


class Pyramid:
    """Where the smallest and largest finite value of every block of 4, 16, 64, … values stands.

    Levels hold positions (int32), not values: the extremes are exact in x and y, and cost 2.7 bytes a
    value; the means another 2.7. Blocks are added when they are complete; `catch_up` does it in batches.
    """

    def __init__(self, values: GrowingArray) -> None:
        self._values = values
        self._low: list[GrowingArray] = []
        self._high: list[GrowingArray] = []
        self._mean: list[GrowingArray] = []

    def catch_up(self) -> None:
        """Take in what was appended since the last call."""
        level = 0
        available = len(self._values) // FACTOR
        while available:
            if level == len(self._low):
                self._low.append(GrowingArray(np.int32))
                self._high.append(GrowingArray(np.int32))
                self._mean.append(GrowingArray(np.float64))
            done = len(self._low[level])
            if done < available:
                self._add_blocks(level, done, available)
            available //= FACTOR
            level += 1

    def _add_blocks(self, level: int, done: int, available: int) -> None:
        children = slice(done * FACTOR, available * FACTOR)
        values = self._values.values
        if level == 0:
            low = high = np.arange(children.start, children.stop)
            mean = values[children]
        else:
            low = self._low[level - 1].values[children]
            high = self._high[level - 1].values[children]
            mean = self._mean[level - 1].values[children]
        low, high = group_extremes(values, low, high, FACTOR)
        self._low[level].extend(low)
        self._high[level].extend(high)
        self._mean[level].extend(finite_mean(mean.reshape(-1, FACTOR)))

    def select(self, first: int, last: int, columns: int) -> Indices:
        """Choose positions in [first, last): every one, or the extremes of at most about `columns` blocks.

        Positions come in order. When blocks are formed, values that are not finite are left out.
        """
        count = last - first
        if count <= 2 * columns:
            return np.arange(first, last)
        level = int(np.log2(count / columns)) // 2
        if level == 0:
            low = high = np.arange(first, last)
        else:
            low, high = self._blocks(first, last, level - 1)
        per_group = -(-len(low) // columns)
        low, high = group_extremes(self._values.values, low, high, per_group)
        both: Indices = np.sort(np.stack((low, high), axis=1), axis=1).ravel()
        kept = np.isfinite(self._values.values[both])
        kept[1:] &= both[1:] != both[:-1]
        return both[kept]

    def _blocks(self, first: int, last: int, level: int) -> tuple[Indices, Indices]:
        """Extremes of the complete blocks of a level in [first, last), and of what sticks out at both ends."""
        values = self._values.values
        size = FACTOR ** (level + 1)
        begin, end = -(-first // size), last // size
        head = np.arange(first, begin * size)
        tail = np.arange(end * size, last)
        parts = [(self._low[level].values[begin:end], self._high[level].values[begin:end])]
        if len(head):
            parts.insert(0, group_extremes(values, head, head, len(head)))
        if len(tail):
            parts.append(group_extremes(values, tail, tail, len(tail)))
        lows, highs = zip(*parts, strict=True)
        return np.concatenate(lows), np.concatenate(highs)

    def means(self, level: int, first: int, last: int) -> Floats:
        """Mean of the finite values of blocks first … last-1 of size 4**level; NaN for a block without any.

        The last block may be incomplete. Within a block each quarter weighs the same.
        """
        values: Floats = self._values.values
        if level == 0:
            return np.where(np.isfinite(values[first:last]), values[first:last], np.nan)
        complete: Floats = self._mean[level - 1].values[first:last] if level <= len(self._mean) else values[:0]
        if first + len(complete) < last:
            rest = values[(first + len(complete)) * FACTOR**level :]
            complete = np.append(complete, finite_mean(rest[None, :]))
        return complete


def group_extremes(values: Floats, low: Indices, high: Indices, size: int) -> tuple[Indices, Indices]:
    """Reduce the positions of extremes `size` at a time; the last group is filled up by repetition."""
    missing = -len(low) % size
    if missing:
        low = np.append(low, np.repeat(low[-1:], missing))
        high = np.append(high, np.repeat(high[-1:], missing))
    low, high = low.reshape(-1, size), high.reshape(-1, size)
    at_low, at_high = values[low], values[high]
    smallest = np.where(np.isfinite(at_low), at_low, np.inf).argmin(axis=1)
    largest = np.where(np.isfinite(at_high), at_high, -np.inf).argmax(axis=1)
    rows = np.arange(len(low))
    return low[rows, smallest], high[rows, largest]


def finite_mean(blocks: Floats) -> Floats:
    """Mean over the last axis, of finite values only; NaN where there is none."""
    finite = np.isfinite(blocks)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        total = np.where(finite, blocks, 0.0).sum(axis=-1)
        mean: Floats = total / finite.sum(axis=-1)
    return mean
