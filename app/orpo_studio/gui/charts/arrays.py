"""Growing columns of numbers."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


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
