"""A min-max pyramid: the extremes and means of ever longer blocks of an append-only column."""

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from orpo_studio.gui.charts.arrays import Floats, GrowingArray, Indices
from orpo_studio.gui.charts.column import Column

Number = TypeVar("Number", np.int64, np.float64)

FACTOR = 4
_FIRST = 3
"""The lowest level that is kept: blocks of 64. Views that need shorter ones read the values themselves."""
_BASE = FACTOR**_FIRST


class Extremes(NamedTuple):
    """Where the smallest and the largest finite value of each block stand, and what they are."""

    low_at: Indices
    high_at: Indices
    low: Floats
    high: Floats


class _Level:
    """Blocks of one length."""

    def __init__(self) -> None:
        self.low_at, self.high_at = GrowingArray(np.int32), GrowingArray(np.int32)
        self.low, self.high, self.mean = (GrowingArray(np.float64) for _ in range(3))

    def __len__(self) -> int:
        return len(self.mean)

    def extend(self, extremes: Extremes, means: Floats) -> None:
        for column, values in zip(
            (self.low_at, self.high_at, self.low, self.high, self.mean), (*extremes, means), strict=True
        ):
            column.extend(values)

    def extremes(self, first: int, last: int) -> Extremes:
        """Return those of blocks [first, last)."""
        columns = (self.low_at, self.high_at, self.low, self.high)
        return Extremes(*(column.values[first:last] for column in columns))


class Pyramid:
    """The extremes and means of every block of 64, 256, 1024, … values, for views at any width.

    The extremes are exact in place and value, so a view of a long column reads none of its values. Costs 0.7 bytes a
    value. Blocks are added when they are complete; `catch_up` does it in batches.
    """

    def __init__(self, values: Column) -> None:
        self._values = values
        self._levels: list[_Level] = []

    @property
    def size(self) -> int:
        """Bytes that are held."""
        return sum(
            column.values.nbytes
            for level in self._levels
            for column in (level.low_at, level.high_at, level.low, level.high, level.mean)
        )

    @property
    def behind(self) -> int:
        """Values that were appended since the last `catch_up`."""
        return len(self._values) - (len(self._levels[0]) * _BASE if self._levels else 0)

    def catch_up(self) -> None:
        """Take in what was appended since the last call."""
        available = len(self._values) // _BASE
        number = 0
        while available:
            if number == len(self._levels):
                self._levels.append(_Level())
            done = len(self._levels[number])
            if done < available:
                self._add_blocks(number, done, available)
            available //= FACTOR
            number += 1

    def _add_blocks(self, number: int, done: int, available: int) -> None:
        if number == 0:
            values = self._values.read(done * _BASE, available * _BASE)
            self._levels[0].extend(
                _reduce(_singles(values, done * _BASE), _BASE), finite_mean(values.reshape(-1, _BASE))
            )
            return
        below = self._levels[number - 1]
        children = done * FACTOR, available * FACTOR
        means = below.mean.values[slice(*children)]
        self._levels[number].extend(_reduce(below.extremes(*children), FACTOR), finite_mean(means.reshape(-1, FACTOR)))

    def select(self, first: int, last: int, columns: int) -> tuple[Indices, Floats]:
        """Choose from [first, last): every value, or the extremes of at most about `columns` blocks.

        Returns:
            Positions, in order, and the values there. When blocks are formed, values that are not finite are left out.
        """
        count = last - first
        if count <= 2 * columns:
            return np.arange(first, last), self._values.read(first, last)
        level = int(np.log2(count / columns)) // 2
        if level < _FIRST:
            blocks = _singles(self._values.read(first, last), first)
        else:
            blocks = self._blocks(first, last, level - _FIRST)
        blocks = _reduce(blocks, -(-len(blocks.low) // columns))
        swapped = blocks.low_at > blocks.high_at
        ends = (blocks.low_at, blocks.high_at), (blocks.low, blocks.high)
        at, values = (np.stack((np.where(swapped, b, a), np.where(swapped, a, b)), axis=1).ravel() for a, b in ends)
        kept = np.isfinite(values)
        kept[1:] &= at[1:] != at[:-1]
        return at[kept], values[kept]

    def _blocks(self, first: int, last: int, number: int) -> Extremes:
        """Extremes of the complete blocks of a level in [first, last), and of what sticks out at both ends."""
        size = _BASE * FACTOR**number
        begin, end = -(-first // size), last // size
        parts = [self._levels[number].extremes(begin, end)]
        if first < begin * size:
            head = self._values.read(first, begin * size)
            parts.insert(0, _reduce(_singles(head, first), len(head)))
        if end * size < last:
            tail = self._values.read(end * size, last)
            parts.append(_reduce(_singles(tail, end * size), len(tail)))
        return Extremes(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def means(self, level: int, first: int, last: int) -> Floats:
        """Mean of the finite values of blocks first … last-1 of size 4**level; NaN for a block without any.

        The last block may be incomplete. Within a long block each quarter weighs the same.
        """
        size = FACTOR**level
        end = min(last * size, len(self._values))
        if level < _FIRST:
            values = self._values.read(first * size, end)
            return finite_mean(np.append(values, np.repeat(np.nan, -len(values) % size)).reshape(-1, size))
        number = level - _FIRST
        whole: Floats = self._levels[number].mean.values[first:last] if number < len(self._levels) else np.empty(0)
        if first + len(whole) < last:
            rest = self._values.read((first + len(whole)) * size, end)
            whole = np.append(whole, finite_mean(rest[None, :]))
        return whole


def _singles(values: Floats, first: int) -> Extremes:
    """Return each value as a block of its own."""
    at = np.arange(first, first + len(values))
    return Extremes(at, at, values, values)


def _reduce(blocks: Extremes, size: int) -> Extremes:
    """Join `size` blocks at a time; the last group is filled up by repetition."""
    if size == 1:
        return blocks
    low_at, high_at = _in_groups(blocks.low_at, size), _in_groups(blocks.high_at, size)
    low, high = _in_groups(blocks.low, size), _in_groups(blocks.high, size)
    smallest = np.where(np.isfinite(low), low, np.inf).argmin(axis=1)
    largest = np.where(np.isfinite(high), high, -np.inf).argmax(axis=1)
    rows = np.arange(len(low))
    return Extremes(low_at[rows, smallest], high_at[rows, largest], low[rows, smallest], high[rows, largest])


def _in_groups(values: NDArray[Number], size: int) -> NDArray[Number]:
    missing = -len(values) % size
    return np.concatenate((values, np.repeat(values[-1:], missing))).reshape(-1, size)


def finite_mean(blocks: Floats) -> Floats:
    """Mean over the last axis, of finite values only; NaN where there is none."""
    finite = np.isfinite(blocks)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        total = np.where(finite, blocks, 0.0).sum(axis=-1)
        mean: Floats = total / finite.sum(axis=-1)
    return mean
