"""Write pairs as Arrow and Parquet files. Importing this costs what importing pyarrow costs."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from orpo_studio.data.pair import Message, Pair

MESSAGES = pa.list_(pa.struct([pa.field("role", pa.string()), pa.field("content", pa.string())]))
PAIR_SCHEMA = pa.schema(
    [
        ("prompt", MESSAGES),
        ("chosen", MESSAGES),
        ("rejected", MESSAGES),
        ("source_row", pa.int64()),
        ("origin", pa.string()),
        ("file", pa.string()),
    ]
)
SPLIT_SCHEMA = PAIR_SCHEMA.append(pa.field("split", pa.string()))
_BATCH_ROWS = 1_024
_BATCH_CHARACTERS = 1 << 24
"""A batch's text must stay under 2 GiB, which Arrow's string type can address."""


class PairWriter:
    """Append pairs to an Arrow file, a batch at a time."""

    def __init__(self, path: Path) -> None:
        self._writer = pa.ipc.new_file(str(path), PAIR_SCHEMA)
        self._pairs: list[Pair] = []
        self._characters = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        try:
            self._flush()
        finally:
            self._writer.close()

    def add(self, pair: Pair) -> None:
        """Append one pair."""
        self._pairs.append(pair)
        self._characters += _length(pair.prompt) + _length(pair.chosen) + _length(pair.rejected)
        if len(self._pairs) >= _BATCH_ROWS or self._characters >= _BATCH_CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        if not self._pairs:
            return
        columns = [[getattr(pair, name) for pair in self._pairs] for name in PAIR_SCHEMA.names]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, PAIR_SCHEMA, strict=True)]
        self._writer.write_batch(pa.record_batch(arrays, schema=PAIR_SCHEMA))
        self._pairs.clear()
        self._characters = 0


def _length(messages: Sequence[Message]) -> int:
    return sum(len(message["content"]) for message in messages)


def write_split(
    files: Sequence[tuple[Path, "array[int]", np.ndarray]],
    held_out: frozenset[int],
    parquet: Path,
    arrow: Path,
    written: Callable[[int], None],
) -> tuple[int, int]:
    """Write the pairs of all files, training rows first, with the side of the split that each is on.

    Args:
        files: Arrow files of pairs, each with the keys of its rows' prompts and how often each row is trained on,
            (rows,) uint8; what is held out is held out once.
        held_out: keys of the prompts held out.
        parquet: the file to train on.
        arrow: the same, to look at.
        written: told how many rows are written, batch by batch; may raise to stop.

    Returns:
        How many rows are to train on and how many are held out.
    """
    counts: list[int] = []
    with (
        pq.ParquetWriter(str(parquet), SPLIT_SCHEMA, compression="zstd") as to_train,
        pa.ipc.new_file(str(arrow), SPLIT_SCHEMA) as to_view,
    ):
        for split in ("train", "held_out"):
            count = 0
            for path, keys, takes in files:
                times = _times(keys, takes, held_out, held=split == "held_out")
                for batch in _repeated(path, times):
                    labelled = batch.append_column("split", pa.array([split] * batch.num_rows, pa.string()))
                    labelled = labelled.cast(SPLIT_SCHEMA)
                    to_train.write_batch(labelled)
                    to_view.write_batch(labelled)
                    count += batch.num_rows
                    written(sum(counts) + count)
            counts.append(count)
    return counts[0], counts[1]


def _times(keys: "array[int]", takes: np.ndarray, held_out: frozenset[int], *, held: bool) -> np.ndarray:
    """Return how often each row stands on a side."""
    on_side = np.fromiter(((key in held_out) == held for key in keys), dtype=bool, count=len(keys))
    return np.where(on_side, np.minimum(takes, 1) if held else takes, 0)


def _repeated(path: Path, times: np.ndarray) -> Iterator[pa.RecordBatch]:
    with pa.memory_map(str(path)) as file:
        reader = pa.ipc.open_file(file)
        start = 0
        for index in range(reader.num_record_batches):
            batch = reader.get_batch(index)
            places = np.repeat(np.arange(batch.num_rows), times[start : start + batch.num_rows])
            start += batch.num_rows
            for first in range(0, len(places), _BATCH_ROWS):  # a batch taken many times would outgrow Arrow's strings
                yield batch.take(pa.array(places[first : first + _BATCH_ROWS]))
