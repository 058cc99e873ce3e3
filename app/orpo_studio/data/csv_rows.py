"""Rows of comma- or tab-separated text."""

import csv
from collections.abc import Iterator
from itertools import chain
from typing import TextIO

from orpo_studio.data.problem import DataProblem
from orpo_studio.data.rows import NumberedRow
from orpo_studio.data.table_cells import cell_value, named_row, require_names_once

_DELIMITERS = ",;\t|"
_LARGEST_FIELD = 1 << 26
"""Longest cell or line, in characters; what is longer is no row to train on."""
_END = "\x00the end of the table\x00"
"""Stands after the last line: where it comes inside a cell, a quotation mark was never closed."""


def csv_rows(text: TextIO, name: str, *, tabs: bool) -> Iterator[NumberedRow]:
    """Yield the rows under the header line; a cell that holds a JSON message or message list is read as such.

    Raises:
        DataProblem: the header names a column twice, or the file's quoting is broken beyond repair.
    """
    csv.field_size_limit(_LARGEST_FIELD)
    lines = _lines(text, name)
    first = next(lines)
    delimiter = "\t" if tabs else max(_DELIMITERS, key=first.count)
    records = csv.reader(chain((first,), lines), delimiter=delimiter)
    try:
        header = [column.strip() for column in next(records, [])]
    except csv.Error as error:
        raise _broken(name, 1, error) from error
    require_names_once(header, name)
    if header and header[-1].endswith(_END.strip()):
        raise _open_quote(name, 1)
    number = 0
    while True:
        line = records.line_num + 1
        try:
            record = next(records, None)
        except csv.Error as error:
            raise _broken(name, records.line_num, error) from error
        if record is None or record == [_END]:
            return
        if record and record[-1].endswith(_END):
            raise _open_quote(name, line)
        if len(record) < 2 and not any(cell.strip() for cell in record):
            continue  # a blank line is no row; one of empty cells is, and will be set aside
        number += 1
        yield number, named_row(header, [cell_value(cell) for cell in record])


def _lines(text: TextIO, name: str) -> Iterator[str]:
    """Yield the lines, and what stands for their end.

    Raises:
        DataProblem: a line is longer than any row to train on.
    """
    place = 0
    while line := text.readline(_LARGEST_FIELD):
        place += 1
        if len(line) == _LARGEST_FIELD:
            raise _broken(name, place, f"the line is longer than {_LARGEST_FIELD:,} characters")
        yield line
    yield _END


def _open_quote(name: str, line: int) -> DataProblem:
    return _broken(name, line, "a quotation mark is opened and never closed, which swallows all rows after it")


def _broken(name: str, line: int, error: csv.Error | str) -> DataProblem:
    return DataProblem(
        "broken-csv",
        f"{name} cannot be read as a table.",
        detail=f"Near line {line:,}: {error}.",
        hint="Check the quotation marks around that line, or save the table again as CSV.",
    )
