"""An append-only column of values whose beginning may lie on the disk."""

from functools import partial
from typing import NamedTuple

import numpy as np

from orpo_studio.gui.charts.arrays import Floats, GrowingArray
from orpo_studio.gui.charts.spill import Spill

CHUNK = 16_384
"""Values of a block: 128 KiB."""
_KEPT = 1
"""Whole blocks that stay in memory, beside the one that is being filled: what is drawn live is read from there."""


class _OnDisk(NamedTuple):
    spill: Spill
    place: int

    def read(self, begin: int, end: int) -> Floats:
        return self.spill.read(self.place + begin * 8, end - begin)


class Column:
    """Values in blocks. All but the newest go to the disk where there is a place for them.

    Arrays handed out stay valid and unchanged for ever.
    """

    def __init__(self, spill: Spill | None = None) -> None:
        self._spill = spill
        self._blocks: list[Floats | _OnDisk] = []
        self._asked = 0
        """Blocks that the disk was asked to take."""
        self._newest = GrowingArray(np.float64)

    def __len__(self) -> int:
        return len(self._blocks) * CHUNK + len(self._newest)

    def append(self, value: float) -> None:
        """Add one value."""
        self._newest.append(value)
        if len(self._newest) == CHUNK:
            self._begin_block()

    def extend(self, values: Floats) -> None:
        """Add values."""
        while len(values):
            room = CHUNK - len(self._newest)
            self._newest.extend(values[:room])
            values = values[room:]
            if len(self._newest) == CHUNK:
                self._begin_block()

    def read(self, first: int, last: int) -> Floats:
        """Return the values at [first, last).

        Raises:
            OSError: the disk does not give them back.
        """
        parts: list[Floats] = []
        while first < last:
            number, begin = divmod(first, CHUNK)
            end = min(CHUNK, begin + last - first)
            parts.append(self._part(number, begin, end))
            first += end - begin
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts) if parts else np.empty(0)

    def at(self, position: int) -> float:
        """Return one value.

        Raises:
            OSError: the disk does not give it back.
        """
        return float(self.read(position, position + 1)[0])

    def newest(self, count: int) -> Floats:
        """Return the last values, ``count`` at most."""
        return self.read(max(0, len(self) - count), len(self))

    def frozen(self) -> "Column":
        """Return what is there now as a column of its own, which a thread may read; nothing is copied."""
        copy = Column(self._spill)
        copy._blocks = list(self._blocks)
        copy._newest.extend(self._newest.values)
        return copy

    def _part(self, number: int, begin: int, end: int) -> Floats:
        if number == len(self._blocks):
            newest: Floats = self._newest.values[begin:end]
            return newest
        block = self._blocks[number]
        return block.read(begin, end) if isinstance(block, _OnDisk) else block[begin:end]

    def _begin_block(self) -> None:
        self._blocks.append(self._newest.values)
        self._newest = GrowingArray(np.float64)
        self._let_go()

    def _let_go(self) -> None:
        if self._spill is None:
            return
        while self._asked < len(self._blocks) - _KEPT:
            block = self._blocks[self._asked]
            if not isinstance(block, _OnDisk):
                self._spill.put(block, partial(self._on_written, self._asked, self._spill))
            self._asked += 1

    def _on_written(self, number: int, spill: Spill, place: int) -> None:
        self._blocks[number] = _OnDisk(spill, place)
