"""Which row of the timeline each value of a curve belongs to."""

import numpy as np

from orpo_studio.gui.charts.arrays import GrowingArray, Indices


class Rows:
    """Ascending row numbers, kept as stretches of consecutive ones.

    What is logged at every step has a stretch from one sample of the machine to the next, a few dozen values: a
    fraction of a byte each, where the numbers themselves would be four.
    """

    def __init__(self) -> None:
        self._starts = GrowingArray(np.int32)
        """The position at which each stretch begins."""
        self._firsts = GrowingArray(np.int32)
        """The row there."""
        self._length = 0
        self.last = -1
        """The newest row, -1 before the first."""

    def __len__(self) -> int:
        return self._length

    def extend(self, rows: Indices) -> None:
        """Add rows, all later than those already here."""
        if not len(rows):
            return
        first, last = int(rows[0]), int(rows[-1])
        goes_on = self._length > 0 and first == self.last + 1
        if last - first == len(rows) - 1:  # consecutive, as they nearly always are
            if not goes_on:
                self._starts.append(self._length)
                self._firsts.append(first)
        else:
            begins = np.flatnonzero(np.diff(rows) != 1) + 1
            if not goes_on:
                begins = np.append(0, begins)
            self._starts.extend(begins + self._length)
            self._firsts.extend(rows[begins])
        self._length += len(rows)
        self.last = last

    def at(self, position: int) -> int:
        """Return the row of one value."""
        stretch = int(self._starts.values.searchsorted(position, side="right")) - 1
        return int(self._firsts.values[stretch]) + position - int(self._starts.values[stretch])

    def of(self, positions: Indices) -> Indices:
        """Return the rows of values."""
        if not len(positions):
            return np.empty(0, np.int64)
        stretches = self._starts.values.searchsorted(positions, side="right") - 1
        rows: Indices = self._firsts.values[stretches] + (positions - self._starts.values[stretches])
        return rows

    def all(self) -> Indices:
        """Return the row of every value."""
        return self.of(np.arange(self._length))

    def frozen(self) -> "Rows":
        """Return what is there now as rows of their own."""
        copy = Rows()
        copy._starts.extend(self._starts.values)
        copy._firsts.extend(self._firsts.values)
        copy._length, copy.last = self._length, self.last
        return copy
