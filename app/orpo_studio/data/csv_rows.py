"""Rows of comma- or tab-separated text."""

import ast
import csv
import json
import sys
from collections.abc import Iterator
from typing import TextIO

from orpo_studio.data.messages import looks_like_message
from orpo_studio.data.problem import DataProblem
from orpo_studio.data.rows import EXCERPT, NumberedRow, Unreadable

_DELIMITERS = ",;\t|"
_LARGEST_FIELD = min(sys.maxsize, 1 << 28)
"""Longest cell, in characters."""


def csv_rows(text: TextIO, name: str, *, tabs: bool) -> Iterator[NumberedRow]:
    """Yield the rows under the header line; a cell that holds a JSON message or message list is read as such.

    Raises:
        DataProblem: the header names a column twice, or the file's quoting is broken beyond repair.
    """
    csv.field_size_limit(_LARGEST_FIELD)
    first = text.readline()
    delimiter = "\t" if tabs else max(_DELIMITERS, key=first.count)
    records = csv.reader(_from_first(first, text), delimiter=delimiter)
    try:
        header = [column.strip() for column in next(records, [])]
    except csv.Error as error:
        raise _broken(name, 1, error) from error
    twice = sorted({column for column in header if column and header.count(column) > 1})
    if twice:
        raise DataProblem(
            "column-twice",
            f"{name} names a column twice.",
            detail=f"Named more than once: {', '.join(twice)}.",
            hint="Rename or remove one of them.",
        )
    number = 0
    while True:
        try:
            record = next(records, None)
        except csv.Error as error:
            raise _broken(name, records.line_num, error) from error
        if record is None:
            return
        if not any(cell.strip() for cell in record):
            continue  # a blank line is no row
        number += 1
        yield number, _row(header, record)


def _from_first(first: str, text: TextIO) -> Iterator[str]:
    yield first
    yield from text


def _row(header: list[str], record: list[str]) -> dict[str, object] | Unreadable:
    if len(record) > len(header):
        words = f"The row has {len(record)} cells under {len(header)} columns; a quotation mark may be missing."
        return Unreadable(words, " | ".join(record)[:EXCERPT])
    return {column: _cell(cell) for column, cell in zip(header, record, strict=False)}


def _cell(cell: str) -> object:
    """Return messages where a cell holds them, as JSON or as Python prints them, else the text."""
    if not cell.lstrip().startswith(("{", "[")) or not ("role" in cell or "from" in cell):
        return cell
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(cell.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if looks_like_message(value):
            return value
        if isinstance(value, list) and value and all(looks_like_message(entry) for entry in value):
            return value
    return cell


def _broken(name: str, line: int, error: csv.Error) -> DataProblem:
    return DataProblem(
        "broken-csv",
        f"{name} cannot be read as a table.",
        detail=f"Near line {line:,}: {error}.",
        hint="Check the quotation marks around that line, or save the table again as CSV.",
    )
