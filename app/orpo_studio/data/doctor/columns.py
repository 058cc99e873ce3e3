"""The pairs of a prepared folder as columns of text, a batch at a time from the memory-mapped file."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from orpo_studio.data.prepared import PAIRS_TO_VIEW

Part = Literal["prompt", "chosen", "rejected"]
PARTS: tuple[Part, Part, Part] = ("prompt", "chosen", "rejected")
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
_BATCH_ROWS = 1_024


@dataclass(slots=True)
class PairBatch:
    """Some pairs in a row.

    Attributes:
        rows: their numbers, from 0.
        records: their columns.
    """

    rows: Ints
    records: pa.RecordBatch
    _texts: dict[Part, pa.StringArray] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return int(self.records.num_rows)

    def texts(self, part: Part) -> pa.StringArray:
        """Return a part's text, its turns joined by line feeds: one text a pair, never null."""
        if part not in self._texts:
            self._texts[part] = joined_turns(self.records.column(part))
        return self._texts[part]

    def text(self, part: Part, place: int) -> str:
        """Return one text; the place counts from the batch's first pair."""
        return str(self.texts(part)[place].as_py())

    def turns(self, part: Part) -> Ints:
        """Return how many turns a part has, pair by pair."""
        return np.asarray(np.diff(self.records.column(part).offsets.to_numpy()), dtype=np.int64)

    def origins(self) -> list[str] | None:
        """Return where each pair comes from by its own account, or None where the data does not say."""
        if "origin" not in self.records.schema.names:
            return None
        return [str(origin or "") for origin in self.records.column("origin").to_pylist()]


def joined_turns(column: pa.ListArray) -> pa.StringArray:
    """Return the contents of lists of messages, those of a list joined by line feeds."""
    contents = pc.fill_null(column.flatten().field("content"), "")
    offsets = column.offsets.to_numpy()
    if (np.diff(offsets) == 1).all():
        return contents
    lists = pa.ListArray.from_arrays(pa.array((offsets - offsets[0]).astype(np.int32)), contents)
    return pc.binary_join(lists, "\n")


class Pairs:
    """All pairs of a file, training ones first. Close it before the folder is deleted."""

    def __init__(self, file: Path, *, train: int) -> None:
        """Open the Arrow file of a prepared folder, of which the first pairs are to train on."""
        self._map = pa.memory_map(str(file))
        self._reader = pa.ipc.open_file(self._map)
        sizes = [self._reader.get_batch(place).num_rows for place in range(self._reader.num_record_batches)]
        self._starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        self.train = train

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __enter__(self) -> "Pairs":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()

    def batches(self) -> Iterator[PairBatch]:
        """Yield all pairs in their order."""
        for place, first in enumerate(self._starts[:-1]):
            records = self._reader.get_batch(place)
            for start in range(0, records.num_rows, _BATCH_ROWS):
                part = records.slice(start, _BATCH_ROWS)
                yield PairBatch(np.arange(part.num_rows, dtype=np.int64) + int(first) + start, part)

    def one(self, row: int) -> PairBatch:
        """Return a single pair by its number."""
        place = int(np.searchsorted(self._starts, row, side="right")) - 1
        records = self._reader.get_batch(place).slice(row - int(self._starts[place]), 1)
        return PairBatch(np.array([row], dtype=np.int64), records)

    def sample(self, most: int, seed: int = 0) -> Iterator[PairBatch]:
        """Yield at most so many pairs, drawn evenly from all of them; always the same ones."""
        yield from self.at(sampled_rows(len(self), most, seed))

    def at(self, wanted: Ints) -> Iterator[PairBatch]:
        """Yield the pairs of some numbers, which rise."""
        for batch in self.batches():
            low, high = np.searchsorted(wanted, [batch.rows[0], batch.rows[-1] + 1])
            if low < high:
                rows = wanted[low:high]
                yield PairBatch(rows, batch.records.take(pa.array(rows - batch.rows[0])))


def sampled_rows(count: int, most: int, seed: int = 0) -> Ints:
    """Return the numbers of at most so many of a count of rows, rising; always the same ones."""
    if count <= most:
        return np.arange(count, dtype=np.int64)
    picked = np.random.default_rng(seed).choice(count, most, replace=False)
    picked.sort()
    return picked.astype(np.int64)


def byte_lengths(texts: pa.StringArray) -> Ints:
    """Return the length of each text in bytes of UTF-8."""
    return np.asarray(pc.binary_length(texts).to_numpy(zero_copy_only=False), dtype=np.int64)


def as_mask(values: Any) -> Bools:
    """Return an Arrow array of truth values as NumPy holds it; null counts as false."""
    return np.asarray(pc.fill_null(values, fill_value=False).to_numpy(zero_copy_only=False), dtype=bool)


def open_pairs(folder: Path, *, train: int) -> Pairs:
    """Open the pairs of a prepared folder."""
    return Pairs(folder / PAIRS_TO_VIEW, train=train)
