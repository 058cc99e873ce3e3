"""Compressed files: tell them by their first bytes and read them as a stream that cannot grow without bound.

Nothing is ever unpacked onto the disk under a name that the file chooses.
"""

import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from orpo_studio.data.files import BLOCK, DataFile, ToldFile, open_told
from orpo_studio.data.problem import DataProblem
from orpo_studio.data.rows import Advance

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

COMPRESSED_SUFFIXES = frozenset({".gz", ".zst", ".bz2", ".xz", ".zip"})
ALWAYS_ALLOWED = 1 << 30
"""Up to so many expanded bytes, however small the file."""
LARGEST_RATIO = 1_000
"""Beyond them, at most so many expanded bytes for each byte of the file."""
LARGEST = 64 << 30
"""Never more expanded bytes than this."""
_MOST_MEMBERS = 100_000
_ENCRYPTED = 0x1
_MAGIC = (
    (rb"\x1f\x8b\x08", "gz"),
    (rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", "bz2"),
    (rb"\xfd7zXZ\x00", "xz"),
    (rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", "zst"),
    (rb"PK(\x03\x04|\x05\x06)", "zip"),
)
_ARCHIVES = ((rb"7z\xbc\xaf\x27\x1c", "7z"), (rb"Rar!\x1a\x07", "RAR"), (rb"(?s:.{257})ustar", "TAR"))
_PICTURES = (
    (rb"\x89PNG\r\n", "a PNG picture"), (rb"\xff\xd8\xff", "a JPEG picture"), (rb"GIF8[79]a", "a GIF picture"),
    (rb"%PDF-", "a PDF document"), (rb"RIFF....(?:WEBP|WAVE|AVI )", "a picture, a sound or a film"),
    (rb"\x7fELF|MZ.{0,58}\x00{4}", "a program"), (rb"SQLite format 3\x00", "an SQLite database"),
)  # fmt: skip
_DAMAGE = (
    EOFError, LookupError, MemoryError, NotImplementedError, OverflowError, ValueError, lzma.LZMAError, struct.error,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What the decompressors raise at damaged input; besides, OSError without a number."""


def compression_of(head: bytes) -> str | None:
    """Return how a file is compressed by its first bytes: gz, bz2, xz, zst, zip, or None."""
    return next((kind for pattern, kind in _MAGIC if re.match(pattern, head)), None)


def archive_of(head: bytes) -> str | None:
    """Return which archive, of the kinds that are not read, begins with these bytes."""
    return next((kind for pattern, kind in _ARCHIVES if re.match(pattern, head)), None)


def other_kind_of(head: bytes) -> str | None:
    """Return what else begins with these bytes that is often mistaken for data, in words; None for nothing known."""
    return next((kind for pattern, kind in _PICTURES if re.match(pattern, head, re.DOTALL)), None)


@contextmanager
def open_expanded(file: DataFile, advance: Advance) -> Iterator["io.BufferedReader[io.RawIOBase]"]:
    """Open a file for reading as it is when expanded; one that is not compressed is read as it is.

    Args:
        file: the file.
        advance: told which share of the bytes on the disk has been read, 0 to 1.

    Raises:
        DataProblem: it is damaged, protected by a password, or expands beyond all measure; while it is read, too.
    """
    with open_told(file.path, advance) as (raw, told):
        kind = compression_of(raw.peek(512)[:512])
        if file.member is not None:
            with _open_member(raw, file) as stream:
                yield io.BufferedReader(_Expanded(stream, told, file.name), BLOCK)
        elif kind is None or kind == "zip":
            yield cast("io.BufferedReader[io.RawIOBase]", raw)
        else:
            with _decompressor(kind, raw, file.name) as stream:
                yield io.BufferedReader(_Expanded(stream, told, file.name), BLOCK)


def is_expanded(stream: "io.BufferedReader[io.RawIOBase]") -> bool:
    """Tell whether an open file is expanded on the way, so that it can only be read from front to back."""
    return isinstance(stream.raw, _Expanded)


def members_of(path: Path) -> list[tuple[int, str]]:
    """Return the files in a ZIP archive: the place of each among the entries, and its name.

    Raises:
        DataProblem: the archive is damaged, or expands beyond all measure.
    """
    with path.open("rb") as raw:
        archive = _open_archive(raw, path.name)
        entries = archive.infolist()
        if len(entries) > _MOST_MEMBERS:
            raise DataProblem(
                "too-many-files",
                f"{path.name} holds more than {_MOST_MEMBERS:,} files.",
                detail=f"It holds {len(entries):,}.",
                hint="Unpack it, and put the rows into fewer files.",
            )
        _check_bound(sum(entry.file_size for entry in entries), path.stat().st_size, path.name)
        return [(place, _shown(entry.filename)) for place, entry in enumerate(entries) if entry.filename[-1:] != "/"]


def _shown(name: str) -> str:
    """Return a member's name to tell its form by and to show; it is never used as a path."""
    parts = [part for part in re.split(r"[/\\]+", name) if part not in {"", ".", ".."}]
    return "/".join(parts) or "(no name)"


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Expanded(io.RawIOBase):
    """What a decompressor gives, in words of ours where it fails, and never more than the bound."""

    def __init__(self, stream: _Readable, told: ToldFile, name: str) -> None:
        self._stream = stream
        self._told = told
        self._name = name
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        try:
            data = self._stream.read(len(view))
        except _DAMAGE as error:
            raise _damaged(self._name, error) from error
        except OSError as error:
            if error.errno is not None:
                raise
            raise _damaged(self._name, error) from error
        except RuntimeError as error:  # zipfile's word for a password
            raise _protected(self._name) from error
        self._count += len(data)
        _check_bound(self._count, self._told.count, self._name)
        view[: len(data)] = data
        return len(data)


def _check_bound(expanded: int, compressed: int, name: str) -> None:
    if expanded <= ALWAYS_ALLOWED or (expanded <= LARGEST and expanded <= LARGEST_RATIO * compressed):
        return
    raise DataProblem(
        "expands-too-far",
        f"{name} expands beyond all measure.",
        detail=f"{compressed:,} bytes of it expand to {expanded:,} or more. Such files are made to fill a disk.",
        hint="Use it only if you know where it comes from: expand it yourself, and choose the result.",
    )


def _damaged(name: str, error: Exception) -> DataProblem:
    return DataProblem(
        "broken-compressed",
        f"{name} cannot be expanded.",
        detail=str(error) or type(error).__name__,
        hint="The file may be half copied or half downloaded. Copy it again.",
    )


def _protected(name: str) -> DataProblem:
    return DataProblem(
        "password",
        f"{name} is protected by a password.",
        detail="It cannot be read without the password, and none is asked for.",
        hint="Unpack it yourself, and choose the file in it.",
    )


@contextmanager
def _decompressor(kind: str, raw: BinaryIO, name: str) -> Iterator[_Readable]:
    try:
        if kind == "gz":
            import gzip

            stream: _Readable = gzip.GzipFile(fileobj=raw)
        elif kind == "bz2":
            import bz2

            stream = bz2.BZ2File(raw)
        elif kind == "xz":
            stream = lzma.LZMAFile(raw)  # noqa: SIM115 - what it reads from is closed by whoever opened it
        else:
            import pyarrow as pa

            stream = pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
    except OSError as error:
        raise _damaged(name, error) from error
    yield stream


def _open_archive(raw: BinaryIO, name: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(raw)
    except (*_DAMAGE, OSError) as error:  # a seek to where no file goes as well
        raise _damaged(name, error) from error


@contextmanager
def _open_member(raw: BinaryIO, file: DataFile) -> Iterator[_Readable]:
    archive = _open_archive(raw, file.path.name)
    try:
        entry = archive.infolist()[file.member or 0]
        if entry.flag_bits & _ENCRYPTED:
            raise _protected(file.name)
        stream = archive.open(entry)
    except (*_DAMAGE, OSError) as error:  # a seek to where no file goes as well
        raise _damaged(file.name, error) from error
    except RuntimeError as error:
        raise _protected(file.name) from error
    with stream:
        yield cast("_Readable", stream)
