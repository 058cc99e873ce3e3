"""A stream whose writer goes on when the disk is full: what cannot be written is kept, and written when it can be."""

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from orpo_studio.events.log import EventLog, EventLogError
from orpo_studio.events.reserve import RESERVE_BYTES, free_reserve, make_reserve
from orpo_studio.events.types import Event, Machine, Problem, Stage, TrainMetrics

EventT = TypeVar("EventT", bound=Event)

MOST_HELD = 10_000
"""Events kept at most, some 20 MB. Beyond it every second one of the frequent kinds is left out."""
_FREQUENT = (TrainMetrics, Stage, Machine)
_FOR_THE_END = 32 * 1024
"""Bytes of the reserve that are left for the end of the job itself, and for the supervisor's word."""


class HoldingEventLog(EventLog):
    """Writer of one stream that keeps what it cannot write.

    Events keep the time at which they were said, their order, and get their numbers when they are written: a reader
    sees them late, but never out of order or with a gap.

    Attributes:
        held: events that wait to be written.
    """

    def __init__(self, path: Path) -> None:
        """Open the stream, and set room aside for the last words.

        Raises:
            EventLogError: the file cannot be opened.
        """
        super().__init__(path)
        make_reserve(path)
        self.held: list[Event] = []
        self._left_out = 0

    def append(self, event: EventT) -> EventT:
        """Write an event after those that wait, or keep it. Returns it, with its number where it was written."""
        event = event.model_copy(update={"time": event.time or time.time()})
        if not self.held:
            try:
                return super().append(event)
            except EventLogError:
                print("Events cannot be written for now: they wait in memory.", file=sys.stderr, flush=True)
        self.held.append(event)
        if len(self.held) > MOST_HELD:
            self._thin_out()
        self._write_held()
        return event

    def settle(self) -> bool:
        """Write all that waits, with the room set aside where there is no other. Returns whether nothing waits."""
        if self._write_held() or not free_reserve(self._path):
            return not self.held
        while self._bytes_held() > RESERVE_BYTES - _FOR_THE_END and self._thin_out():
            pass
        return self._write_held()

    def close(self) -> None:
        """Write what waits, and close the file. What cannot be written even now is told to the console."""
        if not self.settle():
            problems = [event for event in self.held if isinstance(event, Problem)]
            told = "".join(f"\n{problem.title} {problem.detail}" for problem in problems)
            print(f"{len(self.held)} events were lost: No space left on device.{told}", file=sys.stderr, flush=True)
        super().close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write_held(self) -> bool:
        """Write as much of what waits as can be written now. Returns whether nothing waits any more."""
        written = 0
        try:
            for event in self.held:
                super().append(event)
                written += 1
        except EventLogError:
            pass
        del self.held[:written]
        if self.held or not self._left_out:
            return not self.held
        left_out, self._left_out = self._left_out, 0
        self.append(_not_all(left_out))
        return not self.held

    def _thin_out(self) -> bool:
        """Leave out every second event of the frequent kinds. Returns whether that made them fewer."""
        before, kept, is_second = len(self.held), [], False
        for event in self.held:
            if isinstance(event, _FREQUENT):
                is_second = not is_second
                if not is_second:
                    continue
            kept.append(event)
        self.held = kept
        self._left_out += before - len(kept)
        return len(kept) < before

    def _bytes_held(self) -> int:
        return sum(len(event.model_dump_json()) + 1 for event in self.held)


def _not_all(count: int) -> Problem:
    return Problem(
        severity="warning",
        code="events-left-out",
        title="Not all figures of this run were recorded.",
        detail=f"The disk had no room for them for so long that {count} of the figures and progress reports were left "
        "out. The training itself is not affected.",
        hint="The curves have fewer points there. Nothing needs to be done.",
    )
