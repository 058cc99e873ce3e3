"""The queue as the window sees it: who waits and why, and what can be done about it. No widget."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from orpo_studio.gui.background import Task, run_in_background
from orpo_studio.gui.runlist import RunList
from orpo_studio.runs import RunFolder, RunSummary
from orpo_studio.runs.queue import LOG_NAME, add_to_queue, is_kept, keep_going, move, queue_of, take_out

if TYPE_CHECKING:
    from orpo_studio.runs.card import CardUse
    from orpo_studio.runs.obstacle import Obstacle

_AGAIN_SECONDS = 5.0
"""Time before the process that starts what waits is started once more, where it is not there."""
_TROUBLE_SECONDS = 20.0
"""Time without it after which that is told."""


@dataclass(frozen=True, slots=True)
class StartQuestion:
    """A start that something is in the way of; the person decides.

    Attributes:
        obstacle: what is in the way.
        memory: how much of the card's memory is free and how much the run needs; empty where that is not known.
        start: starts at once.
        wait: lets the run wait in the queue.
    """

    obstacle: "Obstacle"
    memory: str
    start: Callable[[], None]
    wait: Callable[[], None]


def memory_words(card: "CardUse | None", need: tuple[float, float] | None) -> str:
    """Return how much of a card's memory is free, beside what a run needs: from and to, in GiB."""
    if card is None or card.free_gib is None or card.total_gib is None:
        return ""
    free = f"{card.free_gib:.1f} of the card's {card.total_gib:.0f} GiB are free now"
    if need is None:
        return f"{free}."
    low, high = need
    fits = "fits" if high <= card.free_gib else "may not fit" if low <= card.free_gib else "does not fit"
    span = f"{low:.1f} to {high:.1f}" if f"{low:.1f}" != f"{high:.1f}" else f"{high:.1f}"
    return f"{free}; this run needs about {span} GiB, which {fits}."


class RunQueue(QObject):
    """The waiting runs of the workspace, in their order, and what is in the way of the first."""

    changed = Signal()
    failed = Signal(object)
    """Something that was asked for could not be done, with the error."""

    def __init__(self, runs: RunList, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runs = runs
        self.waiting: list[RunSummary] = []
        self.reason = ""
        """What is in the way of the first, to follow “Waits:”; nothing where nothing is."""
        self._to_do: deque[Callable[[], None]] = deque()
        self._started_at = -_AGAIN_SECONDS
        self._missing_since: float | None = None
        self._told = ""
        runs.looked.connect(self._update)
        runs.changed.connect(self._update)

    @property
    def reason_sentence(self) -> str:
        """Why the first waits, in a sentence."""
        reason = self.reason
        return f"Waits: {reason}." if reason else "The first one is about to start."

    def until(self, folder: RunFolder) -> str:
        """Return when a waiting run starts, to follow “starts by itself”."""
        obstacle = self._runs.obstacle
        return obstacle.until if obstacle is not None and self.place(folder) == 1 else "when its turn has come"

    def place(self, folder: RunFolder) -> int:
        """Return a run's place, from 1; 0 where it does not wait."""
        return next((place for place, s in enumerate(self.waiting, start=1) if s.folder == folder), 0)

    def in_the_way(self, but: RunFolder | None = None) -> "Obstacle | None":
        """Return what is in the way of starting a run now, if anything.

        Args:
            but: a run that is not in its own way.
        """
        from orpo_studio.runs.card import CardUse
        from orpo_studio.runs.obstacle import find_obstacle

        others = [summary for summary in self._runs.summaries if summary.folder != but]
        # A probe of this window's own is stopped when a run starts.
        return find_obstacle(others, self._runs.card or CardUse(), passing=False)

    def add(self, folder: RunFolder) -> None:
        """Let a run wait at the end."""
        workspace = self._runs.workspace
        self._do(lambda: add_to_queue(workspace, folder))

    def take_out(self, folder: RunFolder) -> None:
        """Let a run wait no longer."""
        self._do(lambda: take_out(folder))

    def move(self, folder: RunFolder, index: int) -> None:
        """Give a run another place, from 0: shown at once, then written."""
        mine = next((summary for summary in self.waiting if summary.folder == folder), None)
        if mine is None or not 0 <= index < len(self.waiting):
            return
        self.waiting.remove(mine)
        self.waiting.insert(index, mine)
        workspace = self._runs.workspace
        self._do(lambda: move(workspace, folder, index))
        self.changed.emit()

    def _do(self, work: Callable[[], None]) -> None:
        """Do something to the runs' files, where the event loop need not wait for a disk: one after the other."""
        self._to_do.append(work)
        if len(self._to_do) == 1:
            self._do_next()

    def _do_next(self) -> None:
        work = self._to_do[0]

        def do(_task: Task) -> None:
            work()

        run_in_background(self, do, lambda _done: self._is_done(), self._is_done)

    def _is_done(self, error: Exception | None = None) -> None:
        self._to_do.popleft()
        if error is not None:
            self.failed.emit(error)
        if self._to_do:
            self._do_next()
            return
        self._started_at = -_AGAIN_SECONDS
        self._runs.refresh()

    def _update(self) -> None:
        if self._to_do:  # what is shown is newer than what was read
            return
        waiting = queue_of(self._runs.summaries)
        trouble = self._see_that_it_is_kept() if waiting else ""
        obstacle = self._runs.obstacle
        reason = (obstacle.clause if obstacle else trouble) if waiting else ""
        if (waiting, reason) != (self.waiting, self.reason):
            self.waiting, self.reason = waiting, reason
            self.changed.emit()

    def _see_that_it_is_kept(self) -> str:
        """See that there is a process that starts what waits; returns what is the matter where it does not stay."""
        workspace, now = self._runs.workspace, time.monotonic()
        if is_kept(workspace):
            self._missing_since = None
            return ""
        self._missing_since = self._missing_since or now
        if now - self._started_at >= _AGAIN_SECONDS:
            self._started_at = now
            run_in_background(self, lambda _task: keep_going(workspace), lambda _done: None, self._tell_once)
        is_trouble = now - self._missing_since >= _TROUBLE_SECONDS
        return (
            f"the process that starts runs does not stay alive; {workspace / LOG_NAME} tells why" if is_trouble else ""
        )

    def _tell_once(self, error: Exception) -> None:
        if str(error) != self._told:
            self._told = str(error)
            self.failed.emit(error)
