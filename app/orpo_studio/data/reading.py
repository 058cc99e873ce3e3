"""Read rows from a file of preference data, whatever form it has. Nothing in a file is ever run."""

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orpo_studio.data.problem import DataProblem
from orpo_studio.data.rows import Advance, NumberedRow

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SUFFIXES = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
}
_REFUSED = {
    ".pkl": "A pickle can run any program when it is opened, so it is never opened.",
    ".pickle": "A pickle can run any program when it is opened, so it is never opened.",
    ".pt": "A pickle can run any program when it is opened, so it is never opened.",
    ".pth": "A pickle can run any program when it is opened, so it is never opened.",
    ".bin": "Its content cannot be told from its name, and it may be a pickle.",
    ".py": "A script is a program, and data is never run.",
    ".gz": "It is compressed. Unpack it first.",
    ".zst": "It is compressed. Unpack it first.",
    ".bz2": "It is compressed. Unpack it first.",
    ".xz": "It is compressed. Unpack it first.",
    ".zip": "It is compressed. Unpack it first.",
    ".xlsx": "It is a spreadsheet. Save it as CSV first.",
    ".xls": "It is a spreadsheet. Save it as CSV first.",
    ".ods": "It is a spreadsheet. Save it as CSV first.",
}
_PARQUET_MAGIC = b"PAR1"
_HEAD = 65_536
"""How much of a file is looked at to tell its form, in bytes."""
_BLOCK = 1 << 20
"""How much is read at once, in bytes."""


def read_rows(source: Path, advance: Advance | None = None, split: str = "") -> Iterator[NumberedRow]:  # noqa: ARG001
    """Yield ``(row number, row)``; a row that cannot be read comes as `Unreadable`, and the reading goes on.

    Rows count from 1; in JSONL the number is the line's. The file is streamed, never held whole.

    Args:
        source: a JSON, JSONL, Parquet, CSV or TSV file.
        advance: told now and then which share of the file has been read, 0 to 1.

    Raises:
        DataProblem: the file as a whole cannot be read, with the place where it goes wrong.
    """
    told = advance or _ignore
    form = _form_of(source)
    try:
        if form == "parquet":
            from orpo_studio.data.parquet_rows import parquet_rows

            yield from parquet_rows(source, told)
            return
        from orpo_studio.data import csv_rows, json_rows

        encoding = encoding_of(source)
        with _open(source, told) as file:
            if form == "jsonl" and encoding in {"utf-8", "utf-8-sig"}:
                yield from json_rows.byte_line_rows(file)
                return
            text = io.TextIOWrapper(file, encoding=encoding, newline="")
            if form == "jsonl":
                yield from json_rows.line_rows(text)
            elif form == "json":
                yield from json_rows.document_rows(text, source.name)
            else:
                yield from csv_rows.csv_rows(text, source.name, tabs=form == "tsv")
    except UnicodeDecodeError as error:
        offset = _first_bad_byte(source, encoding_of(source))
        raise DataProblem(
            "not-utf-8",
            f"{source.name} is not valid {'UTF-8' if encoding_of(source).startswith('utf-8') else 'UTF-16'} text.",
            detail=f"The first byte that cannot be read is number {offset:,} (counted from 0).",
            hint="Save the file as UTF-8. In a spreadsheet program choose 'CSV UTF-8'.",
        ) from error
    except OSError as error:
        raise _unreadable(source, error) from error


def require_file(source: Path) -> None:
    """Make sure that a path means a file with an end: a device or a pipe would be read for ever.

    Raises:
        DataProblem: it does not.
    """
    try:
        there, folder, ordinary = source.exists(), source.is_dir(), source.is_file()
    except OSError as error:  # a name too long, or a folder that may not be entered
        raise _unreadable(source, error) from error
    if not there:
        raise DataProblem(
            "no-such-file",
            "There is no such file.",
            detail=str(source),
            hint="Check the path, or choose the file again.",
        )
    if folder:
        raise DataProblem(
            "is-a-folder", "This is a folder; choose a file in it.", detail=str(source), hint="Choose a data file."
        )
    if not ordinary:
        raise DataProblem(
            "not-a-file",
            "This is a device or a pipe, not a file.",
            detail=str(source),
            hint="Save the pairs to a file, and choose that.",
        )


def _ignore(_share: float) -> None:
    pass


def _unreadable(source: Path, error: OSError) -> DataProblem:
    return DataProblem(
        "unreadable-file",
        f"{source.name} cannot be read.",
        detail=f"{source}: {error.strerror or error}",
        hint="Check that the file is still there and that you may read it.",
    )


def _form_of(source: Path) -> str:
    """Tell the form of a file from its first bytes and its name."""
    require_file(source)
    suffix = source.suffix.lower()
    if suffix in _REFUSED:
        raise DataProblem(
            "refused-format",
            f"{source.name} cannot be used as data.",
            detail=_REFUSED[suffix],
            hint="Use a JSON, JSONL, Parquet or CSV file.",
        )
    try:
        with source.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise _unreadable(source, error) from error
    if not head.strip(b"\x00\t\n\r \xef\xbb\xbf\xff\xfe"):
        raise DataProblem(
            "empty-file",
            f"{source.name} is empty.",
            detail=str(source),
            hint="Choose a file that holds preference pairs.",
        )
    if head.startswith(_PARQUET_MAGIC):
        return "parquet"
    form = _SUFFIXES.get(suffix)
    if form in {None, "json", "jsonl"}:
        form = _json_form(head, form)
    if form is None:
        raise DataProblem(
            "unknown-format",
            f"{source.name} is of a kind that cannot be read.",
            detail=f"The name ends in {suffix or 'nothing'}, and the content is neither JSON nor Parquet.",
            hint="Use a JSON, JSONL, Parquet or CSV file, with that ending in its name.",
        )
    return form


def _json_form(head: bytes, named: str | None) -> str | None:
    """Tell JSON from JSONL by content, since many files carry the other's name."""
    from orpo_studio.data.json_rows import is_json_object

    text = head.decode("utf-8-sig", errors="replace").replace("\x00", "")
    start = text.lstrip("\ufeff\ufffd \t\r\n")
    if start.startswith("["):
        return "json"
    if not start.startswith("{"):
        return named
    line, _, rest = start.partition("\n")
    if line.strip() == "{":
        return "json"  # one object over several lines, whatever the name says
    if is_json_object(line) and rest.strip():
        return "jsonl"
    return named or "json"


def encoding_of(source: Path) -> str:
    """Return the encoding that a file's byte order mark names, else UTF-8."""
    with source.open("rb") as file:
        start = file.read(4)
    return next((encoding for mark, encoding in _BOMS if start.startswith(mark)), "utf-8")


@contextmanager
def _open(source: Path, advance: Advance) -> Iterator["io.BufferedReader[_Told]"]:
    with source.open("rb", buffering=0) as raw, io.BufferedReader(_Told(raw, source, advance), _BLOCK) as file:
        yield file


class _Told(io.RawIOBase):
    """A file that tells how much of it has been read."""

    def __init__(self, raw: io.FileIO, source: Path, advance: Advance) -> None:
        self._raw = raw
        self._size = source.stat().st_size
        self._read = 0
        self._advance = advance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        count = self._raw.readinto(buffer)
        self._read += count
        self._advance(min(1.0, self._read / self._size))
        return count


def _first_bad_byte(source: Path, encoding: str) -> int:
    """Return the offset of the first byte that is not text."""
    decoder = codecs.getincrementaldecoder(encoding)()
    before = 0
    with source.open("rb") as file:
        while block := file.read(_BLOCK):
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                return before - pending + error.start
            before += len(block)
    return before  # the file ends in the middle of a character
