"""Text in files: its encoding, and what is said of bytes that are none."""

import codecs
import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, cast

from orpo_studio.data.compressed import open_expanded
from orpo_studio.data.files import BLOCK, DataFile, ignore, unreadable
from orpo_studio.data.problem import DataProblem
from orpo_studio.data.rows import Advance

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_START = 8
"""How many bytes are looked at for an encoding that no mark names."""


@contextmanager
def in_words(file: DataFile) -> Iterator[None]:
    """Say what is wrong with a file as a whole.

    Raises:
        DataProblem: in place of what the system or a decoder raises.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise _no_text(file) from error
    except OSError as error:
        raise unreadable(file.path, error) from error


def open_text(file: DataFile, advance: Advance, stack: ExitStack) -> io.TextIOWrapper:
    """Open a text file, which is closed with ``stack``.

    Raises:
        DataProblem: it cannot be expanded.
    """
    stream = stack.enter_context(open_expanded(file, advance))
    return io.TextIOWrapper(cast("BinaryIO", stream), encoding=encoding_of(file), newline="")


def encoding_of(file: DataFile) -> str:
    """Return the encoding that a file's byte order mark names, else UTF-8, or UTF-16 where every other byte is 0."""
    with open_expanded(file, ignore) as stream:
        start = stream.read(_START)
    if named := next((encoding for mark, encoding in _BOMS if start.startswith(mark)), None):
        return named
    even, odd = start[::2], start[1::2]
    if len(start) < 8 or any(even) == any(odd):
        return "utf-8"
    return "utf-16-be" if any(odd) else "utf-16-le"


def _no_text(file: DataFile) -> DataProblem:
    encoding = encoding_of(file)
    return DataProblem(
        "not-utf-8",
        f"{file.name} is not valid {encoding.upper().removesuffix('-SIG')} text.",
        detail=f"The first byte that cannot be read is number {_first_bad_byte(file, encoding):,} (counted from 0).",
        hint="Save the file as UTF-8. In a spreadsheet program choose 'CSV UTF-8'.",
    )


def _first_bad_byte(file: DataFile, encoding: str) -> int:
    """Return the offset of the first byte that is not text."""
    decoder = codecs.getincrementaldecoder(encoding)()
    before = 0
    with open_expanded(file, ignore) as stream:
        while block := stream.read(BLOCK):
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                return before - pending + error.start
            before += len(block)
    return before  # the file ends in the middle of a character
