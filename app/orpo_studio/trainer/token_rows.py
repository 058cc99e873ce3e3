"""Token ids of pairs on the disk, and read from there: what is open costs address space, not memory.

A *piece* is one Arrow IPC file of up to `PIECE_ROWS` pairs: Arrow, since it is mapped without a copy, brings its
offsets with it, and is whole only with its footer. Its name ends with the checksum of its content, so that a piece
that is short or damaged is known from a whole one without a second file.
"""

import json
import zlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Self, overload
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from orpo_studio.data.pages import Split
from orpo_studio.trainer.tokens import TokenizedPair

PIECE_ROWS = 4096
"""Pairs read for one piece: about a second of work, and some 50 MB of ids where rows are long."""

Ids = npt.NDArray[np.int32]
WRITING = ".writing-"
"""How the names of unfinished files begin."""
_BLOCK = 1 << 20
_IDS = pa.list_(pa.int32())
_SCHEMA = pa.schema(
    [
        pa.field("place", pa.int32(), nullable=False),
        pa.field("source_row", pa.int64(), nullable=False),
        pa.field("chosen", _IDS, nullable=False),
        pa.field("chosen_prompt", pa.int32(), nullable=False),
        pa.field("rejected", _IDS, nullable=False),
        pa.field("rejected_prompt", pa.int32(), nullable=False),
        pa.field("truncated", pa.bool_(), nullable=False),
    ]
)
_SET_ASIDE = b"set_aside"


class PieceWriter:
    """Collects the pairs of one piece, as arrays, and writes them."""

    def __init__(self) -> None:
        self._batches: list[pa.RecordBatch] = []
        self._set_aside: Counter[str] = Counter()

    def add(self, start: int, rows: Sequence[TokenizedPair | str]) -> None:
        """Take what became of the pairs of a split from the ``start``-th on: their ids, or why they have none."""
        self._set_aside.update(row for row in rows if isinstance(row, str))
        kept = [(start + offset, row) for offset, row in enumerate(rows) if not isinstance(row, str)]
        pairs = [row for _, row in kept]
        columns = [
            pa.array([place for place, _ in kept], pa.int32()),
            pa.array([row.source_row for row in pairs], pa.int64()),
            _ragged([row.chosen for row in pairs]),
            pa.array([row.chosen_prompt for row in pairs], pa.int32()),
            _ragged([row.rejected for row in pairs]),
            pa.array([row.rejected_prompt for row in pairs], pa.int32()),
            pa.array([row.truncated for row in pairs], pa.bool_()),
        ]
        self._batches.append(pa.record_batch(columns, schema=_SCHEMA))

    def write(self, folder: Path, split: Split, number: int) -> Path:
        """Write the piece beside, and give it its name when it is whole. Returns the file.

        Raises:
            OSError: it cannot be written, because the disk is full, say.
        """
        joined = pa.Table.from_batches(self._batches, _SCHEMA).combine_chunks().to_batches()
        (batch,) = joined or self._batches[:1]  # without a row there is nothing to join
        metadata = {_SET_ASIDE: json.dumps(self._set_aside)}
        beside = folder / f"{WRITING}{uuid4().hex}"
        try:
            with pa.ipc.new_file(str(beside), _SCHEMA.with_metadata(metadata)) as writer:
                writer.write_batch(batch.replace_schema_metadata(metadata))
            return beside.replace(folder / f"{split}-{number:05d}-{_checksum(beside):08x}.arrow")
        finally:
            beside.unlink(missing_ok=True)


def _ragged(rows: Sequence[Sequence[int]]) -> pa.ListArray:
    offsets = np.zeros(len(rows) + 1, np.int32)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    ids = np.fromiter(chain.from_iterable(rows), np.int32, int(offsets[-1]))
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(ids))


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            checksum = zlib.crc32(block, checksum)
    return checksum


def find_pieces(folder: Path, split: Split) -> dict[int, Path]:
    """Return the whole pieces of a split by number, and remove those that are damaged."""
    found = {}
    for path in folder.glob(f"{split}-*.arrow"):
        number, _, checksum = path.stem.removeprefix(f"{split}-").partition("-")
        if number.isdecimal() and checksum == f"{_checksum(path):08x}":
            found[int(number)] = path
        else:
            path.unlink()
    return found


@dataclass(frozen=True, slots=True)
class _Piece:
    """One file, mapped; arrays are views of it."""

    source_rows: npt.NDArray[np.int64]
    places: Ids
    chosen: Ids
    chosen_ends: Ids
    rejected: Ids
    rejected_ends: Ids
    prompts: Ids
    truncated: npt.NDArray[np.bool_]
    set_aside: Counter[str]
    file: Any = field(repr=False)

    @classmethod
    def open(cls, path: Path) -> Self:
        file = pa.memory_map(str(path))
        reader = pa.ipc.open_file(file)
        batch = reader.get_batch(0)
        chosen, rejected = batch.column("chosen"), batch.column("rejected")
        return cls(
            source_rows=batch.column("source_row").to_numpy(),
            places=batch.column("place").to_numpy(),
            chosen=chosen.values.to_numpy(),
            chosen_ends=chosen.offsets.to_numpy(),
            rejected=rejected.values.to_numpy(),
            rejected_ends=rejected.offsets.to_numpy(),
            prompts=np.stack([batch.column(f"{side}_prompt").to_numpy() for side in ("chosen", "rejected")], 1),
            truncated=batch.column("truncated").to_numpy(zero_copy_only=False),
            set_aside=Counter(json.loads(reader.schema.metadata[_SET_ASIDE])),
            file=file,
        )

    def __len__(self) -> int:
        return len(self.places)

    def row(self, index: int) -> TokenizedPair:
        return TokenizedPair(
            source_row=int(self.source_rows[index]),
            chosen=self.chosen[self.chosen_ends[index] : self.chosen_ends[index + 1]].tolist(),
            chosen_prompt=int(self.prompts[index, 0]),
            rejected=self.rejected[self.rejected_ends[index] : self.rejected_ends[index + 1]].tolist(),
            rejected_prompt=int(self.prompts[index, 1]),
            truncated=bool(self.truncated[index]),
        )


class TokenRows(Sequence[TokenizedPair]):
    """The tokenized pairs of a split, in its order, read from their pieces one by one.

    Attributes:
        lengths: (rows, 2) tokens of the chosen and of the rejected sequence, prompt included.
        prompt_lengths: (rows, 2) how many of those are the prompt.
        truncated: (rows,) whether an answer was cut.
        places: (rows,) where the pair stands in its split, from 0; pairs set aside are missing.
        set_aside: how many were set aside for what.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        """Open the pieces of a split, in their order."""
        self._pieces = [_Piece.open(path) for path in files]
        self._starts = [0, *np.cumsum([len(piece) for piece in self._pieces]).tolist()]
        self.lengths = _joined(
            [np.stack([np.diff(piece.chosen_ends), np.diff(piece.rejected_ends)], 1) for piece in self._pieces], 2
        )
        self.prompt_lengths = _joined([piece.prompts for piece in self._pieces], 2)
        self.truncated = _joined([piece.truncated for piece in self._pieces], 1).astype(bool)
        self.places = _joined([piece.places for piece in self._pieces], 1)
        self.set_aside = sum((piece.set_aside for piece in self._pieces), Counter[str]())

    def __len__(self) -> int:
        return self._starts[-1]

    def find(self, pair: TokenizedPair) -> int | None:
        """Return the index of a pair, or None where it is not among them."""
        for start, piece in zip(self._starts, self._pieces, strict=False):
            for index in np.flatnonzero(piece.source_rows == pair.source_row).tolist():
                if piece.row(index) == pair:
                    return int(start + index)
        return None

    @overload
    def __getitem__(self, index: int) -> TokenizedPair: ...

    @overload
    def __getitem__(self, index: slice) -> list[TokenizedPair]: ...

    def __getitem__(self, index: int | slice) -> TokenizedPair | list[TokenizedPair]:
        """Return a pair, its ids as lists, or several."""
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        piece = bisect_right(self._starts, place) - 1
        return self._pieces[piece].row(place - self._starts[piece])


def _joined(arrays: Sequence[npt.NDArray[Any]], dimensions: int) -> npt.NDArray[Any]:
    """Return arrays joined along their first dimension; there may be none."""
    return np.concatenate([np.zeros((0, 2)[:dimensions], np.int32), *arrays])
