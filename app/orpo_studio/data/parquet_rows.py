"""Rows of a Parquet file."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from orpo_studio.data.batches import CELL_ERRORS, batch_rows, check_columns, check_row_count
from orpo_studio.data.problem import DataProblem
from orpo_studio.data.rows import Advance, NumberedRow

_MOST_ROWS = 1_000
_BATCH_BYTES = 16 << 20
"""About how much is decoded at once, in bytes."""
_BUFFER = 1 << 20


def parquet_rows(file: Path | BinaryIO, name: str, size: int, advance: Advance) -> Iterator[NumberedRow]:
    """Yield the rows of a Parquet file, up to a thousand in memory at a time.

    Args:
        file: a path, or an open file that can be sought.
        name: of the file, for what is said of it.
        size: of the file, in bytes.
        advance: told which share of the rows has been read, 0 to 1.

    Raises:
        DataProblem: the file is damaged, or names a column twice.
    """
    number = 0
    try:
        with pq.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False) as parquet:
            check_columns(parquet.schema_arrow, name)
            total = parquet.metadata.num_rows
            check_row_count(total, size, name)
            for batch in parquet.iter_batches(_rows_at_once(parquet.metadata)):
                for row in batch_rows(batch):
                    number += 1
                    yield number, row
                advance(min(1.0, number / max(1, total)))
    except (pa.ArrowException, *CELL_ERRORS) as error:
        raise _broken(name, error) from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise _broken(name, error) from error
    if number != total:
        raise _broken(name, f"It should hold {total:,} rows and holds {number:,}.")


def _rows_at_once(metadata: pq.FileMetaData) -> int:
    """Return how many rows fit in a batch, so that rows of 10 MB do not come a thousand at a time."""
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    widest = max((group.total_byte_size / max(1, group.num_rows) for group in groups), default=0.0)
    return int(min(_MOST_ROWS, max(1, _BATCH_BYTES / max(1.0, widest))))


def _broken(name: str, error: Exception | str) -> DataProblem:
    return DataProblem(
        "broken-parquet",
        f"{name} is not a readable Parquet file.",
        detail=str(error)[:1_000],
        hint="The file may be half copied. Copy it again.",
    )
