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
_FILE = b"ARROW1\x00\x00"
_STREAM = b"\xff\xff\xff\xff"
_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_LARGE_BATCH = 64 << 20
"""Files whose batches are larger than this are mapped into memory, in bytes."""


def arrow_rows(file: Path | BinaryIO, name: str, size: int, advance: Advance) -> Iterator[NumberedRow]:
    """Yield the rows of an Arrow IPC file (Feather version 2) or stream, a thousand as Python objects at a time.

    Args:
        file: a path, or an open file that can be sought.
        name: of the file, for what is said of it.
        size: of the file, in bytes.
        advance: told which share of the rows or bytes has been read, 0 to 1.

    Raises:
        DataProblem: the file is damaged, or names a column twice.
    """
    number = 0
    with _spoken(name), _opened(file, size) as source:
        for batch, share in _batches(source, size):
            check_columns(batch.schema, name)
            check_row_count(number + batch.num_rows, size, name)
            readable, texts = _checked(batch), text_columns(batch.schema)
            for start in range(0, readable.num_rows, _AT_ONCE):
                for row in batch_rows(readable.slice(start, _AT_ONCE), texts):
                    number += 1
                    yield number, row
            advance(min(1.0, share))


def _opened(file: Path | BinaryIO, size: int) -> Any:
    """Open a file so that little of it counts as memory: one with small batches is read, one with large is mapped."""
    if not isinstance(file, Path):
        return pa.PythonFile(file, "r")
    with file.open("rb") as start:
        if start.read(8) != _FILE:
            return pa.OSFile(str(file))
    with pa.memory_map(str(file)) as source, pa.ipc.open_file(source) as reader:
        largest = size / max(1, reader.num_record_batches)
    return pa.memory_map(str(file)) if largest > _LARGE_BATCH else pa.OSFile(str(file))


def _batches(source: Any, size: int) -> Iterator[tuple[pa.RecordBatch, float]]:
    """Yield the batches, each with the share of the file that has then been read."""
    start = source.read(8)
    if start == _FILE:
        source.seek(0)
        with pa.ipc.open_file(source) as reader:
            for place in range(reader.num_record_batches):
                yield reader.get_batch(place), (place + 1) / reader.num_record_batches
        return
    source.seek(max(0, size - len(_END_OF_STREAM)))
    if start.startswith(_STREAM) and source.read(len(_END_OF_STREAM)) != _END_OF_STREAM:
        raise pa.ArrowInvalid("The stream has no end: whatever wrote or copied it was stopped.")
    source.seek(0)
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
