"""What every job needs: the run, its specification, the event log, and whether to stop."""

import os
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from orpo_studio.config import RunSpec
from orpo_studio.events import EventLog, Problem, RunState, Stage
from orpo_studio.events.types import Event
from orpo_studio.runs import RunFolder, pending, take
from orpo_studio.trainer.problems import StopNow

Outcome = Literal["completed", "stopped", "paused"]
"""How a job ends when nothing goes wrong."""

_STAGE_SECONDS = 0.25
"""Progress of a stage is said at most this often."""

_CUT_OFF = Problem(
    severity="warning",
    code="cut-off",
    title="This was stopped from outside the program.",
    detail="The process that watches over it was ended, or the system asked it to end, as at log-out or shutdown.",
    hint="What was reached is saved. Resume it, or start it again, when you like.",
)


class Lifeline:
    """What tells the trainer from outside to save and stop: the supervisor's end, or a polite signal at shutdown.

    The supervisor holds the other end of a pipe: when it dies, the pipe reads end-of-file.
    """

    def __init__(self) -> None:
        self._cut = threading.Event()

    @property
    def is_cut(self) -> bool:
        """Whether it is time to save and stop."""
        return self._cut.is_set()

    def cut(self) -> None:
        """Ask the trainer to save and stop."""
        self._cut.set()

    def watch(self, descriptor: int) -> None:
        """Watch a pipe from a thread of its own. Terminals and files are left alone: no supervisor holds them."""
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            threading.Thread(target=self._wait, args=(descriptor,), daemon=True, name="lifeline").start()

    def _wait(self, descriptor: int) -> None:
        while os.read(descriptor, 1024):
            pass
        self.cut()


@dataclass(frozen=True, slots=True)
class JobContext:
    """One job on one run.

    Attributes:
        folder: the run.
        spec: its specification.
        log: where events are said.
        state: what the run had said before this job.
        lifeline: tells whether the supervisor lives.
        beat: shows that the work goes on; whatever says something or reports progress does so as well.
        request: name of the file that says what exactly is asked of the job; empty where there is none.
    """

    folder: RunFolder
    spec: RunSpec
    log: EventLog
    state: RunState
    lifeline: Lifeline = field(default_factory=Lifeline)
    beat: Callable[[], None] = lambda: None
    request: str = ""

    def say(self, event: Event) -> None:
        """Append an event.

        Raises:
            EventLogError: it cannot be written.
        """
        self.beat()
        self.log.append(event)

    def stop_wanted(self) -> bool:
        """Tell whether the person, or the supervisor's end, asks the job to stop or to pause."""
        return self.lifeline.is_cut or pending(self.folder, "stop") or pending(self.folder, "pause")

    def only_pause_wanted(self) -> bool:
        """Tell whether what is asked for is a pause; a stop that is asked for as well outweighs it."""
        return not self.lifeline.is_cut and not pending(self.folder, "stop") and pending(self.folder, "pause")

    def tell_whether_cut_off(self) -> None:
        """Warn where the stop about to be made was asked for by nobody in the program."""
        if self.lifeline.is_cut and not pending(self.folder, "stop") and not pending(self.folder, "pause"):
            self.say(_CUT_OFF)

    def forget_stop(self) -> None:
        """Take the request to stop or to pause, once it is answered."""
        take(self.folder, "stop")
        take(self.folder, "pause")

    def check_stop(self) -> None:
        """Leave off here when a stop is wanted.

        Raises:
            StopNow: it is.
        """
        self.beat()
        if self.stop_wanted():
            raise StopNow

    def stage(self, name: str, title: str, *, total: int = 0, unit: str = "") -> Callable[[int], None]:
        """Say that a stage begins. Returns a function that takes how many units are done.

        That function raises `StopNow` when a stop is wanted.
        """
        self.say(Stage(name=name, title=title, total=total, unit=unit))
        last = time.monotonic()

        def advance(done: int) -> None:
            nonlocal last
            self.check_stop()
            now = time.monotonic()
            if now - last >= _STAGE_SECONDS or done == total:
                last = now
                self.say(Stage(name=name, title=title, done=done, total=total, unit=unit))

        return advance
