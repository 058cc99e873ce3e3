"""A reader of a run's events of its own, which remembers every line and notices when one is gone."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Said = dict[str, Any]
"""An event as it stands in the file."""


@dataclass(slots=True)
class Stream:
    """The events of a run, read as they come, without the program's own reader.

    Attributes:
        path: the file.
        events: all that was read, in order.
    """

    path: Path
    events: list[Said] = field(default_factory=list)
    _bytes: bytes = b""

    def poll(self) -> list[Said]:
        """Return the whole lines that are new."""
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(len(self._bytes))
                piece = file.read()
        except FileNotFoundError:
            return []
        whole = piece[: piece.rfind(b"\n") + 1]
        self._bytes += whole
        new = [json.loads(line) for line in whole.splitlines()]
        self.events += new
        return new

    def lost(self) -> int:
        """Return how many of the lines ever read are gone or changed, and how many numbers are missing."""
        content = self.path.read_bytes() if self.path.exists() else b""
        known, now = self._bytes.splitlines(), content.splitlines()
        gone = sum(line != other for line, other in zip(known, now, strict=False)) + max(0, len(known) - len(now))
        numbers = {event["seq"] for event in self.events}
        return gone + (max(numbers) - len(numbers) if numbers else 0)

    def doubled(self) -> int:
        """Return how many numbers, launches or ends were said twice."""
        numbers = [event["seq"] for event in self.events]
        launches = [event["attempt"] for event in self.of_kind("run.launched")]
        twice = len(numbers) - len(set(numbers)) + len(launches) - len(set(launches))
        return (
            twice
            + _ends_too_many(self.events, "run.launched", "run.ended")
            + _ends_too_many(self.events, "job.started", "job.ended")
        )

    def of_kind(self, kind: str) -> Iterator[Said]:
        """Yield the events of a type."""
        return (event for event in self.events if event["type"] == kind)

    def since(self, seq: int) -> list[Said]:
        """Return the events behind a number."""
        return [event for event in self.events if event["seq"] > seq]

    @property
    def last(self) -> int:
        """The last number read; 0 before the first."""
        return self.events[-1]["seq"] if self.events else 0


def _ends_too_many(events: list[Said], begin: str, end: str) -> int:
    """Return how many ends belong to no beginning."""
    open_ones = twice = 0
    for event in events:
        if event["type"] == begin:
            open_ones = 1
        elif event["type"] == end:
            twice += 1 - open_ones
            open_ones = 0
    return twice
