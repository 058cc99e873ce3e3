"""The pages, made one by one: the first before the first paint, the others in the turns of the event loop after it.

Making all of them, and importing what they need, takes longer than a person should wait for a window.
"""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QStackedWidget

from orpo_studio.gui.pages.page import Page
from orpo_studio.gui.workbench import Workbench

PAGES = {
    "model": ("orpo_studio.gui.pages.model", "ModelPage"),
    "data": ("orpo_studio.gui.pages.data", "DataPage"),
    "recipe": ("orpo_studio.gui.pages.recipe", "RecipePage"),
    "train": ("orpo_studio.gui.pages.train", "TrainPage"),
    "evaluate": ("orpo_studio.gui.pages.evaluate", "EvaluatePage"),
    "ship": ("orpo_studio.gui.pages.ship", "ShipPage"),
    "runs": ("orpo_studio.gui.runs.table", "RunsPage"),
}
"""Module and class of each step's page, and of the table of runs."""

FIRST_AFTER_MS = 30
"""The rest is begun this long after the first turn of the event loop, when the window has painted."""
CHARTS_FIRST_MS = 800
"""After the Train page, which loads the charts, nothing is made ahead for this long, so that they are there first."""
PAUSE_MS = 150
"""Between two pages made ahead, so that the person comes first."""
AHEAD = ("train", *(key for key in PAGES if key != "train"))


class PageStack(QStackedWidget):
    """Shows one page; ``stack.pages["train"]`` makes a page that is not there yet."""

    made = Signal(Page)
    """A page has just been made."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._pages = _Pages(lambda key: self._make(key, bench))
        self.pages: Mapping[str, Page] = self._pages
        # A page must be there before its run's events are read again, or it would miss the first of them.
        bench.subject_changed.connect(self.make_all)
        QTimer.singleShot(0, self, lambda: QTimer.singleShot(FIRST_AFTER_MS, self, self._make_next))

    def show_page(self, key: str) -> None:
        """Show the page of a step."""
        self.setCurrentWidget(self.pages[key])

    @property
    def current(self) -> str:
        """The step of the page that is shown."""
        widget = self.currentWidget()
        return widget.step if isinstance(widget, Page) else ""

    def make_all(self) -> None:
        """Make every page that is not there yet."""
        for key in PAGES:
            _ = self.pages[key]

    def _make(self, key: str, bench: Workbench) -> Page:
        module, name = PAGES[key]
        page: Page = getattr(import_module(module), name)(bench)
        self.addWidget(page)
        self.made.emit(page)
        return page

    def _make_next(self) -> None:
        missing = next((key for key in AHEAD if key not in self._pages.made()), None)
        if missing is not None:
            _ = self.pages[missing]
            QTimer.singleShot(CHARTS_FIRST_MS if missing == "train" else PAUSE_MS, self, self._make_next)


class _Pages(Mapping[str, Page]):
    """The pages by step; a missing one is made when it is asked for."""

    def __init__(self, make: Callable[[str], Page]) -> None:
        self._make = make
        self._made: dict[str, Page] = {}

    def __getitem__(self, key: str) -> Page:
        if key not in PAGES:
            raise KeyError(key)
        if key not in self._made:
            self._made[key] = self._make(key)
        return self._made[key]

    def __iter__(self) -> Iterator[str]:
        return iter(PAGES)

    def __len__(self) -> int:
        return len(PAGES)

    def made(self) -> frozenset[str]:
        """Return the steps whose pages are there."""
        return frozenset(self._made)
