"""Appending to the stream.

Supervisor and trainer both write, so each append takes the file's lock, finds the last number, and writes one line
with one ``os.write``; no fsync, which would cost 200 µs (the kernel keeps what a killed process wrote).
"""

import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from orpo_studio.events import file_lock
from orpo_studio.events.reserve import free_reserve
from orpo_studio.events.types import Event
from orpo_studio.plain_files import open_plain

EventT = TypeVar("EventT", bound=Event)

_TAIL_BYTES = 1 << 16
_LARGEST_SEQ = 2**53
"""A number beyond it is none of ours, and none to continue from."""


class EventLogError(OSError):
    """An event could not be written; the stream is as it was before."""


class EventLog:
    """Writer of one stream."""

    def __init__(self, path: Path) -> None:
        """Open the stream, and make it when it is new.

        Raises:
            EventLogError: the file cannot be opened, or is a link to another.
        """
        self._path = path
        try:
            self._descriptor = open_plain(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        except OSError as error:
            raise EventLogError(error.errno, error.strerror, str(path)) from error
        self._known_end = -1
        self._seq = 0

    def append(self, event: EventT) -> EventT:
        """Write an event and return it with its number and time.

        Raises:
            EventLogError: the line could not be written whole (disk full, say). Nothing of it stays.
        """
        file_lock.acquire(self._descriptor, block=True)
        try:
            end = self._repaired_end()
            numbered = event.model_copy(update={"seq": self._seq + 1, "time": event.time or time.time()})
            line = numbered.model_dump_json().encode() + b"\n"
            self._write(line, end)
            self._known_end = end + len(line)
            self._seq += 1
            return numbered
        finally:
            file_lock.release(self._descriptor)

    def append_last(self, event: EventT) -> EventT:
        """Write an event that ends something, with the room set aside for it where there is no other.

        Raises:
            EventLogError: it could not be written even so.
        """
        try:
            return self.append(event)
        except EventLogError:
            if not free_reserve(self._path):
                raise
            return self.append(event)

    def sync(self) -> None:
        """Flush the stream to the disk, where a power cut leaves it.

        Raises:
            EventLogError: the disk is full or broken.
        """
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise EventLogError(error.errno, error.strerror, str(self._path)) from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, line: bytes, end: int) -> None:
        try:
            written = os.write(self._descriptor, line)
            if written != len(line):
                os.ftruncate(self._descriptor, end)
                raise EventLogError(28, "No space left on device", str(self._path))
        except EventLogError:
            raise
        except OSError as error:
            raise EventLogError(error.errno, error.strerror, str(self._path)) from error

    def _repaired_end(self) -> int:
        """Return the end of the last whole line, after cutting what a killed writer left, and set the last number."""
        end = os.lseek(self._descriptor, 0, os.SEEK_END)
        if end == self._known_end:
            return end
        tail = self._read_back(end)
        whole = tail.rfind(b"\n") + 1
        if whole != len(tail):  # nobody has read a torn line: readers hold back what has no newline
            os.ftruncate(self._descriptor, end - (len(tail) - whole))
            end -= len(tail) - whole
        self._seq = _last_seq(tail[:whole])
        return end

    def _read_back(self, end: int) -> bytes:
        """Return the end of the file, from a line's start, with at least one whole line where there is one."""
        size = _TAIL_BYTES
        while True:
            start = max(0, end - size)
            os.lseek(self._descriptor, start, os.SEEK_SET)
            tail = _read_exactly(self._descriptor, end - start)
            if start == 0:
                return tail
            cut = tail.find(b"\n") + 1
            if cut and tail.find(b"\n", cut) != -1:
                return tail[cut:]
            size *= 4


def _read_exactly(descriptor: int, count: int) -> bytes:
    pieces = []
    while count > 0 and (piece := os.read(descriptor, count)):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _last_seq(lines: bytes) -> int:
    for line in reversed(lines.splitlines()):
        try:
            seq = json.loads(line)["seq"]
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
        if isinstance(seq, int) and 0 <= seq < _LARGEST_SEQ:
            return seq
    return 0
