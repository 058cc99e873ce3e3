"""Following one run: its events from byte 0 through the same code, live or finished."""

import subprocess
import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from orpo_studio.events import AnyEvent, EventTail, Folded, Machine, RunState, TrainMetrics, fold_stream
from orpo_studio.events.state import StateName
from orpo_studio.gui.background import Task, run_in_background
from orpo_studio.runs import RunFolder, is_held, mark_lost
from orpo_studio.runs.launch import EXIT_HELD, leave_going

POLL_MS = 100
BEHIND_MS = 1
"""Between two polls while there is more to read: what waits for the event loop comes first."""
RETRY_MS = 2000
"""Between two tries to read what could not be read."""
SLICE_BYTES = 32 * 1024
"""Read at most in one poll: about 75 events, whose parsing and drawing stay within a frame."""
LOCK_EVERY_S = 0.5
"""Between two looks at the lock."""


class RunFollower(QObject):
    """Reads a run's events in slices that never hold the event loop for long."""

    events = Signal(list)
    """New events, in order."""
    state_changed = Signal()
    """The computed state, the stage, the job or the problems may have changed."""
    launch_failed = Signal()
    """The supervisor ended before it said a word."""
    launch_refused = Signal()
    """The supervisor found that somebody else had just started one."""
    unreadable = Signal(OSError)
    """The events cannot be read; told once, and tried again now and then."""

    def __init__(self, folder: RunFolder, parent: QObject | None = None, *, only_looks: bool = False) -> None:
        """Make it; nothing is ever recorded in the folder where it ``only_looks``."""
        super().__init__(parent)
        self.folder = folder
        self._only_looks = only_looks
        self.fold = RunState()
        self._tail = EventTail(folder.events_file)
        self._lock_held = is_held(folder.lock_file)
        self._looked = self._told = time.monotonic()
        self._is_told = True
        """Whether everybody knows the present state."""
        self._is_held_back: Callable[[], bool] = lambda: False
        self._process: subprocess.Popen[bytes] | None = None
        self._written_before = 0
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.poll)
        self._replaying = True
        self._outcome: StateName | None = None
        self._recording: Task | None = None
        self._is_unreadable = False

    @property
    def state(self) -> StateName:
        """The state of the training."""
        if self._process is not None and not self.fold.attempts:
            return "launching"
        name = self.fold.name(lock_held=self.is_live)
        return self._outcome if name == "lost" and self._replaying and self._outcome is not None else name

    @property
    def is_live(self) -> bool:
        """Whether a supervisor works on the run, for training or another job."""
        return self._lock_held or self._process is not None

    @property
    def is_training(self) -> bool:
        """Whether steps are made, so that answers and checkpoints can be asked for."""
        return self.state == "running" and not self.fold.waits_to_save

    def start(self) -> None:
        """Begin to follow."""
        self._outcome = _outcome_at_the_end(self.folder)
        self._timer.start(BEHIND_MS)

    def stop(self) -> None:
        """Follow no longer."""
        self._timer.stop()
        if self._process is not None:
            leave_going(self._process)

    def hold_back_while(self, condition: Callable[[], bool]) -> None:
        """Read nothing while the condition holds: somebody has not yet taken in what was read before."""
        self._is_held_back = condition

    def written(self) -> int:
        """Return the bytes that the run has said so far."""
        try:
            return self.folder.events_file.stat().st_size
        except OSError:
            return 0

    def watch_process(self, process: subprocess.Popen[bytes], written_before: int = 0) -> None:
        """Watch a supervisor just started from here, to say so if it dies before its first event.

        Args:
            process: the supervisor.
            written_before: what :meth:`written` returned before its start.
        """
        self._process, self._written_before = process, written_before
        self.state_changed.emit()

    def poll(self) -> None:
        """Read the next slice."""
        if self._is_held_back():
            return
        held = self._lock_when_due()  # before reading: what its holder said last is then read
        seen = self._tail.offset
        try:
            new = self._tail.poll(SLICE_BYTES)
        except OSError as error:
            if not self._is_unreadable:
                self._is_unreadable = True
                self._timer.setInterval(RETRY_MS)
                self.unreadable.emit(error)
            return
        self._is_unreadable = False
        for event in new:
            self.fold.apply(event)
        # A slice that was not filled reached the end of what is written.
        self._replaying = self._tail.offset - seen >= SLICE_BYTES
        self._timer.setInterval(BEHIND_MS if self._replaying else POLL_MS)
        if new:
            self.events.emit(new)
        self._tell(new, held)

    def _lock_when_due(self) -> bool | None:
        """Return whether the lock is held, or None where it was looked at a moment ago."""
        now = time.monotonic()
        if now - self._looked < LOCK_EVERY_S:
            return None
        self._looked = now
        return is_held(self.folder.lock_file)

    def _tell(self, new: list[AnyEvent], held: bool | None) -> None:
        """Say that the state may have changed: at once, but for figures that move at each step ten times a second."""
        now = time.monotonic()
        at_once = any(not isinstance(event, TrainMetrics | Machine) for event in new)
        if held is not None:
            at_once |= self._judge_lock(held=held)
        self._is_told &= not new
        if at_once or (not self._is_told and (now - self._told) * 1000 >= POLL_MS - 10):
            self._told, self._is_told = now, True
            self.state_changed.emit()

    def _judge_lock(self, *, held: bool) -> bool:
        """Draw the conclusions from the lock's state. Returns whether anything changed by it."""
        changed = held != self._lock_held
        self._lock_held = held
        if self._process is not None and self._process.poll() is not None:
            refused = self._process.returncode == EXIT_HELD
            self._process, changed = None, True
            if refused:
                self.launch_refused.emit()
            elif self.written() <= self._written_before:
                self.launch_failed.emit()
        if not held and self._process is None and not self._replaying and self._is_open():
            self._record_loss()
        return changed

    def _record_loss(self) -> None:
        """Have the end recorded by a thread, which reads the whole stream for it. A full disk is tried again later."""
        if self._recording is None:
            self._recording = run_in_background(
                self, lambda _task: mark_lost(self.folder), self._on_recorded, self._on_recorded
            )

    def _on_recorded(self, _result: object) -> None:
        self._recording = None

    def _is_open(self) -> bool:
        if self._only_looks or self.fold.unknown:  # a newer version may have said the end in words not known here
            return False
        return (self.fold.attempts > 0 and self.fold.ended is None) or bool(self.fold.job)


def _outcome_at_the_end(folder: RunFolder) -> StateName | None:
    """Return how a run has ended where its last events say so: it is not lost until all that is written was read."""
    try:
        size = folder.events_file.stat().st_size
        last = fold_stream(folder.events_file, Folded(read_to=max(0, size - SLICE_BYTES))).state
    except OSError:
        return None
    return last.name(lock_held=False) if last.ended is not None or last.place is not None else None
