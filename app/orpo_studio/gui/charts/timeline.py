"""The x coordinates that the curves of one run share."""

import math
from typing import Literal

import numpy as np

from orpo_studio.gui.charts.arrays import Floats, GrowingArray
from orpo_studio.gui.charts.column import Column
from orpo_studio.gui.charts.spill import Spill

XAxis = Literal["step", "epoch", "seconds"]
X_AXES: tuple[XAxis, ...] = ("step", "epoch", "seconds")


class Timeline:
    """The step, epoch and seconds of every logged row; the curves of a run refer to its rows.

    One log event carries a dozen values at the same place, so a place is stored once and not once a curve. The axis
    that is looked at is held in memory, 8 bytes a row; the others may lie on the disk.
    """

    def __init__(self, spill: Spill | None = None) -> None:
        """Begin without rows.

        Args:
            spill: where old places, and the values of these rows, may go; without it they stay in memory.
        """
        self.spill = spill
        self._columns = {axis: Column(spill) for axis in X_AXES}
        self._looked_at: XAxis = "step"
        self._looked_at_column = GrowingArray(np.float64)
        self._last = (math.nan, math.nan, math.nan)
        self._bounds: dict[XAxis, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._columns["step"])

    def bounds(self, axis: XAxis) -> tuple[float, float] | None:
        """Smallest and largest coordinate; None while there is none."""
        return self._bounds.get(axis)

    def row(self, step: float, epoch: float, seconds: float, after: int = -1) -> int:
        """Return the row of this place, a new one unless the newest row is the same and later than `after`.

        A coordinate that is not finite repeats the one before it, so that the point can still be drawn.
        """
        place = (step, epoch, seconds)
        newest = len(self) - 1
        if place == self._last and newest > after:
            return newest
        self._last = place
        for axis, coordinate in zip(X_AXES, place, strict=True):
            column = self._columns[axis]
            if not math.isfinite(coordinate):
                coordinate = float(self._repeated(axis, np.array([coordinate]))[0])  # noqa: PLW2901
            column.append(coordinate)
            self._widen(axis, coordinate, coordinate)
        return newest + 1

    def extend(self, steps: Floats, epochs: Floats, seconds: Floats) -> int:
        """Add many rows, one at least; return the index of the first.

        A coordinate that is not finite repeats the one before it, as in `row`.
        """
        first = len(self)
        for axis, coordinates in zip(X_AXES, (steps, epochs, seconds), strict=True):
            if not np.isfinite(coordinates).all():
                coordinates = self._repeated(axis, coordinates)  # noqa: PLW2901
            self._columns[axis].extend(coordinates)
            self._widen(axis, float(coordinates.min()), float(coordinates.max()))
        self._last = (float(steps[-1]), float(epochs[-1]), float(seconds[-1]))
        return first

    def column(self, axis: XAxis) -> Floats:
        """All coordinates on the axis that is looked at, by row. Looking at another one reads all of it once."""
        if axis != self._looked_at:
            self._looked_at, self._looked_at_column = axis, GrowingArray(np.float64)
        column = self._looked_at_column
        if len(column) < len(self):
            column.extend(self._columns[axis].read(len(column), len(self)))
        values: Floats = column.values
        return values

    def read(self, axis: XAxis, first: int, last: int) -> Floats:
        """Return the coordinates of rows [first, last)."""
        return self._columns[axis].read(first, last)

    def at(self, row: int) -> tuple[float, float, float]:
        """Return step, epoch and seconds of a row."""
        step, epoch, seconds = (self._columns[axis].at(row) for axis in X_AXES)
        return step, epoch, seconds

    def frozen(self) -> dict[XAxis, Column]:
        """Return what is there now, for a thread to read."""
        return {axis: column.frozen() for axis, column in self._columns.items()}

    def _repeated(self, axis: XAxis, coordinates: Floats) -> Floats:
        column = self._columns[axis]
        before = column.at(len(column) - 1) if len(column) else 0.0
        known = np.append(before, coordinates)
        finite = np.isfinite(known)
        repeated: Floats = known[np.maximum.accumulate(np.where(finite, np.arange(len(known)), 0))][1:]
        return repeated

    def _widen(self, axis: XAxis, low: float, high: float) -> None:
        before = self._bounds.get(axis, (low, high))
        self._bounds[axis] = (min(before[0], low), max(before[1], high))
