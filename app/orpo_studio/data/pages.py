"""Converted pairs read at any place: from a memory-mapped file of any size, or a short list held in memory.

The file's record batches hold up to a thousand rows each. Only an index of where each begins is kept; what a table's
cell or a length needs is read from Arrow's own buffers, so that texts of megabytes are never made into strings.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal, Protocol, Self

from orpo_studio.data.pair import Message, Pair
from orpo_studio.data.problem import DataProblem

if TYPE_CHECKING:
    import pyarrow as pa

    from orpo_studio.data.turns import Turns

Split = Literal["train", "held_out"]
PARTS = ("prompt", "chosen", "rejected")
CELL_LENGTH = 200
"""Longest text in a table's cell, in characters: longer ones take twice as long to paint."""
_BATCHES_KEPT = 16
_BATCHES_MAPPED = 32
"""After so many batches the file is mapped anew: pages that were looked at would count as the process's memory."""
_BYTES_A_CHARACTER = 4
"""The most that UTF-8 takes."""


@dataclass(frozen=True, slots=True)
class PairCells:
    """A pair as a table shows it: the last thing asked and the two answers, cut to a cell's length."""

    source_row: int
    split: Split
    prompt: str
    chosen: str
    rejected: str
    sizes: tuple[int, ...] = (0, 0, 0)
    """Bytes of text of prompt, chosen and rejected."""
    file: str = ""
    """Name of the source that ``source_row`` counts in."""


class Pages(Protocol):
    """Pairs by their positions, from 0 on; training rows come first."""

    def __len__(self) -> int: ...

    def close(self) -> None:
        """Let go of what is held."""

    def span(self, split: Split | None = None) -> range:
        """Return the positions of a split, or of all pairs."""

    def pair(self, position: int) -> Pair:
        """Return a whole pair."""

    def cells_at(self, positions: Sequence[int]) -> list[PairCells]:
        """Return what a table shows of some pairs."""

    def text_bytes(self, position: int) -> int:
        """Return how many bytes of text a pair has, without reading any."""


class _Batch:
    """A record batch, its columns of turns found when they are first needed."""

    def __init__(self, rows: "pa.RecordBatch") -> None:
        self.rows = rows

    @cached_property
    def turns(self) -> "tuple[Turns, ...]":
        from orpo_studio.data.turns import Turns

        return tuple(Turns(self.rows.column(part)) for part in PARTS)


class PairPages:
    """The pairs of a prepared folder, read from a memory-mapped file: any page costs the same.

    Rows count from 0; training rows come first. Close it before the folder is deleted. Several threads may read.
    """

    def __init__(self, path: Path, *, train: int) -> None:
        """Open the file.

        Raises:
            DataProblem: it is damaged.
        """
        import pyarrow as pa

        self.path = path
        self._train = train
        self._lock = Lock()
        self._batches: OrderedDict[int, _Batch] = OrderedDict()
        self._map: pa.MemoryMappedFile | None = None
        self._read = 0
        try:
            reader = self._map_anew()
            counts = [reader.get_batch(place).num_rows for place in range(reader.num_record_batches)]
            self._reader: pa.RecordBatchFileReader | None = self._map_anew()
        except pa.ArrowException as error:
            raise not_prepared(path.parent, str(error)) from error
        self._starts = list(accumulate(counts, initial=0))

    def __len__(self) -> int:
        return self._starts[-1] if self._reader is not None else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._batches.clear()
            self._reader = None
            if self._map is not None:
                self._map.close()

    def count(self, split: Split | None = None) -> int:
        """Return how many pairs a split has."""
        return len(self.span(split))

    def span(self, split: Split | None = None) -> range:
        """Return the positions of a split, or of all pairs."""
        train = min(self._train, len(self))
        return range(train if split == "held_out" else 0, train if split == "train" else len(self))

    def batches_of(self, span: range) -> list[tuple[int, int]]:
        """Return the record batches that hold a span of positions: the place of each in the file, and its first row."""
        if not span:
            return []
        first, last = (bisect_right(self._starts, position) - 1 for position in (span[0], span[-1]))
        return [(place, self._starts[place]) for place in range(first, last + 1)]

    def page(self, start: int, count: int, split: Split | None = None) -> list[Pair]:
        """Return up to ``count`` pairs of a split (or of all), from the ``start``-th on."""
        return [pair for rows in self._slices(self.span(split)[start : start + max(0, count)]) for pair in _pairs(rows)]

    def cells(self, start: int, count: int, split: Split | None = None) -> list[PairCells]:
        """Return what a table shows of up to ``count`` pairs, from the ``start``-th on."""
        return self.cells_at(self.span(split)[start : start + max(0, count)])

    def pair(self, position: int) -> Pair:
        """Return a whole pair."""
        batch, row = self._find(position)
        return _pairs(batch.rows.slice(row, 1))[0]

    def cells_at(self, positions: Sequence[int]) -> list[PairCells]:
        """Return what a table shows of the pairs at some positions, in that order."""
        cells = []
        for position in positions:
            batch, row = self._find(position)
            texts = [_one_line(turns.last_text(row, _READ), CELL_LENGTH) for turns in batch.turns]
            split: Split = "train" if position < self._train else "held_out"
            sizes = tuple(turns.bytes_of(row) for turns in batch.turns)
            source_row, file = (batch.rows.column(name)[row].as_py() for name in ("source_row", "file"))
            cells.append(_cells(source_row, split, texts, sizes, file))
        return cells

    def text_bytes(self, position: int) -> int:
        """Return how many bytes of text a pair has, without reading any."""
        batch, row = self._find(position)
        return sum(turns.bytes_of(row) for turns in batch.turns)

    def _find(self, position: int) -> tuple[_Batch, int]:
        if not 0 <= position < len(self):
            raise IndexError(position)
        place = bisect_right(self._starts, position) - 1
        return self._batch(place), position - self._starts[place]

    def _batch(self, place: int) -> _Batch:
        with self._lock:
            batch = self._batches.get(place)
            if batch is None:
                if self._reader is None:
                    raise IndexError(place)
                self._read += 1
                if self._read > _BATCHES_MAPPED:
                    self._batches.clear()
                    self._reader = self._map_anew()
                batch = self._batches[place] = _Batch(self._reader.get_batch(place))
                if len(self._batches) > _BATCHES_KEPT:
                    self._batches.popitem(last=False)
        return batch

    def _map_anew(self) -> "pa.RecordBatchFileReader":
        """Map the file, in place of a mapping before; batches of that one stay good as long as they are held."""
        import pyarrow as pa

        if self._map is not None:
            self._map.close()
        self._read = 0
        self._map = pa.memory_map(str(self.path))
        return pa.ipc.open_file(self._map)

    def _slices(self, positions: range) -> "Iterator[pa.RecordBatch]":
        while positions:
            batch, row = self._find(positions[0])
            part = batch.rows.slice(row, len(positions))
            yield part
            positions = positions[part.num_rows :]


class ListPages:
    """A few pairs held in memory, such as the beginning of a file that is still being converted."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._pairs = list(pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def close(self) -> None:
        """Let go of the pairs."""
        self._pairs = []

    def span(self, split: Split | None = None) -> range:
        """Return the positions of all pairs; none is known to be held out yet."""
        return range(0 if split == "held_out" else len(self))

    def pair(self, position: int) -> Pair:
        """Return a whole pair."""
        return self._pairs[position]

    def cells_at(self, positions: Sequence[int]) -> list[PairCells]:
        """Return what a table shows of the pairs at some positions, in that order."""
        return [
            _cells(
                pair.source_row,
                "train",
                [cell_text(turns) for turns in _parts(pair)],
                tuple(_bytes_of(turns) for turns in _parts(pair)),
            )
            for pair in (self._pairs[position] for position in positions)
        ]

    def text_bytes(self, position: int) -> int:
        """Return how many bytes of text a pair has."""
        return sum(_bytes_of(turns) for turns in _parts(self._pairs[position]))


def _cells(source_row: int, split: Split, texts: Sequence[str], sizes: tuple[int, ...], file: str = "") -> PairCells:
    prompt, chosen, rejected = texts
    return PairCells(source_row, split, prompt, chosen, rejected, sizes, file)


def _bytes_of(turns: Sequence[Message]) -> int:
    return sum(len(turn["content"].encode(errors="replace")) for turn in turns)


def _parts(pair: Pair) -> tuple[list[Message], list[Message], list[Message]]:
    return pair.prompt, pair.chosen, pair.rejected


def _pairs(rows: "pa.RecordBatch") -> list[Pair]:
    return [
        Pair(row["prompt"], row["chosen"], row["rejected"], row["source_row"], row["origin"], row["file"])
        for row in rows.to_pylist()
    ]


_READ = 4 * CELL_LENGTH * _BYTES_A_CHARACTER
"""Bytes read for a cell: blanks are thrown together, so that more than the cell's length is looked at."""


def cell_text(messages: list[Message], length: int = CELL_LENGTH) -> str:
    """Return the last turn on one line, cut to a length."""
    return _one_line(messages[-1]["content"], length) if messages else ""


def _one_line(text: str, length: int) -> str:
    words = " ".join(text[: 2 * length].split())
    if len(words) <= length < len(text) / 2:  # more than half of it are blanks, which is rare
        words = " ".join(text[: 4 * length].split())
    return words if len(words) <= length else words[: length - 1] + "…"


def not_prepared(folder: Path, detail: str) -> DataProblem:
    """Return the problem of converted data that cannot be read."""
    return DataProblem(
        "not-prepared",
        "The converted data is incomplete or damaged.",
        detail=f"{folder}: {detail}",
        hint="Choose the data file again; it is then converted anew.",
    )
