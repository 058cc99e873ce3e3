"""Ordinary files: that a path means one, and reading it with a word on how far it is."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orpo_studio.data.problem import DataProblem
from orpo_studio.data.rows import Advance

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK = 1 << 20
"""How much is read at once, in bytes."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a source, on the disk or in a ZIP archive.

    Attributes:
        path: the file on the disk.
        name: what it is called on the screen, relative to the source, with ``/``.
        member: its place among the archive's entries, for a file in a ZIP archive.
    """

    path: Path
    name: str
    member: int | None = None


def require_file(source: Path) -> None:
    """Make sure that a path means a file with an end: a device or a pipe would be read for ever.

    Raises:
        DataProblem: it does not.
    """
    try:
        there, folder, ordinary = source.exists(), source.is_dir(), source.is_file()
    except OSError as error:  # a name too long, or a folder that may not be entered
        raise unreadable(source, error) from error
    if not there:
        raise no_such_file(source)
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


def no_such_file(source: Path | str) -> DataProblem:
    """Return what is said of a path where nothing is."""
    return DataProblem(
        "no-such-file",
        "There is no such file.",
        detail=str(source),
        hint="Check the path, or choose the file again.",
    )


def unreadable(source: Path, error: OSError) -> DataProblem:
    """Return what is said of a file that the system does not let be read."""
    return DataProblem(
        "unreadable-file",
        f"{source.name} cannot be read.",
        detail=f"{source}: {error.strerror or error}",
        hint="Check that the file is still there and that you may read it.",
    )


class ToldFile(io.RawIOBase):
    """An ordinary file that tells how much of it has been read.

    Attributes:
        count: how many bytes have been read so far.
    """

    def __init__(self, raw: io.FileIO, size: int, advance: Advance) -> None:
        self.count = 0
        self._raw = raw
        self._size = max(1, size)
        self._advance = advance

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that any place can be gone to."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._raw.tell()

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read the next bytes and tell of it."""
        count = self._raw.readinto(buffer)
        self.count += count
        self._advance(min(1.0, self.count / self._size))
        return count


@contextmanager
def open_told(path: Path, advance: Advance) -> Iterator[tuple["io.BufferedReader[ToldFile]", ToldFile]]:
    """Open a file for reading, and give what counts the bytes read with it."""
    with path.open("rb", buffering=0) as raw:
        told = ToldFile(raw, path.stat().st_size, advance)
        with io.BufferedReader(told, BLOCK) as file:
            yield file, told


def ignore(_share: float) -> None:
    """Be told of progress that nobody waits for."""
