"""Rows of Arrow record batches as Python objects, whatever types the columns have."""

from collections.abc import Iterator
from typing import Any, cast

import pyarrow as pa

from orpo_studio.data.problem import DataProblem
from orpo_studio.data.rows import EXCERPT, Unreadable
from orpo_studio.data.table_cells import require_names_once

CELL_ERRORS = (ArithmeticError, LookupError, TypeError, ValueError, NotImplementedError, RecursionError)
"""What pyarrow raises at a cell that is not what its type says."""
_MANY_ROWS = 1_000_000
_ROWS_PER_BYTE = 1_000


def check_columns(schema: pa.Schema, name: str) -> None:
    """Make sure that rows have columns, each of another name.

    Raises:
        DataProblem: they do not.
    """
    require_names_once(schema.names, name)
    if not schema.names:
        raise DataProblem(
            "no-columns",
            f"{name} has no columns.",
            detail="Its rows hold nothing.",
            hint="Choose a file that holds preference pairs.",
        )


def check_row_count(rows: int, size: int, name: str) -> None:
    """Refuse a small file that claims an endless number of rows, as empty columns allow.

    Raises:
        DataProblem: it does.
    """
    if rows > _MANY_ROWS and rows > _ROWS_PER_BYTE * size:
        raise DataProblem(
            "expands-too-far",
            f"{name} expands beyond all measure.",
            detail=f"Its {size:,} bytes claim to hold {rows:,} rows or more.",
            hint="Use it only if you know where it comes from, and write it anew without empty columns.",
        )


def batch_rows(batch: pa.RecordBatch, texts: frozenset[str] = frozenset()) -> Iterator[dict[str, object] | Unreadable]:
    """Yield the rows of a batch; times come as text, bytes that are text as text, maps as objects.

    Args:
        batch: the rows.
        texts: names of the columns whose bytes must be valid text; other bytes that are none stay bytes.
    """
    plain = pa.RecordBatch.from_arrays([_plain(column) for column in batch.columns], names=batch.schema.names)
    try:
        rows = cast("list[dict[str, object]]", plain.to_pylist(maps_as_pydicts="strict"))
    except CELL_ERRORS:  # some cell is not what its type says: find which rows
        for place in range(plain.num_rows):
            yield _one_row(plain.slice(place, 1), texts)
        return
    if "binary" in str(plain.schema):
        for row in rows:
            yield _with_texts(row, texts)
    else:
        yield from rows


def text_columns(schema: pa.Schema) -> frozenset[str]:
    """Return the names of the columns that hold text somewhere."""
    return frozenset(field.name for field in schema if "string" in str(field.type))


def _one_row(row: pa.RecordBatch, texts: frozenset[str]) -> dict[str, object] | Unreadable:
    cells: dict[str, object] = {}
    for name, column in zip(row.schema.names, row.columns, strict=True):
        try:
            cells[name] = column.to_pylist(maps_as_pydicts="strict")[0]
        except CELL_ERRORS as error:
            return Unreadable(f"The cell in {name[:40]} cannot be read: {error}.", repr(cells)[:EXCERPT])
    return _with_texts(cells, texts)


def _plain(column: pa.Array) -> pa.Array:
    """Return a column without the types that Python has no lossless or no quick form for."""
    kind = column.type
    if pa.types.is_temporal(kind) or pa.types.is_interval(kind):
        return _cast(column, pa.string(), pa.int64())
    return column


def _cast(column: pa.Array, *kinds: pa.DataType) -> pa.Array:
    for kind in kinds:
        try:
            return column.cast(kind)
        except (pa.ArrowException, *CELL_ERRORS):  # a time zone that this machine does not know, a year 300,000
            continue
    return column


def _with_texts(row: dict[str, object], texts: frozenset[str]) -> dict[str, object] | Unreadable:
    """Return a row with its bytes as the text they are."""
    cells: dict[str, object] = {}
    for name, value in row.items():
        try:
            cells[name] = _as_text(value)
        except UnicodeDecodeError as error:
            if name in texts:
                words = f"The cell in {name[:40]} is not valid UTF-8 text: byte {error.start:,} of it cannot be read."
                return Unreadable(words, repr(row)[:EXCERPT])
            cells[name] = value
        except RecursionError:
            return Unreadable(f"The cell in {name[:40]} is nested too deeply.", "")
    return cells


def _as_text(value: Any) -> object:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, dict):
        return {name: _as_text(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_text(inner) for inner in value]
    return cast("object", value)
