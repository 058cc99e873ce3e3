"""Which pairs a table shows, and in which order: found and put in order in the background, as they are found."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from orpo_studio.gui.background import Cancelled, Task, on_main_thread, run_in_background

if TYPE_CHECKING:
    import numpy as np

    from orpo_studio.data.ordering import Length
    from orpo_studio.data.pages import Pages
    from orpo_studio.data.search import TextQuery

_TELL_EVERY_S = 0.1
_REST = 4
"""Between telling what was found, so many times as long is searched as putting it in order took."""
_SHOWN_ON_THE_WAY = 2_000
"""So many are shown while others are still being found: a table that grows by a million rows stalls the window."""


@dataclass(frozen=True, slots=True)
class Sort:
    """An order by length."""

    by: "Length"
    longest_first: bool = True


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be shown.

    Attributes:
        pages: the pairs.
        span: positions of those that come into question.
        only: of these, ascending; None for all.
        query: the text they hold; None for any.
        sort: their order; None for that of the source.
    """

    pages: "Pages"
    span: range
    only: "np.ndarray | None" = None
    query: "TextQuery | None" = None
    sort: Sort | None = None


class Finding(QObject):
    """Finds what is wanted; a new wish ends the one before."""

    changed = Signal()
    """More was found, or all of it; ``order`` and ``share`` are new."""
    failed = Signal(Exception)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.order: np.ndarray | None = None
        """Positions found, while it runs the first of them; None for the whole span as it is."""
        self.found = 0
        """How many have been found."""
        self.share = 1.0
        """How much has been looked at, 0 to 1."""
        self._task: Task | None = None
        self._stop = Event()
        self._sizes: dict[int, np.ndarray] = {}
        """Bytes of text of the pairs, by the identity of their pages: only of those at hand."""

    @property
    def is_running(self) -> bool:
        """Whether something is being looked for."""
        return self._task is not None

    def look(self, wanted: Wanted) -> None:
        """Begin to look; ``changed`` follows, at once where nothing has to be looked for."""
        self.cancel()
        if wanted.query is None and wanted.sort is None:
            self.order, self.share = wanted.only, 1.0
            self.found = len(wanted.span if wanted.only is None else wanted.only)
            self.changed.emit()
            return
        self.share, self.found = 0.0, 0
        self._stop = stop = Event()
        self._task = run_in_background(self, lambda task: self._find(task, wanted, stop), self._done, self._fail)

    def stop(self) -> None:
        """End a search and keep what it has found; ``changed`` follows."""
        self._stop.set()

    def cancel(self) -> None:
        """End a search; nothing follows."""
        self._stop.set()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def forget(self) -> None:
        """Let go of what is known of the pages looked at until now."""
        self.cancel()
        self._sizes.clear()
        self.order, self.found, self.share = None, 0, 1.0

    def _find(self, task: Task, wanted: Wanted, stop: Event) -> "tuple[np.ndarray, float]":
        import numpy as np

        from orpo_studio.data.search import search

        arrange = self._arrangement(wanted)
        if wanted.query is None:
            positions = np.arange(wanted.span.start, wanted.span.stop) if wanted.only is None else wanted.only
            return arrange(positions), 1.0
        found, count, share, tell_at = [np.zeros(0, np.int64)], 0, 0.0, time.monotonic() + _TELL_EVERY_S
        for hits in search(wanted.pages, wanted.query, wanted.span, stop.is_set):
            only = wanted.only
            found.append(hits.positions if only is None else np.intersect1d(hits.positions, only, assume_unique=True))
            count += len(found[-1])
            share = hits.share
            begun = time.monotonic()
            if begun > tell_at:
                order = arrange(np.concatenate(found))[:_SHOWN_ON_THE_WAY]
                on_main_thread(self, self._more, task, order, count, share)
                now = time.monotonic()
                tell_at = now + max(_TELL_EVERY_S, _REST * (now - begun))
        if task.is_cancelled():
            raise Cancelled
        return arrange(np.concatenate(found)), share

    def _arrangement(self, wanted: Wanted) -> "Callable[[np.ndarray], np.ndarray]":
        from orpo_studio.data.ordering import ordered, sizes_of

        sort = wanted.sort
        if sort is None:
            return lambda positions: positions
        sizes = self._sizes.get(id(wanted.pages))
        if sizes is None:
            sizes = sizes_of(wanted.pages)
            self._sizes = {id(wanted.pages): sizes}
        known = sizes
        return lambda positions: ordered(positions, known, sort.by, longest_first=sort.longest_first)

    def _more(self, task: Task, order: "np.ndarray", found: int, share: float) -> None:
        if task is self._task:
            self.order, self.found, self.share = order, found, share
            self.changed.emit()

    def _done(self, result: "tuple[np.ndarray, float]") -> None:
        self._task = None
        self.order, self.share = result
        self.found = len(result[0])
        self.changed.emit()

    def _fail(self, error: Exception) -> None:
        self._task = None
        self.failed.emit(error)
