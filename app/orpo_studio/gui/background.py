"""One idiom for work that must not hold the event loop.

``run_in_background(owner, work, done, failed)``: ``work`` runs in a thread and must not touch a widget; ``done`` or
``failed`` is called back on the main thread, and never after the owner is gone.

Threads are Python's own and everything crosses over through one object that is never deleted: a ``QRunnable`` or a
signal's sender that one thread deletes while another uses it ends the process.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Generic, TypeVar

import shiboken6
from PySide6.QtCore import QObject, Qt, Signal, Slot

Result = TypeVar("Result")
_WORKERS = 4


class Cancelled(Exception):  # noqa: N818 - an answer to a wish, not an error
    """Raised by work that saw its task cancelled; neither ``done`` nor ``failed`` is called."""


class Task:
    """A piece of work under way."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Ask the work to end, and drop its result."""
        self._cancelled.set()

    def is_cancelled(self) -> bool:
        """Tell whether somebody asked for the end; long work looks here now and then."""
        return self._cancelled.is_set()


class _Crossing(QObject):
    """Lives in the main thread for the whole life of the process; what arrives is called there, in order."""

    arrived = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.arrived.connect(self._call, Qt.ConnectionType.QueuedConnection)

    @Slot(object)
    def _call(self, call: Callable[[], None]) -> None:
        call()


class _Background:
    """The threads, and the way back from them."""

    def __init__(self) -> None:
        self.crossing = _Crossing()
        self._executor = ThreadPoolExecutor(_WORKERS, thread_name_prefix="background")
        self._pending: set[Future[None]] = set()

    def submit(self, work: Callable[[], None]) -> None:
        future = self._executor.submit(work)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)

    def wait(self, seconds: float) -> bool:
        return not wait(set(self._pending), seconds).not_done


_background: list[_Background] = []


def _the_background() -> _Background:
    if not _background:
        _background.append(_Background())
    return _background[0]


class _Errand(Generic[Result]):
    """A piece of work and who waits for it: what they refer to, objects of Qt too, is let go on the main thread."""

    def __init__(
        self,
        owner: QObject,
        work: Callable[[Task], Result],
        done: Callable[[Result], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self.task = Task()
        self._owner: QObject | None = owner
        self._parts: tuple[Callable[[Task], Result], Callable[[Result], None], Callable[[Exception], None]] | None
        self._parts = work, done, failed
        self._call: Callable[[], None] | None = None

    def run(self) -> None:
        """Do the work, in a thread."""
        try:
            if self._parts is not None and not self.task.is_cancelled():
                self._call = self._outcome(*self._parts)
        finally:
            _the_background().crossing.arrived.emit(self._arrive)

    def _outcome(
        self,
        work: Callable[[Task], Result],
        done: Callable[[Result], None],
        failed: Callable[[Exception], None],
    ) -> Callable[[], None] | None:
        """Do the work. Returns whom to tell of what came of it.

        Apart from `run`, so that this frame, which refers to them all, is gone before the main thread hears of it.
        """
        try:
            return partial(done, work(self.task))
        except Cancelled:
            return None
        except Exception as error:  # noqa: BLE001 - a thread's boundary: the owner decides what it means
            return partial(failed, error)

    def _arrive(self) -> None:
        call, owner = self._call, self._owner
        self._call = self._owner = self._parts = None
        if call is not None and not self.task.is_cancelled() and shiboken6.isValid(owner):
            call()


def on_main_thread(owner: QObject, call: Callable[..., object], *arguments: object) -> None:
    """Call something on the main thread, from any thread, unless the owner is gone by then."""

    def arrive() -> None:
        if shiboken6.isValid(owner):
            call(*arguments)

    _the_background().crossing.arrived.emit(arrive)


def run_in_background(
    owner: QObject,
    work: Callable[[Task], Result],
    done: Callable[[Result], None],
    failed: Callable[[Exception], None],
) -> Task:
    """Run ``work`` in a thread and bring its result, or what it raised, back to the main thread."""
    errand = _Errand(owner, work, done, failed)
    _the_background().submit(errand.run)
    return errand.task


def wait_for_background(seconds: float) -> bool:
    """Wait until no work is under way. Returns False when some still is; its results may not have arrived yet."""
    return _the_background().wait(seconds)
