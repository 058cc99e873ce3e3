"""Rows of Arrow IPC files and streams, batch by batch."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from orpo_studio.data.batches import CELL_ERRORS, batch_rows, check_columns, check_row_count, text_columns
from orpo_studio.data.problem import DataProblem
from orpo_studio.data.rows import Advance, NumberedRow

_AT_ONCE = 1_000


def arrow_rows(file: Path | BinaryIO, name: str, size: int, advance: Advance) -> Iterator[NumberedRow]:
    """Yield the rows of an Arrow IPC file (Feather version 2) or stream, a thousand as Python objects at a time.

    Args:
        file: a path, which is mapped into memory, or an open file that can be sought.
        name: of the file, for what is said of it.
        size: of the file, in bytes.
        advance: told which share of the rows or bytes has been read, 0 to 1.

    Raises:
        DataProblem: the file is damaged, or names a column twice.
    """
    number = 0
    with _spoken(name), pa.memory_map(str(file)) if isinstance(file, Path) else pa.PythonFile(file, "r") as source:
        for batch, share in _batches(source, size):
            check_columns(batch.schema, name)
            check_row_count(number + batch.num_rows, size, name)
            readable, texts = _checked(batch), text_columns(batch.schema)
            for start in range(0, readable.num_rows, _AT_ONCE):
                for row in batch_rows(readable.slice(start, _AT_ONCE), texts):
                    number += 1
                    yield number, row
            advance(min(1.0, share))


def _batches(source: Any, size: int) -> Iterator[tuple[pa.RecordBatch, float]]:
    """Yield the batches, each with the share of the file that has then been read."""
    start = source.read(8)
    source.seek(0)
    if start == b"ARROW1\x00\x00":
        with pa.ipc.open_file(source) as reader:
            for place in range(reader.num_record_batches):
                yield reader.get_batch(place), (place + 1) / reader.num_record_batches
    else:
        with pa.ipc.open_stream(source) as reader:
            for batch in reader:
                yield batch, source.tell() / max(1, size)


def _checked(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch whose offsets lead nowhere outside it, which a file can claim whatever it likes about.

    Where a text is not valid UTF-8 the texts come as bytes, so that each row can be looked at by itself.
    """
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        columns = [column.view(_as_bytes(column.type)) for column in batch.columns]
        raw = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
        raw.validate(full=True)
        return raw
    return batch


def _as_bytes(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string(kind):
        return pa.binary()
    if pa.types.is_large_string(kind):
        return pa.large_binary()
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_as_bytes(kind.value_type)))
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_as_bytes(kind.value_type)))
    if pa.types.is_struct(kind):
        fields = [kind.field(place) for place in range(kind.num_fields)]
        return pa.struct([field.with_type(_as_bytes(field.type)) for field in fields])
    return kind


@contextmanager
def _spoken(name: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, *CELL_ERRORS) as error:
        raise broken(name, error) from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise broken(name, error) from error


def broken(name: str, error: Exception) -> DataProblem:
    """Return what is said of a damaged file."""
    return DataProblem(
        "broken-arrow",
        f"{name} is not a readable Arrow file.",
        detail=str(error)[:1_000],
        hint="The file may be half copied. Copy it again.",
    )
