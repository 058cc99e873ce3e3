"""A column of conversations as Arrow's own buffers, for what must not make a string of every text."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


class Turns:
    """A column of message lists as its buffers: where each row's turns and each turn's text begin.

    Attributes:
        rows: (rows + 1) places in ``texts``: row n has the turns from ``rows[n]`` to ``rows[n + 1]``.
        texts: (turns + 1) places in ``data``, in bytes.
        data: the UTF-8 text of all turns, one after the other.
    """

    def __init__(self, column: "pa.ListArray") -> None:
        content = column.values.field("content")
        self.rows = _places(column)
        self.texts = _places(content)
        buffer = content.buffers()[2]
        self.data: np.ndarray = np.frombuffer(buffer, np.uint8) if buffer is not None else np.zeros(0, np.uint8)

    def lengths(self) -> np.ndarray:
        """Return the bytes of text of each row."""
        return np.diff(self.texts[self.rows])

    def bytes_of(self, row: int) -> int:
        """Return the bytes of text of one row."""
        return int(self.texts[self.rows[row + 1]]) - int(self.texts[self.rows[row]])

    def last_text(self, row: int, most: int) -> str:
        """Return the beginning of a row's last turn: as many characters as ``most`` bytes hold for certain."""
        turn = int(self.rows[row + 1]) - 1
        if turn < self.rows[row]:
            return ""
        start, end = int(self.texts[turn]), int(self.texts[turn + 1])
        return self.data[start : min(end, start + most)].tobytes().decode("utf-8", errors="ignore")


def _places(array: Any) -> np.ndarray:
    """Return the offsets of a list's or a string's entries."""
    buffer = array.buffers()[1]
    if buffer is None or not len(array):
        return np.zeros(len(array) + 1, np.int32)
    return np.frombuffer(buffer, np.int32)[array.offset : array.offset + len(array) + 1]
