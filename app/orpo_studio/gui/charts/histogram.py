"""A histogram: how often a figure falls into each bin, several series over each other, and a line to drag."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QFont, QKeyEvent, QMouseEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QWidget

from orpo_studio.gui.charts.axis import HorizontalAxis, VerticalAxis
from orpo_studio.gui.charts.style import ChartColors, Dash, Hue
from orpo_studio.words import count

_DASHES: dict[Dash, list[float]] = {"dashed": [4.0, 2.5], "dotted": [1.2, 2.2]}
_FILL, _POINTED = 0.16, 0.14
"""Opacity under an outline, and of the bin that is pointed at."""
_REACH = 1.35
"""A mark beyond the last edge stands in its place within this many times their distance; farther off, at the edge."""


@dataclass(frozen=True)
class Bars:
    """One series: how it is drawn and how often each bin was met."""

    label: str
    hue: Hue
    counts: tuple[int, ...]
    dash: Dash = "solid"


class HistogramPlot(pg.GraphicsLayoutWidget):
    """Outlines over bins. Pointer or arrow keys choose a bin, which is told by `pointed`."""

    pointed = Signal(int)
    """Number of the bin pointed at; -1 for none."""
    mark_moved = Signal(float)
    """The person dragged the mark and let go of it here."""

    def __init__(self, colors: ChartColors, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFrameShape(self.Shape.NoFrame)
        self.setMouseTracking(True)
        self.ci.setContentsMargins(0, 4, 18, 0)  # half of the last tick stands out at the right
        self.ci.setSpacing(0)
        self._view = pg.ViewBox(enableMenu=False, defaultPadding=0.0)
        self._view.setMouseEnabled(x=False, y=False)
        self._view.disableAutoRange()
        self._x_axis, self._y_axis = HorizontalAxis(), VerticalAxis(percent=False)
        self._x_axis.setHeight(22)
        self._y_axis.setWidth(44)
        self._y_axis.setGrid(255)
        self._y_axis.setZValue(-1)
        for axis in (self._x_axis, self._y_axis):
            axis.linkToView(self._view)
        self.ci.addItem(self._y_axis, 0, 0)
        self.ci.addItem(self._view, 0, 1)
        self.ci.addItem(self._x_axis, 1, 1)
        self._mark = pg.InfiniteLine(angle=90, movable=True)
        self._mark.sigPositionChangeFinished.connect(lambda line: self.mark_moved.emit(float(line.value())))
        self._mark_label = pg.TextItem(anchor=(1, 0))
        """Number of a mark that lies beyond the axis, which is drawn at its end."""
        self._highlight = _steps()
        self._lines: list[pg.PlotCurveItem] = []
        self._edges = np.zeros(2)
        self._series: tuple[Bars, ...] = ()
        self._at = -1
        self._top = 1.0
        self._beyond = ""
        self._colors = colors
        self.set_theme(colors)

    @property
    def bin(self) -> int:
        """Number of the bin pointed at; -1 for none."""
        return self._at

    def show_bars(self, edges: Sequence[float], series: Sequence[Bars], mark: float | None, *, movable: bool) -> None:
        """Show a histogram.

        Args:
            edges: n + 1 rising edges.
            series: each with n counts.
            mark: where the line stands, or None for no line.
            movable: whether the person may drag it.
        """
        for line in (*self._lines, self._highlight, self._mark, self._mark_label):
            if line.scene() is not None:
                self._view.removeItem(line)
        self._edges, self._series, self._at = np.asarray(edges, dtype=np.float64), tuple(series), -1
        self._top = max((max(bars.counts, default=0) for bars in series), default=0) or 1
        self._lines = [_steps() for _ in series]
        first, last = float(self._edges[0]), float(self._edges[-1])
        is_near = mark is not None and mark <= first + _REACH * (last - first)
        right = max(last, mark) if mark is not None and is_near else last
        room = (right - first) * 0.02
        self._beyond = "" if mark is None or is_near else f"{count(mark)} ▸"
        self._view.setXRange(first, right + (room if right > last or self._beyond else 0), padding=0)
        self._view.setYRange(0, self._top * 1.08, padding=0)
        self._x_axis.set_axis("step" if last - first > 8 else "epoch")
        self._view.addItem(self._highlight, ignoreBounds=True)
        for item in self._lines:
            item.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
            self._view.addItem(item, ignoreBounds=True)
        if mark is not None:
            self._mark.setMovable(movable)
            self._mark.setBounds((first, right + room))
            self._mark.setValue(mark if is_near else right)
            self._view.addItem(self._mark, ignoreBounds=True)
        if self._beyond:
            self._mark_label.setPos(right, self._top * 1.08)
            self._view.addItem(self._mark_label, ignoreBounds=True)
        self._draw()

    def set_theme(self, colors: ChartColors) -> None:
        """Take over colors."""
        self._colors = colors
        self.setBackground(colors.panel)
        font = QFont(self.font())
        font.setPointSizeF(max(1.0, font.pointSizeF() * 0.85))
        font.setFeature(QFont.Tag("tnum"), 1)
        for axis in (self._x_axis, self._y_axis):
            axis.set_theme(colors, font)
        self._mark_label.setFont(font)
        self._draw()

    def point_at(self, number: int) -> None:
        """Point at a bin, or at none."""
        number = number if 0 <= number < len(self._edges) - 1 else -1
        if number != self._at:
            self._at = number
            self._draw_highlight()
            self.pointed.emit(number)

    # --- the person

    def mouseMoveEvent(self, ev: QMouseEvent) -> None:
        """Point at the bin under the pointer."""
        super().mouseMoveEvent(ev)
        x = self._view.mapSceneToView(self.mapToScene(ev.position().toPoint())).x()
        self.point_at(int(np.searchsorted(self._edges, x, side="right")) - 1)

    def leaveEvent(self, ev: QEvent) -> None:
        """Point at nothing."""
        super().leaveEvent(ev)
        self.point_at(-1)

    def wheelEvent(self, ev: QWheelEvent) -> None:
        """Leave the wheel to the page."""
        ev.ignore()

    def keyPressEvent(self, ev: QKeyEvent) -> None:
        """Go from bin to bin."""
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(ev.key()))
        if step is None:
            super().keyPressEvent(ev)
            return
        self.point_at(min(max(self._at + step, 0), len(self._edges) - 2))

    def focusInEvent(self, ev: QFocusEvent) -> None:
        """Point at the first bin when the keyboard came here, which also shows where the focus is."""
        super().focusInEvent(ev)
        if ev.reason() in {Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason} and self._at < 0:
            self.point_at(0)

    def focusOutEvent(self, ev: QFocusEvent) -> None:
        """Point at nothing."""
        super().focusOutEvent(ev)
        self.point_at(-1)

    # --- drawing

    def _draw(self) -> None:
        for line, bars in zip(self._lines, self._series, strict=True):
            color = QColor(self._colors.hue(bars.hue))
            line.setData(self._edges, np.asarray(bars.counts, dtype=np.float64))
            line.setPen(_pen(color, bars.dash))
            line.setBrush(_faded(color, _FILL))
        attention = QColor(self._colors.attention)
        self._mark.setPen(_pen(attention, "dashed"))
        self._mark.setHoverPen(_pen(attention, "solid"))
        self._mark_label.setText(self._beyond, attention)
        self._draw_highlight()

    def _draw_highlight(self) -> None:
        self._highlight.setVisible(self._at >= 0)
        if self._at >= 0:
            self._highlight.setData(self._edges[self._at : self._at + 2], np.array([self._top * 1.08]))
            self._highlight.setPen(None)
            self._highlight.setBrush(_faded(QColor(self._colors.text), _POINTED))


def _steps() -> pg.PlotCurveItem:
    return pg.PlotCurveItem([0.0, 1.0], [0.0], stepMode="center", fillLevel=0)


def _pen(color: QColor, dash: Dash) -> QPen:
    pen = QPen(color, 1.5)
    pen.setCosmetic(True)
    if dash in _DASHES:
        pen.setDashPattern(_DASHES[dash])
    return pen


def _faded(color: QColor, opacity: float) -> QColor:
    faded = QColor(color)
    faded.setAlphaF(opacity)
    return faded
