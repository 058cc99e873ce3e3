"""Following the stream from its first byte, in slices small enough for an event loop."""

import os
from collections.abc import Iterator
from pathlib import Path

from orpo_studio.events.types import AnyEvent, parse_event
from orpo_studio.plain_files import open_plain

SLICE = 256 * 1024
"""Bytes read at most in one call: about 4 ms of parsing."""

LONGEST_LINE = 4 * 1024 * 1024
"""A longer line is no event of ours and is skipped, so that a hostile file cannot fill the memory."""


class LineTail:
    """Reader of whole lines that remembers where it is; a missing file reads as an empty one."""

    def __init__(self, path: Path, start: int = 0) -> None:
        """Begin to read.

        Args:
            path: the file.
            start: a ``line_start`` of an earlier reader of the same file.
        """
        self._path = path
        self._line_start = start
        self._held_back = 0
        self._skipping = False
        self.skipped = 0
        """Lines met that are too long."""

    @property
    def line_start(self) -> int:
        """Where the first line begins that was not returned yet."""
        return self._line_start

    @property
    def offset(self) -> int:
        """Bytes seen so far, those of a line not yet whole included."""
        return self._line_start + self._held_back

    def poll(self, limit: int = SLICE) -> list[bytes]:
        """Return the lines that are new since the last call, reading at most ``limit`` new bytes.

        A last line without its newline is held back: even a single ``os.write`` can be seen half done. It is read
        again from its start the next time, since a writer cuts off what a killed one left and writes over it.

        Raises:
            OSError: the file cannot be read, or is no ordinary file.
        """
        try:
            with os.fdopen(open_plain(self._path), "rb", buffering=0) as file:
                file.seek(self._line_start)
                piece = file.read(self._held_back + limit)
        except FileNotFoundError:
            return []
        whole = piece.rfind(b"\n") + 1
        self._line_start += whole
        self._held_back = len(piece) - whole
        lines = piece[:whole].split(b"\n")[:-1]
        if self._skipping and lines:
            lines, self._skipping = lines[1:], False
            self.skipped += 1
        if self._held_back > LONGEST_LINE:
            self._line_start, self._held_back, self._skipping = self.offset, 0, True
        return lines


class EventTail:
    """Reader of events that remembers where it is; a missing file reads as an empty one."""

    def __init__(self, path: Path) -> None:
        self._lines = LineTail(path)
        self._unreadable = 0

    @property
    def offset(self) -> int:
        """Bytes seen so far, those of a line not yet whole included."""
        return self._lines.offset

    @property
    def unreadable(self) -> int:
        """Lines met that are no events."""
        return self._unreadable + self._lines.skipped

    def poll(self, limit: int = SLICE) -> list[AnyEvent]:
        """Return the events that are new since the last call, reading at most ``limit`` new bytes.

        Raises:
            OSError: the file cannot be read, or is no ordinary file.
        """
        return [event for line in self._lines.poll(limit) if (event := self._parse(line)) is not None]

    def _parse(self, line: bytes) -> AnyEvent | None:
        if not line.strip():
            return None
        event = parse_event(line)
        if event is None:
            self._unreadable += 1
        return event


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield every whole line of a stream as it is now, but those that are too long for an event.

    Raises:
        OSError: the file cannot be read, or is no ordinary file.
    """
    tail = LineTail(path)
    try:
        end = path.stat().st_size
    except FileNotFoundError:
        return
    before = -1
    while before != tail.offset < end:  # not until nothing is new: somebody may write faster than this reads
        before = tail.offset
        yield from tail.poll(4 * SLICE)


def read_events(path: Path) -> Iterator[AnyEvent]:
    """Yield every event of a stream as it is now.

    Raises:
        OSError: the file cannot be read, or is no ordinary file.
    """
    for line in read_lines(path):
        if line.strip() and (event := parse_event(line)) is not None:
            yield event
