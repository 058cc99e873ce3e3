"""Growing columns of numbers, and the x coordinates that the curves of one run share."""

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

XAxis = Literal["step", "epoch", "seconds"]
X_AXES: tuple[XAxis, ...] = ("step", "epoch", "seconds")
Floats = NDArray[np.float64]


class GrowingArray:
    """An append-only numpy column.

    Arrays handed out by `values` stay valid and unchanged for ever: growing copies into a new block.
    """

    def __init__(self, dtype: DTypeLike) -> None:
        self._block: NDArray[Any] = np.empty(64, dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def values(self) -> NDArray[Any]:
        """What was appended so far, as a view without a copy."""
        return self._block[: self._length]

    def append(self, value: float) -> None:
        """Add one value."""
        self._reserve(1)
        self._block[self._length] = value
        self._length += 1

    def extend(self, values: NDArray[Any]) -> None:
        """Add many values."""
        self._reserve(len(values))
        self._block[self._length : self._length + len(values)] = values
        self._length += len(values)

    def _reserve(self, extra: int) -> None:
        needed = self._length + extra
        if needed > len(self._block):
            block = np.empty(max(needed, len(self._block) * 2), self._block.dtype)
            block[: self._length] = self.values
            self._block = block


class Timeline:
    """The step, epoch and seconds of every logged row; the curves of a run refer to its rows.

    One log event carries a dozen values at the same place, so a place is stored once (24 bytes) and not
    once a curve.
    """

    def __init__(self) -> None:
        self._columns = {axis: GrowingArray(np.float64) for axis in X_AXES}
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
                coordinate = float(column.values[-1]) if len(column) else 0.0  # noqa: PLW2901
            column.append(coordinate)
            self._widen(axis, coordinate, coordinate)
        return newest + 1

    def extend(self, steps: Floats, epochs: Floats, seconds: Floats) -> int:
        """Add many rows of finite coordinates; return the index of the first."""
        first = len(self)
        for axis, coordinates in zip(X_AXES, (steps, epochs, seconds), strict=True):
            self._columns[axis].extend(coordinates)
            if len(coordinates):
                self._widen(axis, float(coordinates.min()), float(coordinates.max()))
        self._last = (math.nan, math.nan, math.nan)
        return first

    def column(self, axis: XAxis) -> Floats:
        """All coordinates on one axis, by row."""
        return self._columns[axis].values

    def _widen(self, axis: XAxis, low: float, high: float) -> None:
        before = self._bounds.get(axis, (low, high))
        self._bounds[axis] = (min(before[0], low), max(before[1], high))
