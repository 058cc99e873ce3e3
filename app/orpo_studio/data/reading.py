"""Read rows from a source of preference data, whatever form it has. Nothing in a file is ever run."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from orpo_studio.data.compressed import is_expanded, open_expanded
from orpo_studio.data.files import BLOCK, DataFile, ignore, unreadable
from orpo_studio.data.finding import Source, find_source
from orpo_studio.data.forms import form_of
from orpo_studio.data.rows import Advance, NumberedRow, Unreadable
from orpo_studio.data.sources import splits_within
from orpo_studio.data.split_names import choose_split
from orpo_studio.data.text_files import encoding_of, in_words, open_text

_ALWAYS_MEANT = "train"
"""The split that is meant for training whatever the others are called."""


def read_rows(source: Path | str, advance: Advance | None = None, split: str = "") -> Iterator[NumberedRow]:
    """Yield ``(row number, row)``; a row that cannot be read comes as `Unreadable`, and the reading goes on.

    Rows count from 1, on and on over all files of the source; in a single JSONL file the number is the line's. Files
    are streamed, never held whole.

    Args:
        source: a JSON, JSONL, Parquet, Arrow, CSV, TSV or XLSX file, as it is or compressed; a ZIP archive, a folder or
            a pattern of such files; a folder that the datasets library saved; a dataset in the Hub's cache.
        advance: told now and then which share of the source has been read, 0 to 1.
        split: the split to read; empty for the one meant for training.

    Raises:
        DataProblem: the source as a whole cannot be read, with the place where it goes wrong.
    """
    told = advance or ignore
    found = find_source(source)
    if len(found.files) == 1:
        (file,) = found.files
        form = form_of(file)
        within = _split_within(found, split, form)
        yield from _rows_of(file, form, told, within)
        return
    files = found.files_of(split)
    sizes = [_size_of(file) for file in files]
    done, number = 0, 0
    for file, size in zip(files, sizes, strict=True):
        for _, row in _rows_of_shard(file, _part(told, done, size, sum(sizes)), split):
            number += 1
            yield number, row
        done += size
        told(done / sum(sizes))


def _part(told: Advance, done: int, size: int, total: int) -> Advance:
    """Return what is told the progress of one file, as a part of the whole."""

    def tell(share: float) -> None:
        told((done + min(1.0, share) * size) / total)

    return tell


def _size_of(file: DataFile) -> int:
    try:
        return max(1, file.path.stat().st_size)
    except OSError as error:
        raise unreadable(file.path, error) from error


def _rows_of_shard(file: DataFile, advance: Advance, split: str) -> Iterator[NumberedRow]:
    """Yield the rows of one file among several; what is wrong with a row then says in which file it stands."""
    form = form_of(file)
    for place, row in _rows_of(file, form, advance, _array_within(file, form, split)):
        if isinstance(row, Unreadable):
            yield place, Unreadable(f"{file.name}, row {place:,}: {row.words}", row.excerpt)
        else:
            yield place, row


def _split_within(found: Source, split: str, form: str) -> str:
    """Return which array or sheet of the only file is read; empty where it has no such parts."""
    (file,) = found.files
    if found.names:
        choose_split(found.names, split, found.name)
        return _array_within(file, form, split)
    names = splits_within(file, form, enough=split or _ALWAYS_MEANT)
    return choose_split(names, split, found.name)


def _array_within(file: DataFile, form: str, split: str) -> str:
    """Return which array or sheet is read of a file whose own name has told its split already."""
    names = splits_within(file, form)
    return choose_split(names, split if split in names else "", file.name)


def _rows_of(file: DataFile, form: str, advance: Advance, within: str) -> Iterator[NumberedRow]:
    """Yield the rows of one file.

    Args:
        file: the file.
        form: its form.
        advance: told which share of it has been read.
        within: which array to read of a JSON object of splits, or which sheet of a spreadsheet.
    """
    with in_words(file), ExitStack() as stack:
        if form in {"parquet", "arrow"}:
            yield from _columnar_rows(file, form, advance, stack)
        elif form == "xlsx":
            from orpo_studio.data.workbook import sheet_rows

            yield from sheet_rows(file, within, advance)
        else:
            yield from _text_rows(file, form, advance, within, stack)


def _text_rows(file: DataFile, form: str, advance: Advance, within: str, stack: ExitStack) -> Iterator[NumberedRow]:
    from orpo_studio.data import csv_rows, json_rows

    if form == "jsonl" and encoding_of(file).startswith("utf-8"):
        yield from json_rows.byte_line_rows(stack.enter_context(open_expanded(file, advance)))
        return
    text = open_text(file, advance, stack)
    if form == "jsonl":
        yield from json_rows.line_rows(text)
    elif form == "json":
        yield from json_rows.document_rows(text, file.name, within)
    else:
        yield from csv_rows.csv_rows(text, file.name, tabs=form == "tsv")


def _columnar_rows(file: DataFile, form: str, advance: Advance, stack: ExitStack) -> Iterator[NumberedRow]:
    whole: Path | BinaryIO = file.path
    size = _size_of(file)
    stream = stack.enter_context(open_expanded(file, ignore))
    if is_expanded(stream):
        whole = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        size = 0
        while block := stream.read(BLOCK):
            size += whole.write(block)
        whole.seek(0)
    if form == "parquet":
        from orpo_studio.data.parquet_rows import parquet_rows

        yield from parquet_rows(whole, file.name, size, advance)
    else:
        from orpo_studio.data.arrow_rows import arrow_rows

        yield from arrow_rows(whole, file.name, size, advance)
