"""Rows of JSON and JSONL text, one at a time."""

import json
from collections.abc import Iterable, Iterator
from typing import TextIO, cast

from orpo_studio.data.messages import looks_like_message
from orpo_studio.data.problem import DataProblem
from orpo_studio.data.rows import EXCERPT, NumberedRow, Unreadable

_BLOCK = 1 << 20
_LARGEST_VALUE = 1 << 28
"""Longest single value that is waited for, in characters; beyond it the file is taken to be damaged."""
_NEAR_END = 32
"""Where the decoder stops within so many characters of the text at hand, the value may only be cut off there."""


def _integer(digits: str) -> int | float:
    """Read an integer; Python refuses those of more than 4,300 digits, which no row needs exactly."""
    return int(digits) if len(digits) <= 4_000 else float(digits)


_DECODER = json.JSONDecoder(parse_int=_integer)


def is_json_object(text: str) -> bool:
    """Tell whether a text is one JSON object and nothing else."""
    try:
        return isinstance(_DECODER.decode(text), dict)
    except (ValueError, RecursionError):
        return False


def byte_line_rows(lines: Iterable[bytes]) -> Iterator[NumberedRow]:
    """Yield the rows of UTF-8 JSONL; a line that is not text or not a JSON object does not end the reading."""
    start = 0
    for number, line in enumerate(lines, 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            words = f"The line is not valid UTF-8: byte {start + error.start:,} of the file cannot be read."
            yield number, Unreadable(words, line[:EXCERPT].decode("utf-8", errors="replace"))
        else:
            if text.strip():
                yield number, _line_row(text)
        start += len(line)


def line_rows(lines: Iterable[str]) -> Iterator[NumberedRow]:
    """Yield the rows of JSONL text; a line that is not a JSON object does not end the reading."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, _line_row(line)


def _line_row(line: str) -> dict[str, object] | Unreadable:
    try:
        value = _DECODER.decode(line)
    except json.JSONDecodeError as error:
        return Unreadable(f"The line is not valid JSON: {error.msg} at column {error.colno}.", line[:EXCERPT])
    except RecursionError:
        return Unreadable("The line is nested too deeply to be a row.", line[:EXCERPT])
    return _row(value)


def _row(value: object) -> dict[str, object] | Unreadable:
    if isinstance(value, dict):
        return cast("dict[str, object]", value)
    return Unreadable("The row is not a JSON object with named fields.", str(value)[:EXCERPT])


def document_rows(text: TextIO, name: str) -> Iterator[NumberedRow]:
    """Yield the rows of a JSON document: an array of rows, or an object whose fields are arrays of rows (splits).

    Objects one after the other, without an array around them, are rows too.

    Raises:
        DataProblem: the document is not valid JSON, with the line.
    """
    stream = _Stream(text, name)
    number = 0
    while stream.peek():
        rows = _array(stream) if stream.peek() == "[" else _object_rows(stream)
        for value in rows:
            number += 1
            yield number, _row(value)


def _array(stream: "_Stream") -> Iterator[object]:
    stream.take("[")
    while stream.peek() != "]":
        yield stream.value()
        if stream.peek() != "]":
            stream.take(",")
    stream.take("]")


def _object_rows(stream: "_Stream") -> Iterator[object]:
    """Yield the rows in an object's arrays, or the object itself where it holds no such array."""
    if stream.peek() != "{":
        yield stream.value()
        return
    stream.take("{")
    fields: dict[str, object] = {}
    found_rows = False
    while stream.peek() != "}":
        key = stream.key()
        stream.take(":")
        if stream.peek() == "[":
            elements = _array(stream)
            first = next(elements, None)
            if isinstance(first, dict) and not looks_like_message(first):
                found_rows = True
                yield first
                yield from elements
            else:
                fields[key] = [] if first is None else [first, *elements]
        else:
            fields[key] = stream.value()
        if stream.peek() != "}":
            stream.take(",")
    stream.take("}")
    if not found_rows:
        yield fields


class _Stream:
    """Decode the values of a JSON text one after the other, holding little more than one of them."""

    def __init__(self, text: TextIO, name: str) -> None:
        self._text = text
        self._name = name
        self._buffer = ""
        self._position = 0
        self._lines = 1
        self._ended = False

    def peek(self) -> str:
        """Return the next character that is not blank, or nothing at the end."""
        while True:
            while self._position < len(self._buffer):
                character = self._buffer[self._position]
                if not character.isspace():
                    return character
                self._position += 1
            if self._ended:
                return ""
            self._read_more()

    def take(self, character: str) -> None:
        """Pass over a character that must come next.

        Raises:
            DataProblem: something else comes next.
        """
        found = self.peek()
        if found != character:
            raise self._problem(f"expected {character!r}, found {found!r}" if found else "the file ends too early")
        self._position += 1

    def value(self) -> object:
        """Return the next value.

        Raises:
            DataProblem: it is not valid JSON.
        """
        if not self.peek():
            raise self._problem("the file ends too early")
        while True:
            try:
                value, end = _DECODER.raw_decode(self._buffer, self._position)
            except json.JSONDecodeError as error:
                if self._ended or not self._may_be_cut(error):
                    self._position = min(error.pos, len(self._buffer))
                    ends = self._ended and self._may_be_cut(error)
                    raise self._problem("the file ends too early" if ends else error.msg) from error
            except RecursionError as error:
                raise self._problem("it is nested too deeply") from error
            else:
                if end < len(self._buffer) or self._ended:
                    self._position = end
                    return cast("object", value)
            self._read_more()

    def key(self) -> str:
        """Return the name of the next field.

        Raises:
            DataProblem: something else comes next.
        """
        value = self.value()
        if not isinstance(value, str):
            raise self._problem("a field has no name")
        return value

    def _may_be_cut(self, error: json.JSONDecodeError) -> bool:
        if len(self._buffer) - self._position > _LARGEST_VALUE:
            return False
        return error.msg.startswith("Unterminated string") or error.pos >= len(self._buffer) - _NEAR_END

    def _read_more(self) -> None:
        """Drop what has been decoded and read as much again as is left, so that long values cost linear time."""
        self._lines += self._buffer.count("\n", 0, self._position)
        rest = self._buffer[self._position :]
        more = self._text.read(max(_BLOCK, len(rest)))
        self._ended = not more
        self._buffer = rest + more
        self._position = 0

    def _problem(self, what: str) -> DataProblem:
        line = self._lines + self._buffer.count("\n", 0, self._position)
        return DataProblem(
            "broken-json",
            f"{self._name} is not valid JSON.",
            detail=f"Line {line:,}: {what}.",
            hint="The file may be half copied. Copy it again, or check that line.",
        )
