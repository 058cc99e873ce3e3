"""The board of the Train page: the cards, their shared controls, and one clock for all."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from orpo_studio.gui.charts.arrays import Floats
from orpo_studio.gui.charts.batch import sort_into_curves
from orpo_studio.gui.charts.cards import CARDS, OTHER, OTHER_HUES, OTHER_MOST, OTHER_SHOWN
from orpo_studio.gui.charts.chart import Chart
from orpo_studio.gui.charts.clock import RefreshClock
from orpo_studio.gui.charts.controls import Controls
from orpo_studio.gui.charts.spill import Spill
from orpo_studio.gui.charts.style import (
    LIGHT,
    CardStyle,
    ChartColors,
    CurveStyle,
    Kind,
    LaneStyle,
    Mark,
    Point,
    ViewOptions,
)
from orpo_studio.gui.charts.timeline import Timeline

_GAP = 16
_CARD_WIDTH_EM = 23


class ChartBoard(QWidget):
    """All charts of one run. Feed it with `append` or `extend`; it draws one changed chart a tick.

    A card takes up to a frame to make. Where that would hold up a window, begin without `cards` and add them one by
    one, each in a turn of the event loop.
    """

    options_changed = Signal(object)
    """The `ViewOptions` chosen by the person, worth remembering."""
    saved = Signal(str)
    failed = Signal(str, str)
    card_added = Signal(object)
    """The `Chart` that has just taken its place on the board."""
    arranged = Signal()
    """The cards have other places: one fills the board, say, or all are there again."""

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        cards: Iterable[CardStyle] = CARDS,
        colors: ChartColors = LIGHT,
        spill_folder: Path | None = None,
    ) -> None:
        """Make the board.

        Args:
            parent: the widget around it.
            cards: the charts.
            colors: of the scheme.
            spill_folder: where old values of a long run may go to; without it they stay in memory.
        """
        super().__init__(parent)
        self._spill_folder = spill_folder
        self.options = ViewOptions()
        self.charts: dict[str, Chart] = {}
        self.clock = RefreshClock(self)
        self._colors = colors
        self._expanded: Chart | None = None
        self._columns = 0
        self.controls = Controls(self)
        self.controls.changed.connect(self._choose)
        self.controls.follow_requested.connect(self.follow)
        self.controls.collapse_requested.connect(self.collapse)
        self._grid = QGridLayout()
        self._grid.setSpacing(_GAP)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(_GAP)
        layout.addWidget(self.controls)
        layout.addLayout(self._grid, 1)
        self._timeline = self._new_timeline()
        self._home: dict[str, Chart] = {}
        for card in cards:
            self.add_card(card)
        self._arrange()

    # Feeding

    def add_card(self, card: CardStyle) -> Chart:
        """Make a chart and give it a place below the others."""
        chart = self._make(card)
        self.charts[card.title] = chart
        self._arrange()
        self.card_added.emit(chart)
        return chart

    def clear(self) -> None:
        """Forget all values, to show another run. What the person chose stays: options, curves, the card that fills."""
        self._timeline = self._new_timeline()
        other = self.charts.pop(OTHER.title, None)
        if other is not None:
            self._home = {name: chart for name, chart in self._home.items() if chart is not other}
            self._expanded = self._expanded if self._expanded is not other else None
            self.clock.forget(other)
            other.hide()
            other.deleteLater()
            self._arrange()
        self.controls.follow.setVisible(False)
        for chart in self.charts.values():
            chart.clear(self._timeline)

    def append(
        self, name: str, value: float, *, step: float, epoch: float, seconds: float, kind: Kind = "training"
    ) -> None:
        """Add one value of one metric."""
        self.extend([Point(name, step, epoch, seconds, value, kind)])

    def extend(self, points: Iterable[Point]) -> None:
        """Add values in the order they were logged. A metric without a card gets a place on 'Other'."""
        drawn = (point for point in points if self._find_home(point.name) is not None)
        for (name, kind), (rows, values) in sort_into_curves(drawn, self._timeline, self._last_row).items():
            self._home[name].extend_rows(name, kind, rows, values)

    def extend_steps(
        self, names: Sequence[str], steps: Floats, epochs: Floats, seconds: Floats, values: Floats
    ) -> None:
        """Add the same metrics of many steps, logged one after the other: a tenth of the work of `extend`.

        Args:
            names: of the metrics.
            steps: where each line was logged.
            epochs: the same in epochs.
            seconds: the same in seconds.
            values: a row for each step, a column for each metric.
        """
        charts = [self._find_home(name) for name in names]
        first = self._timeline.extend(steps, epochs, seconds)
        rows = np.arange(first, first + len(steps))
        for chart, name, column in zip(charts, names, values.T, strict=True):
            if chart is not None:
                chart.extend_rows(name, "training", rows, column)

    def add_mark(self, mark: Mark) -> None:
        """Draw a vertical line on every chart where something happened."""
        for chart in self.charts.values():
            chart.add_mark(mark)

    # Looking

    def set_theme(self, colors: ChartColors) -> None:
        """Draw in other colors."""
        self._colors = colors
        for chart in self.charts.values():
            chart.set_theme(colors)
        self.update()

    def set_options(self, options: ViewOptions) -> None:
        """Choose x axis, smoothing, scale and clipping for all charts."""
        self.options = options
        self.controls.show_options(options)
        for chart in self.charts.values():
            chart.set_options(options)

    def follow(self) -> None:
        """Show the whole run on all charts, and move with it."""
        self.controls.follow.setVisible(False)
        for chart in self.charts.values():
            chart.follow()

    def expand(self, chart: Chart) -> None:
        """Let one chart fill the board."""
        self._expanded = chart
        self._arrange()
        chart.setFocus(Qt.FocusReason.OtherFocusReason)

    def collapse(self) -> None:
        """Show all charts again."""
        self._expanded = None
        self._arrange()

    @property
    def is_filled(self) -> bool:
        """Whether one chart fills the board."""
        return self._expanded is not None

    # Inside

    def _new_timeline(self) -> Timeline:
        return Timeline(Spill(self, self._spill_folder) if self._spill_folder is not None else None)

    def _make(self, card: CardStyle) -> Chart:
        chart = Chart(
            card.title,
            card.lanes,
            timeline=self._timeline,
            clock=self.clock,
            colors=self._colors,
            empty_text=card.empty_text,
            parent=self,
        )
        chart.set_options(self.options)
        for style in card.curves:
            chart.add_curve(style)
            self._home[style.name] = chart
        chart.expand_requested.connect(lambda: self._toggle(chart))
        chart.options_changed.connect(self._choose)
        chart.x_range_changed.connect(lambda x_range: self._on_moved(chart, x_range))
        chart.crosshair_moved.connect(lambda x: self._on_pointed(chart, x))
        chart.saved.connect(self.saved)
        chart.failed.connect(self.failed)
        return chart

    def _find_home(self, name: str) -> Chart | None:
        """Return the chart of a metric; for one that no card names, a place on 'Other' while that has room."""
        if name in self._home:
            return self._home[name]
        chart = self.charts.get(OTHER.title)
        if chart is None:
            chart = self.add_card(OTHER)
        count = sum(home is chart for home in self._home.values())
        if count >= OTHER_MOST:
            chart.header.title.setText(f"{OTHER.title}: the first {OTHER_MOST} metrics")
            return None
        chart.add_lane(LaneStyle(name, name, signed=True))
        hue = OTHER_HUES[count % len(OTHER_HUES)]
        chart.add_curve(CurveStyle(name, name, hue, lane=name, shown=count < OTHER_SHOWN))
        self._home[name] = chart
        return chart

    def _last_row(self, name: str, kind: Kind) -> int:
        return self._home[name].last_row(name, kind)

    def _toggle(self, chart: Chart) -> None:
        if self._expanded is chart:
            self.collapse()
        else:
            self.expand(chart)

    def _choose(self, options: ViewOptions) -> None:
        self.set_options(options)
        self.options_changed.emit(options)

    def _on_moved(self, source: Chart, x_range: tuple[float, float] | None) -> None:
        if x_range is None:
            self.follow()
            return
        self.controls.follow.setVisible(True)
        for chart in self.charts.values():
            if chart is not source:
                chart.set_x_range(*x_range)

    def _on_pointed(self, source: Chart, x: float | None) -> None:
        for chart in self.charts.values():
            if chart is not source:
                chart.set_crosshair(x)

    def _arrange(self) -> None:
        self.controls.back.setVisible(self._expanded is not None)
        while self._grid.count():
            self._grid.takeAt(0)
        for index in range(max(self._grid.columnCount(), self._grid.rowCount())):
            self._grid.setColumnStretch(index, 0)
            self._grid.setRowStretch(index, 0)
        shown = [self._expanded] if self._expanded else list(self.charts.values())
        self._columns = columns = max(1, min(len(shown), self._columns_that_fit()))
        # The first card takes what would stay empty in the last row.
        spare = -len(shown) % columns
        for index, chart in enumerate(shown):
            row, column = divmod(index + spare if index else 0, columns)
            self._grid.addWidget(chart, row, column, 1, 1 if index else 1 + spare)
            self._grid.setRowStretch(row, 1)
        for column in range(columns):
            self._grid.setColumnStretch(column, 1)
        for chart in self.charts.values():
            chart.setVisible(chart in shown)
        self.arranged.emit()

    def _columns_that_fit(self) -> int:
        card = self.fontMetrics().height() * _CARD_WIDTH_EM
        return max(1, min(3, (self.width() + _GAP) // (card + _GAP)))

    # Qt

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape shows all charts again."""
        if event.key() == Qt.Key.Key_Escape and self._expanded is not None:
            self.collapse()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Use the room."""
        super().resizeEvent(event)
        if self._expanded is None and min(len(self.charts), self._columns_that_fit()) != self._columns:
            self._arrange()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the ground."""
        QPainter(self).fillRect(event.rect(), QColor(self._colors.background))
