"""The chart board on the page: loaded after the first paint, so that its libraries do not hold the window up."""

from collections import deque
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QScrollArea, QVBoxLayout, QWidget

from orpo_studio import paths
from orpo_studio.events import AnyEvent
from orpo_studio.gui.notice import Notice
from orpo_studio.gui.pages.train.warmup import Warmup
from orpo_studio.gui.theme import em, theme
from orpo_studio.gui.widgets.basic import label
from orpo_studio.gui.workbench import Workbench

if TYPE_CHECKING:
    from orpo_studio.gui.charts import Chart, ChartBoard
    from orpo_studio.gui.charts.style import CardStyle
    from orpo_studio.gui.pages.train.feed import ChartFeed

LOAD_AFTER_MS = 20
"""pyqtgraph is imported this long after the page was made: the window has painted by then."""
_BATCH = 150
"""Events taken in one go: about 2,000 points, 1 ms."""
_RAPID = 25
"""Events at once that no run makes while somebody watches: it is being read again."""
_MOST_WAITING = 8 * _BATCH
"""So many events wait for the charts at most; the rest waits on the disk, where it takes no memory."""


class Curves(QWidget):
    """Holds the board and brings events to it in batches; events that come before it is there wait."""

    def __init__(self, bench: Workbench, scroll: QScrollArea) -> None:
        super().__init__()
        self._bench, self._scroll = bench, scroll
        self._waiting: deque[AnyEvent] = deque()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._placeholder = label("Preparing the charts…", "muted")
        self._placeholder.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._placeholder.setMinimumHeight(em(14))
        self._layout.addWidget(self._placeholder)
        self.board: ChartBoard | None = None
        self._feed: ChartFeed | None = None
        self._cards: deque[CardStyle] = deque()
        self._is_drawn_on = False
        self._cannot_draw = False
        self._warmup: Warmup | None = None
        self._drain = QTimer(self, interval=0)
        self._drain.timeout.connect(self._draw_some)
        QTimer.singleShot(LOAD_AFTER_MS, self, self._load)

    @property
    def is_ready(self) -> bool:
        """Whether the board is there, and has drawn all it was given as far as it can be seen.

        A live run is never drawn to its end; there every chart must at least show it.
        """
        if self.board is None or self._feed is None or self._waiting:
            return False
        follower = self._bench.follower
        is_live = follower is not None and follower.is_live
        return not (self.board.clock.catching_up if is_live else self.board.clock.active)

    def is_behind(self) -> bool:
        """Tell whether as many events wait to be drawn as may."""
        return len(self._waiting) >= _MOST_WAITING

    def reset(self) -> None:
        """Forget the run that was shown."""
        self._waiting.clear()
        if self._feed is not None and self._is_drawn_on:
            self._feed.reset()
        self._is_drawn_on = False

    def take(self, events: list[AnyEvent]) -> None:
        """Draw events, soon."""
        if self._cannot_draw:
            return
        self._waiting += events
        if self._feed is not None:
            self._drain.start()

    # Making the board, one card a turn of the event loop

    def _load(self) -> None:
        if self._warmup is None:
            self._warmup = Warmup(self, self._build, self._give_up)
            self._warmup.start()

    def _give_up(self, error: Exception) -> None:
        """Go on without charts: everything else of a run can be followed all the same."""
        self._cannot_draw = True
        self._waiting.clear()
        self._placeholder.setText("The charts cannot be shown.")
        self._bench.tell(error)

    def _build(self) -> None:
        from orpo_studio.gui.charts import DARK, LIGHT, ChartBoard, ViewOptions
        from orpo_studio.gui.charts.cards import CARDS

        colors = DARK if theme().colors.scheme == "dark" else LIGHT
        board = ChartBoard(self, cards=(), colors=colors, spill_folder=paths.cache_folder())
        board.card_added.connect(self._settle_in)
        board.arranged.connect(self._give_room)
        self._scroll.viewport().installEventFilter(self)
        preferences = self._bench.preferences
        board.set_options(ViewOptions(smoothing=preferences.smoothing))
        board.options_changed.connect(lambda options: setattr(preferences, "smoothing", options.smoothing))
        board.saved.connect(lambda path: self._bench.tell(Notice("info", "Saved.", path)))
        board.failed.connect(lambda title, why: self._bench.tell(Notice("error", title, why)))
        theme().changed.connect(self._paint_anew)
        self.board = board
        self._cards.extend(CARDS)
        QTimer.singleShot(0, self, self._add_card)

    def _add_card(self) -> None:
        if self.board is None:
            return
        if self._cards:
            self.board.add_card(self._cards.popleft())
            QTimer.singleShot(0, self, self._add_card)
            return
        from orpo_studio.gui.pages.train.feed import ChartFeed

        self._placeholder.deleteLater()
        self._layout.addWidget(self.board)
        self._feed = ChartFeed(self.board)
        self._drain.start()

    # Feeding it

    def _draw_some(self) -> None:
        if self._feed is None or self.board is None or not self._waiting:
            self._drain.stop()
            return
        self._is_drawn_on = True
        batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
        self.board.clock.is_rapid = len(batch) >= _RAPID
        self._feed.take(batch)

    # How it stands on the page

    def _paint_anew(self) -> None:
        from orpo_studio.gui.charts import DARK, LIGHT

        if self.board is not None:
            self.board.set_theme(DARK if theme().colors.scheme == "dark" else LIGHT)

    def _give_room(self) -> None:
        """Let a chart that fills the board fill what is seen of the page as well."""
        if self.board is not None:
            self.board.setMinimumHeight(self._scroll.viewport().height() if self.board.is_filled else 0)

    def _settle_in(self, chart: "Chart") -> None:
        """Let the wheel move the page unless the chart has the focus."""
        for inside in [chart, *chart.findChildren(QWidget)]:
            inside.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._scroll.viewport():
            if event.type() == QEvent.Type.Resize:
                self._give_room()
            return False
        if isinstance(event, QWheelEvent) and isinstance(watched, QWidget):
            zooms = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier) or self._has_focus(watched)
            if not zooms:
                QApplication.sendEvent(self._scroll.verticalScrollBar(), event)
                return True
        return super().eventFilter(watched, event)

    def _has_focus(self, widget: QWidget) -> bool:
        focused = QApplication.focusWidget()
        if focused is None or self.board is None:
            return False
        return any(
            chart.isAncestorOf(widget) and (chart is focused or chart.isAncestorOf(focused))
            for chart in self.board.charts.values()
        )
