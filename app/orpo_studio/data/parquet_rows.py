"""Rows of a Parquet file."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq

from orpo_studio.data.problem import DataProblem
from orpo_studio.data.rows import Advance, NumberedRow, Unreadable

_BATCH = 1_000


def parquet_rows(source: Path, advance: Advance) -> Iterator[NumberedRow]:
    """Yield the rows of a Parquet file, a thousand in memory at a time.

    Raises:
        DataProblem: the file is damaged.
    """
    number = 0
    try:
        with pq.ParquetFile(source) as file:
            total = file.metadata.num_rows
            for batch in file.iter_batches(_BATCH):
                for row in _rows(batch):
                    number += 1
                    yield number, row
                advance(number / total)
    except pa.ArrowException as error:
        raise DataProblem(
            "broken-parquet",
            f"{source.name} is not a readable Parquet file.",
            detail=str(error),
            hint="The file may be half copied. Copy it again.",
        ) from error


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, object] | Unreadable]:
    try:
        yield from cast("list[dict[str, object]]", batch.to_pylist())
    except (ValueError, OverflowError):  # some cell is not what its type says: find which rows
        for index in range(batch.num_rows):
            try:
                yield cast("dict[str, object]", batch.slice(index, 1).to_pylist()[0])
            except (ValueError, OverflowError) as error:
                yield Unreadable(f"A cell cannot be read: {error}.", "")
