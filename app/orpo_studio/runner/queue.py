"""The process that starts what waits in the queue of a workspace, one run after the other.

There is one for a workspace at a time, and only while something waits. It may be killed at any moment: all it knows
follows from the runs' events and locks, and whoever looks at the queue next starts it again.
"""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orpo_studio.runner.supervisor import BUSY, NOT_QUEUED, NOT_WRITABLE
from orpo_studio.runs import RunFolder, RunFolderError, RunLock, RunSummary, launch, list_runs
from orpo_studio.runs.card import CardWatch
from orpo_studio.runs.ending import explain_silence
from orpo_studio.runs.obstacle import find_obstacle
from orpo_studio.runs.queue import LOCK_NAME, give_up, lies_in, queue_of, require_sealed

LOOK_SECONDS = 1.0
_REST = 20
"""Rest between two looks at least, in times of what a look takes: thousands of runs shall not keep a core busy."""
RETRY_SECONDS = 60.0
"""How long a run is left alone that could not be started for a reason that may pass, such as a full disk."""
_MAY_PASS = frozenset({"already-running", "cannot-start"})


def keep_queue(workspace: Path) -> int:
    """Start what waits until nothing does. Returns the exit code of this process."""
    lock, keeper = RunLock(workspace / LOCK_NAME), QueueKeeper(workspace)
    while True:
        try:
            if not lock.take():
                return 0  # another process does it
        except OSError as error:
            print(f"The queue of {workspace} cannot be worked on: {error}", flush=True)
            return NOT_WRITABLE
        try:
            began = time.monotonic()
            while keeper.look():
                took = time.monotonic() - began
                time.sleep(max(LOOK_SECONDS, _REST * took))
                began = time.monotonic()
        finally:
            lock.release()
        # Whoever adds a run now starts a new process; who added one a moment ago saw this one's lock held.
        if not keeper.anything_waits():
            return 0


@dataclass(frozen=True, slots=True)
class _Started:
    """A supervisor started from here, and how often its run had been launched before."""

    process: "subprocess.Popen[bytes]"
    attempts_before: int

    def is_silent(self, summary: RunSummary) -> bool:
        """Tell whether it lives and has not said yet that it has launched the run."""
        return summary.fold.attempts == self.attempts_before and self.process.poll() is None


class QueueKeeper:
    """Looks at the runs and the card, and starts the first that waits when nothing is in its way.

    Args:
        workspace: whose queue.
        card: tells who holds the card.
        start: starts a run's supervisor.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        workspace: Path,
        card: CardWatch | None = None,
        start: Callable[..., "subprocess.Popen[bytes]"] = launch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workspace, self._start, self._clock = workspace, start, clock
        self._card = card or CardWatch()
        self._runs: list[RunSummary] = []
        self._started: dict[RunFolder, _Started] = {}
        self._not_before: dict[RunFolder, float] = {}
        self._said = ""

    def look(self) -> bool:
        """Look once, and start a run when it is time. Returns whether anything waits."""
        try:
            queue = self._queued()
            self._see_what_became_of_the_started()
            if queue:
                self._start_first(queue)
        except OSError as error:  # the disk is full, say, or the workspace is away for a moment
            self._say(f"cannot look: {error}")
            return True
        return bool(queue)

    def anything_waits(self) -> bool:
        """Tell whether a run waits."""
        try:
            return bool(self._queued())
        except OSError:
            return False

    def _queued(self) -> list[RunSummary]:
        """Return the runs in the queue, in their order; a supervisor that has just started is not out of it yet."""
        self._runs = list_runs(self._workspace, self._runs)
        return [summary for summary in queue_of(self._runs) if lies_in(self._workspace, summary.folder)]

    def _start_first(self, queue: list[RunSummary]) -> None:
        if any(started.is_silent(summary) for summary in queue if (started := self._started.get(summary.folder))):
            return  # its supervisor has not come to a word yet
        obstacle = find_obstacle(self._runs, self._card.look())
        if obstacle is not None:
            self._say(f"waits: {obstacle.clause}")
            return
        now = self._clock()
        ready = [summary for summary in queue if self._not_before.get(summary.folder, now) <= now]
        if ready:
            self._launch(ready[0])

    def _launch(self, summary: RunSummary) -> None:
        folder = summary.folder
        try:
            require_sealed(self._workspace, summary)
            process = self._start(folder, only_if_queued=True)
        except RunFolderError as error:
            self._say(f"{folder.id} could not be started: {error}")
            self._not_before[folder] = self._clock() + RETRY_SECONDS
            if error.code not in _MAY_PASS:
                give_up(folder, error)
                del self._not_before[folder]  # whoever adds it again wants it now
        else:
            self._started[folder] = _Started(process, summary.fold.attempts)
            self._say(f"starts {folder.id}")

    def _see_what_became_of_the_started(self) -> None:
        """Record the end of supervisors that died before they said a word, and wait for all of them."""
        for summary in self._runs:
            started = self._started.get(summary.folder)
            if started is None or started.process.poll() is None:
                continue
            del self._started[summary.folder]
            failed = started.process.returncode not in {0, BUSY, NOT_QUEUED}
            if failed and summary.fold.place is not None and summary.fold.attempts == started.attempts_before:
                self._not_before[summary.folder] = self._clock() + RETRY_SECONDS
                give_up(summary.folder, explain_silence(summary.folder))

    def _say(self, words: str) -> None:
        if words != self._said:
            self._said = words
            print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {words}", flush=True)
