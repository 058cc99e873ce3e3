"""The histograms of a report, each in a card; the charts' libraries are brought in when they are first needed."""

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from orpo_studio.gui.doctor.bins import in_percent, in_words, middle, reading
from orpo_studio.gui.doctor.one_by_one import OneByOne
from orpo_studio.gui.notice import Notice, notice_of
from orpo_studio.gui.theme import em, theme
from orpo_studio.gui.widgets.basic import label, set_kind
from orpo_studio.words import count

if TYPE_CHECKING:
    from orpo_studio.data.doctor.report import Histogram
    from orpo_studio.gui.charts.histogram import Bars
    from orpo_studio.gui.charts.style import Dash, Hue
    from orpo_studio.gui.pages.train.warmup import Warmup

_LOOKS: "dict[str, tuple[Hue, Dash, str]]" = {
    "chosen": ("chosen", "solid", "━"),
    "rejected": ("rejected", "dashed", "╍"),
    "prompt": ("base", "dotted", "┅"),
}
_OTHER: "tuple[Hue, Dash, str]" = ("tuned", "solid", "━")
"""Hue, dash and sign of each series, by its name."""


class HistogramCard(QFrame):
    """Title and legend above, the chart, and a line that reads it: the medians, or the bin that is pointed at."""

    mark_moved = Signal(float)

    def __init__(self, histogram: "Histogram", *, movable: bool) -> None:
        super().__init__()
        from orpo_studio.gui.charts import DARK, LIGHT
        from orpo_studio.gui.charts.histogram import HistogramPlot

        self.setProperty("kind", "card")
        histogram = in_percent(histogram)
        self.histogram = histogram
        self.plot: HistogramPlot = HistogramPlot(DARK if theme().colors.scheme == "dark" else LIGHT)
        self.plot.setFixedHeight(em(8))
        self.plot.setAccessibleName(histogram.title)
        self.plot.setAccessibleDescription(in_words(histogram))
        bars = [_bars(*series) for series in histogram.series]
        self.plot.show_bars(histogram.edges, bars, histogram.mark, movable=movable)
        self.plot.pointed.connect(self._read)
        self.plot.mark_moved.connect(self.mark_moved)
        self.reading = label("", "muted", wrap=True)
        self.reading.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        if len(histogram.series) > 1:  # room for the longest reading, so that nothing jumps under the pointer
            self.reading.setMinimumHeight(2 * self.reading.fontMetrics().lineSpacing())
        column = QVBoxLayout(self)
        column.setContentsMargins(em(1), em(0.75), em(1), em(0.75))
        column.setSpacing(em(0.35))
        column.addWidget(label(histogram.title, "heading", wrap=True))
        if len(histogram.series) > 1:
            column.addLayout(self._legend())
        column.addWidget(self.plot)
        column.addWidget(self.reading)
        if histogram.mark is not None:
            how = " Drag it to set another one." if movable else ""
            column.addWidget(label(f"┆ Maximum length: {count(histogram.mark)}.{how}", "attention", wrap=True))
        theme().changed.connect(self._take_colors)
        self._read(-1)

    def _legend(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(em(0.9))
        for name, _counts in self.histogram.series:
            hue, _dash, sign = _LOOKS.get(name.lower(), _OTHER)
            row.addWidget(label(f"{sign} {name.capitalize()}", hue))
        row.addStretch(1)
        return row

    def _read(self, number: int) -> None:
        text = middle(self.histogram) if number < 0 else reading(self.histogram, number)
        self.reading.setText(text)
        set_kind(self.reading, "muted" if number < 0 else "")
        self.reading.setAccessibleName(text)

    def _take_colors(self) -> None:
        from orpo_studio.gui.charts import DARK, LIGHT

        self.plot.set_theme(DARK if theme().colors.scheme == "dark" else LIGHT)


class Histograms(QWidget):
    """The cards below each other."""

    mark_moved = Signal(float)
    """The person dragged the maximum length here."""
    failed = Signal(Notice)

    def __init__(self) -> None:
        super().__init__()
        self.cards: list[HistogramCard] = []
        self._wanted: tuple[tuple[Histogram, ...], bool] | None = None
        self._warmup: Warmup | None = None
        self._is_warm = False
        self._making = OneByOne(self)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(em(0.5))
        self._heading = label("How long and how alike", "heading")
        self._column.addWidget(self._heading)

    def show_histograms(self, histograms: "tuple[Histogram, ...]", *, movable: bool) -> None:
        """Show histograms, as soon as the charts' libraries are there."""
        self._wanted = (histograms, movable)
        if self._is_warm:
            self._show()
        elif self._warmup is None:
            from orpo_studio.gui.pages.train.warmup import Warmup  # with it comes all of the Train page

            self._warmup = Warmup(self, self._on_warm, lambda error: self.failed.emit(notice_of(error)))
            self._warmup.start()

    def _on_warm(self) -> None:
        self._is_warm = True
        self._show()

    def _show(self) -> None:
        for card in self.cards:
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        histograms, movable = self._wanted or ((), False)
        self.cards = []
        self._heading.setVisible(bool(histograms))
        self._making.begin([partial(self._add, histogram, movable=movable) for histogram in histograms])

    def _add(self, histogram: "Histogram", *, movable: bool) -> None:
        card = HistogramCard(histogram, movable=movable)
        card.mark_moved.connect(self.mark_moved)
        self._column.addWidget(card)
        self.cards.append(card)


def _bars(name: str, counts: tuple[int, ...]) -> "Bars":
    from orpo_studio.gui.charts.histogram import Bars

    hue, dash, _sign = _LOOKS.get(name.lower(), _OTHER)
    return Bars(name, hue, counts, dash)
