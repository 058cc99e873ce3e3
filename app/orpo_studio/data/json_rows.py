"""Rows of JSON and JSONL text, one at a time."""

import json
from collections.abc import Iterator
from typing import BinaryIO, TextIO, cast

from orpo_studio.data.json_columns import rows_of_columns
from orpo_studio.data.json_stream import LARGEST_VALUE, Decoder, FieldTwice, JsonStream, Twice
from orpo_studio.data.messages import looks_like_message
from orpo_studio.data.rows import EXCERPT, NumberedRow, Unreadable
from orpo_studio.data.split_names import is_split_name

_ROW_COLUMNS = {
    "prompt", "instruction", "question", "query", "chosen", "rejected", "accepted", "preferred_output",
    "non_preferred_output", "completion", "completions", "answers", "responses", "messages", "conversation",
    "conversations", "winner", "label", "labels",
}  # fmt: skip
"""Fields by which an object is a row itself, though another of its fields is a list of objects."""


def is_json_object(text: str) -> bool:
    """Tell whether a text is one JSON object and nothing else."""
    try:
        return isinstance(Decoder().decode(text), dict)
    except FieldTwice:
        return True
    except (ValueError, RecursionError):
        return False


def byte_line_rows(lines: BinaryIO) -> Iterator[NumberedRow]:
    """Yield the rows of UTF-8 JSONL; a line that is not text or not a JSON object does not end the reading."""
    decoder = Decoder()
    start = 0
    number = 0
    while line := lines.readline(LARGEST_VALUE):
        number += 1
        length = len(line)
        if length == LARGEST_VALUE and not line.endswith(b"\n"):
            while more := lines.readline(LARGEST_VALUE):
                length += len(more)
                if more.endswith(b"\n"):
                    break
            yield number, _too_long(line[:EXCERPT].decode("utf-8", errors="replace"))
        else:
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                words = f"The line is not valid UTF-8: byte {start + error.start:,} of the file cannot be read."
                yield number, Unreadable(words, line[:EXCERPT].decode("utf-8", errors="replace"))
            else:
                if text.strip():
                    yield number, _line_row(text, decoder)
        start += length


def line_rows(lines: TextIO) -> Iterator[NumberedRow]:
    """Yield the rows of JSONL text; a line that is not a JSON object does not end the reading."""
    decoder = Decoder()
    number = 0
    while line := lines.readline(LARGEST_VALUE):
        number += 1
        if len(line) == LARGEST_VALUE and not line.endswith("\n"):
            while (more := lines.readline(LARGEST_VALUE)) and not more.endswith("\n"):
                pass
            yield number, _too_long(line[:EXCERPT])
        elif line.strip():
            yield number, _line_row(line, decoder)


def _too_long(start: str) -> Unreadable:
    return Unreadable(f"The line is longer than {LARGEST_VALUE:,} characters.", start)


def _line_row(line: str, decoder: Decoder) -> dict[str, object] | Unreadable:
    try:
        value = decoder.decode(line)
    except FieldTwice as twice:
        return _names_twice(str(twice), line[:EXCERPT])
    except json.JSONDecodeError as error:
        return Unreadable(f"The line is not valid JSON: {error.msg} at column {error.colno}.", line[:EXCERPT])
    except RecursionError:
        return Unreadable("The line is nested too deeply to be a row.", line[:EXCERPT])
    return _row(value)


def _row(value: object) -> dict[str, object] | Unreadable:
    if isinstance(value, dict):
        return cast("dict[str, object]", value)
    if isinstance(value, Twice):
        return _names_twice(value.field, _excerpt(value.value))
    return Unreadable("The row is not a JSON object with named fields.", _excerpt(value))


def _names_twice(field: str, excerpt: str) -> Unreadable:
    return Unreadable(f"The field {field[:40]!r} stands in it twice, with different values.", excerpt)


def _excerpt(value: object) -> str:
    try:
        return str(value)[:EXCERPT]
    except RecursionError:
        return "(nested too deeply to be shown)"


def splits_of_document(text: TextIO, name: str, *, enough: str = "") -> tuple[str, ...]:
    """Return the splits of a JSON document that is an object of arrays of rows; none where it is anything else.

    Args:
        text: the document.
        name: of the file, for what is said of it.
        enough: name of a split after which the others do not matter, so that little is read.

    Raises:
        DataProblem: the document is not valid JSON.
    """
    stream = JsonStream(text, name)
    if stream.peek() != "{":
        return ()
    splits: list[str] = []
    empty: list[str] = []
    for field in stream.fields():
        if stream.peek() != "[":
            if field in _ROW_COLUMNS:
                return ()
            stream.value()
            continue
        elements = stream.elements()
        first = next(elements, None)
        if first is None:
            empty.append(field)
        elif _begins_split(field, first):
            splits.append(field)
            if field == enough:
                break
            for _ in elements:
                pass
        else:
            if field in _ROW_COLUMNS:
                return ()
            for _ in elements:
                pass
    return tuple(dict.fromkeys([*splits, *(field for field in empty if is_split_name(field))])) if splits else ()


def _begins_split(field: str, first: object) -> bool:
    """Tell whether an array is one of rows, by its field's name and its first element."""
    if is_split_name(field):
        return True
    value = first.value if isinstance(first, Twice) else first
    return isinstance(value, dict) and not looks_like_message(value) and field not in _ROW_COLUMNS


def document_rows(text: TextIO, name: str, split: str = "") -> Iterator[NumberedRow]:
    """Yield the rows of a JSON document: an array of rows, or an object whose fields are arrays of rows (splits).

    Objects one after the other, without an array around them, are rows too. One object alone may hold columns.

    Args:
        text: the document.
        name: of the file, for what is said of it.
        split: the one to read of an object of arrays; empty to take every object for a row.

    Raises:
        DataProblem: the document is not valid JSON, with the line.
    """
    stream = JsonStream(text, name)
    number = 0
    while character := stream.peek():
        if character == "[":
            rows = stream.elements()
        elif character == "{" and split:
            rows = _rows_of_split(stream, split)
        else:
            value = stream.value()
            columns = None if number or stream.peek() else rows_of_columns(value)
            rows = iter((value,) if columns is None else columns)
        for value in rows:
            number += 1
            yield number, _row(value)


def _rows_of_split(stream: JsonStream, split: str) -> Iterator[object]:
    for field in stream.fields():
        if stream.peek() != "[":
            stream.value()
            continue
        for value in stream.elements():
            if field == split:
                yield value
