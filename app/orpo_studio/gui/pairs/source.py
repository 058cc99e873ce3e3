"""The pairs of the chosen data: its beginning while it is being converted, all of it afterwards."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from orpo_studio.gui.background import Task, run_in_background

if TYPE_CHECKING:
    from orpo_studio.config.sections import DataSection
    from orpo_studio.data.pages import PairPages
    from orpo_studio.data.peek import Peek
    from orpo_studio.data.prepared import PreparedData

_SETTLE_MS = 120
"""The beginning is read once typing has paused this long."""


def load_libraries() -> None:
    """Import what pairs are read, searched and laid out with: in a thread, for it would hold the window."""
    import rapidfuzz.distance  # noqa: F401

    import orpo_studio.data.difference
    import orpo_studio.data.ordering
    import orpo_studio.data.peek
    import orpo_studio.data.rendering
    import orpo_studio.data.search  # noqa: F401


class PairSource(QObject):
    """Opens pairs in the background, one thing at a time."""

    peeked = Signal(object)
    """A `Peek`: the beginning of the source that is being converted."""
    opened = Signal(object)
    """`PairPages`: who takes them closes them."""
    failed = Signal(Exception)
    """The converted pairs cannot be opened. A source that cannot be peeked at is told by its conversion."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._task: Task | None = None
        self._wanted: tuple[DataSection, int] | None = None
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self._peek)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is being read or opened."""
        return self._task is None and not self._settle.isActive()

    def cancel(self) -> None:
        """Stop; nothing follows."""
        self._settle.stop()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def peek(self, data: "DataSection", max_length: int) -> None:
        """Read the beginning of what is named."""
        self.cancel()
        self._wanted = (data, max_length)
        self._settle.start()

    def open(self, prepared: "PreparedData") -> None:
        """Open what was converted."""
        self.cancel()

        def work(task: Task) -> "PairPages | None":
            load_libraries()
            pages = prepared.pages()
            if task.is_cancelled():
                pages.close()
                return None
            return pages

        self._task = run_in_background(self, work, self._on_opened, self._on_failed)

    def _peek(self) -> None:
        if self._wanted is None:
            return
        data, max_length = self._wanted

        def work(_task: Task) -> "Peek":
            from orpo_studio.data.peek import peek
            from orpo_studio.data.plan import plan_of

            load_libraries()
            plan = plan_of(data, max_length)
            return peek(plan.portions[0], plan.mapping)

        self._task = run_in_background(self, work, self._on_peeked, lambda _error: self._end())

    def _on_peeked(self, seen: "Peek") -> None:
        self._task = None
        self.peeked.emit(seen)

    def _on_opened(self, pages: "PairPages | None") -> None:
        self._task = None
        if pages is not None:
            self.opened.emit(pages)

    def _on_failed(self, error: Exception) -> None:
        self._task = None
        self.failed.emit(error)

    def _end(self) -> None:
        self._task = None
