"""JSON text decoded value by value, so that a document may be larger than the memory."""

import json
import re
from collections.abc import Iterator
from typing import TextIO, cast

from orpo_studio.data.problem import DataProblem

LARGEST_VALUE = 1 << 26
"""Longest single value or line that is waited for, in characters; what is longer is no row to train on."""
_BLOCK = 1 << 20
_NEAR_END = 32
"""Where the decoder stops within so many characters of the text at hand, the value may only be cut off there."""
_NOT_BLANK = re.compile(r"\S")


class FieldTwice(ValueError):  # noqa: N818 - says what was found
    """A JSON object names a field twice, with different values."""


class Decoder:
    """Decodes values, and sees where an object names a field twice: all but the last would be lost in silence.

    One belongs to one reader: it keeps what it saw until the value is whole.
    """

    def __init__(self) -> None:
        self._decoder = json.JSONDecoder(object_pairs_hook=self._object, parse_int=_integer)
        self._twice: str | None = None

    def decode(self, text: str) -> object:
        """Return the one value of a text; raises `FieldTwice`, JSONDecodeError or RecursionError."""
        self._twice = None
        value = self._decoder.decode(text)
        self._check()
        return cast("object", value)

    def decode_at(self, text: str, start: int) -> tuple[object, int, str | None]:
        """Return the value at a place, where it ends, and the field that it names twice, if any."""
        self._twice = None
        value, end = self._decoder.raw_decode(text, start)
        return value, end, self._twice

    def _object(self, fields: list[tuple[str, object]]) -> dict[str, object]:
        whole = dict(fields)
        if len(whole) != len(fields):
            for name, value in fields:
                if not _same(value, whole[name]):
                    self._twice = name
        return whole

    def _check(self) -> None:
        if self._twice is not None:
            raise FieldTwice(self._twice)


def _same(one: object, other: object) -> bool:
    try:
        return one is other or (type(one) is type(other) and one == other)
    except RecursionError:
        return False


def _integer(digits: str) -> int | float:
    """Read an integer; Python refuses those of more than 4,300 digits, which no row needs exactly."""
    return int(digits) if len(digits) <= 4_000 else float(digits)


class Twice:
    """Stands for a value in which an object names a field twice.

    Attributes:
        field: the name.
        value: the value as it was read, with the last of the two.
    """

    __slots__ = ("field", "value")

    def __init__(self, field: str, value: object) -> None:
        self.field = field
        self.value = value


class JsonStream:
    """Decode the values of a JSON text one after the other, holding little more than one of them."""

    def __init__(self, text: TextIO, name: str) -> None:
        self._text = text
        self._name = name
        self._decoder = Decoder()
        self._buffer = ""
        self._position = 0
        self._lines = 1
        self._ended = False

    def peek(self) -> str:
        """Return the next character that is not blank, or nothing at the end."""
        while True:
            if found := _NOT_BLANK.search(self._buffer, self._position):
                self._position = found.start()
                return found.group()
            self._position = len(self._buffer)
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
        """Return the next value, within `Twice` where an object in it names a field twice.

        Raises:
            DataProblem: it is not valid JSON.
        """
        if not self.peek():
            raise self._problem("the file ends too early")
        while True:
            try:
                value, end, twice = self._decoder.decode_at(self._buffer, self._position)
            except json.JSONDecodeError as error:
                self._require_cut(error)
            except RecursionError as error:
                raise self._problem("it is nested too deeply") from error
            else:
                if end < len(self._buffer) or self._ended:
                    self._position = end
                    return value if twice is None else Twice(twice, value)
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

    def elements(self) -> Iterator[object]:
        """Yield the elements of the array that comes next.

        Raises:
            DataProblem: it is not valid JSON.
        """
        self.take("[")
        while self.peek() != "]":
            yield self.value()
            if self.peek() != "]":
                self.take(",")
        self.take("]")

    def fields(self) -> Iterator[str]:
        """Yield the names of the fields of the object that comes next; the caller takes each one's value.

        Raises:
            DataProblem: it is not valid JSON.
        """
        self.take("{")
        while self.peek() != "}":
            name = self.key()
            self.take(":")
            yield name
            if self.peek() != "}":
                self.take(",")
        self.take("}")

    def _require_cut(self, error: json.JSONDecodeError) -> None:
        """Do nothing where a value may only be cut off at the end of the text at hand; else say what is wrong."""
        may_be_cut = error.msg.startswith("Unterminated string") or error.pos >= len(self._buffer) - _NEAR_END
        too_long = len(self._buffer) - self._position > LARGEST_VALUE
        if may_be_cut and not self._ended and not too_long:
            return
        if may_be_cut and too_long:
            what = f"a value is longer than {LARGEST_VALUE:,} characters, or a quotation mark is missing"
        else:
            what = "the file ends too early" if may_be_cut else error.msg
            self._position = min(error.pos, len(self._buffer))
        raise self._problem(what) from error

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
