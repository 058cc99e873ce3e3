"""One y axis with its curves, marks and crosshair line; the lanes of a chart stand above each other."""

from collections.abc import Callable

import numpy as np
import pyqtgraph as pg
from pyqtgraph.GraphicsScene.mouseEvents import HoverEvent, MouseClickEvent, MouseDragEvent
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontInfo, QPen

from orpo_studio.gui.charts.axis import VerticalAxis
from orpo_studio.gui.charts.curve import Curve, Frame
from orpo_studio.gui.charts.items import Line, Symbols, fill, outline
from orpo_studio.gui.charts.limits import first_per_column, fit, one_per_column
from orpo_studio.gui.charts.marks import Marks
from orpo_studio.gui.charts.series import Series
from orpo_studio.gui.charts.style import (
    LIGHT,
    ChartColors,
    CurveStyle,
    Hue,
    LaneStyle,
    MarkKind,
    ViewOptions,
)

_MARK_HUES: dict[MarkKind, Hue] = {
    "checkpoint": "base",
    "evaluation": "tuned",
    "back-off": "attention",
    "warning": "attention",
    "failure": "failure",
}
_REGULAR = frozenset({"checkpoint", "evaluation"})
_LEAST_BETWEEN_LINES = 24
"""Pixels between two lines on average, below which they are not drawn."""
_SYMBOL_ROOM = 12
"""Pixels that one symbol takes up."""
_MARK_SYMBOLS = {"checkpoint": "s", "evaluation": "d", "back-off": "t", "warning": "t1", "failure": "x"}


class LaneView(pg.ViewBox):
    """A view box in which wheel and drag move along x; on the y axis they move along y."""

    panned = Signal(bool)
    """The person moved the view; True when along x."""
    hovered = Signal(object)
    """The x under the pointer, or None when it left."""
    menu_requested = Signal(QPointF)

    def __init__(self) -> None:
        super().__init__(enableMenu=False, defaultPadding=0.0)
        self.disableAutoRange()
        self.setAcceptHoverEvents(True)

    def wheelEvent(self, ev: object, axis: int | None = None) -> None:
        """Zoom."""
        super().wheelEvent(ev, axis=0 if axis is None else axis)
        self.panned.emit(axis != 1)

    def mouseDragEvent(self, ev: MouseDragEvent, axis: int | None = None) -> None:
        """Pan."""
        if ev.button() == Qt.MouseButton.RightButton:
            ev.ignore()
            return
        super().mouseDragEvent(ev, axis=0 if axis is None else axis)
        self.panned.emit(axis != 1)

    def mouseClickEvent(self, ev: MouseClickEvent) -> None:
        """Open the chart's menu on the right button."""
        if ev.button() == Qt.MouseButton.RightButton:
            ev.accept()
            self.menu_requested.emit(ev.screenPos())

    def hoverEvent(self, ev: HoverEvent) -> None:
        """Tell where the pointer is."""
        self.hovered.emit(None if ev.isExit() else self.mapToView(ev.pos()).x())


class Lane:
    """Curves that share a y axis."""

    def __init__(self, style: LaneStyle) -> None:
        self.style = style
        self.view = LaneView()
        self.axis = VerticalAxis(percent=style.percent)
        self.axis.linkToView(self.view)
        self.axis.setWidth(52)
        self.axis.setGrid(255)
        self.axis.setZValue(self.view.zValue() - 1)  # the grid lies under the curves
        self.curves: list[Curve] = []
        self.follows_y = True
        self.caption = pg.LabelItem(style.label, justify="left") if style.label else None
        self._items: dict[str, pg.GraphicsObject] = {}
        """Marks and crosshair, made when first needed."""
        self._colors = LIGHT
        self._log = False

    def add_curve(self, style: CurveStyle, series: Series) -> Curve:
        """Add a curve."""
        curve = Curve(style, series, self.view)
        curve.set_theme(self._colors)
        self.curves.append(curve)
        return curve

    @property
    def wanted(self) -> bool:
        """Whether there is something to give room to."""
        return any(c.shown and (len(c.series) or not c.style.optional) for c in self.curves)

    def set_theme(self, colors: ChartColors, font: QFont) -> None:
        """Take over colors and the caption font."""
        self._colors = colors
        self.axis.set_theme(colors, font)
        if self.caption is not None:
            self.caption.setText(self.style.label, color=colors.muted, size=f"{QFontInfo(font).pixelSize()}px")
        for curve in self.curves:
            curve.set_theme(colors)

    def refresh(self, x_range: tuple[float, float], options: ViewOptions, marks: Marks, *, first: bool) -> None:
        """Draw what the view shows, and fit y to it unless the person moved y. The first lane names the marks."""
        x_from, x_to = x_range
        self._log = options.log and not self.style.signed
        if self._log != options.log:
            options = ViewOptions(options.axis, options.smoothing, log=False, clip=options.clip)
        self.axis.set_log(self._log)
        width, height = max(16, int(self.view.width())), max(16, int(self.view.height()))
        shown = [curve for curve in self.curves if curve.shown and len(curve.series)]
        drawings = [curve.gather(x_from, x_to, width, options) for curve in shown]
        if self.follows_y and drawings:
            values = np.concatenate([drawing.in_range(x_from, x_to) for drawing in drawings])
            limits = fit(values, clip=options.clip, log=self._log)
            if limits is not None:
                self.view.setYRange(*limits, padding=0)
        self.view.updateMatrix()  # otherwise done while painting, which then paints twice
        y_from, y_to = self.view.viewRange()[1]
        frame = Frame(x_from, x_to, y_from, y_to, width, height)
        for curve in self.curves:
            if curve not in shown:
                curve.hide()
        for curve, drawing in zip(shown, drawings, strict=True):
            curve.draw(drawing, frame, clip=options.clip and self.follows_y)
        self._draw_marks(marks, options, frame, symbols=first)

    def set_crosshair(self, x: float | None, readings: list[tuple[float, float, str]]) -> None:
        """Draw the line at x, and a dot on each value (x, y, color) read there."""
        if x is None:
            self._hide("crosshair")
            self._hide("readings")
            return
        y_from, y_to = self.view.viewRange()[1]
        pen = QPen(QColor(self._colors.muted), 1)
        pen.setCosmetic(True)
        self._item("crosshair", Line, 30).setData([x, x], [y_from, y_to], pen=pen)
        points = [(at, np.log10(y) if self._log else y, color) for at, y, color in readings if y > 0 or not self._log]
        around = outline(self._colors.panel)
        spots = [{"pos": (at, y), "brush": fill(c), "size": 9, "pen": around} for at, y, c in points]
        self._item("readings", Symbols, 31).show_spots(spots, (self._colors, *points))

    def clear(self) -> None:
        """Draw no curve and no mark, at once."""
        for curve in self.curves:
            curve.hide()
        for name in self._items:
            self._hide(name)

    def _item(self, name: str, make: Callable[[], pg.GraphicsObject], height: int) -> pg.GraphicsObject:
        """Return an item to be shown, made when first needed."""
        item = self._items.get(name)
        if item is None:
            item = self._items[name] = make()
            item.setZValue(height)
            self.view.addItem(item, ignoreBounds=True)
        item.setVisible(True)
        return item

    def _hide(self, name: str) -> None:
        if name in self._items:
            self._items[name].setVisible(False)

    def _draw_marks(self, marks: Marks, options: ViewOptions, frame: Frame, *, symbols: bool) -> None:
        visible = marks.places(options.axis, frame.x_from, frame.x_to)
        for kind, hue in _MARK_HUES.items():
            at = visible.get(kind)
            # What a run does hundreds of times, as is its way, would hatch the chart: then the symbols above must do.
            if at is None or (kind in _REGULAR and len(at) * _LEAST_BETWEEN_LINES > frame.width):
                self._hide(kind)
                continue
            x = np.repeat(one_per_column(at, frame.x_from, frame.x_to, frame.width), 2)
            y = np.tile([frame.y_from, frame.y_to], len(x) // 2)
            color = QColor(self._colors.hue(hue))
            color.setAlphaF(0.45)
            pen = QPen(color, 1, Qt.PenStyle.DashLine if kind == "evaluation" else Qt.PenStyle.SolidLine)
            pen.setCosmetic(True)
            self._item(kind, Line, 4).setData(x, y, pen=pen, connect="pairs")
        if not symbols or not visible:
            self._hide("symbols")
            return
        # An evaluation mostly has a checkpoint at the same step: two symbols on each other would be neither.
        kinds = np.repeat(np.arange(len(visible)), [len(at) for at in visible.values()])
        places = np.concatenate(list(visible.values()))
        chosen = first_per_column(places, frame.x_from, frame.x_to, max(1, frame.width // _SYMBOL_ROOM))
        names = list(visible)
        spots = [(at, names[kind]) for at, kind in zip(places[chosen].tolist(), kinds[chosen].tolist(), strict=True)]
        top = frame.edge(top=True)
        shown = [
            {
                "pos": (at, 0.0),
                "symbol": _MARK_SYMBOLS[kind],
                "brush": fill(self._colors.hue(_MARK_HUES[kind])),
                "pen": outline(),
                "size": 7,
            }
            for at, kind in spots
        ]
        item = self._item("symbols", Symbols, 5)
        item.show_spots(shown, (self._colors, *spots))
        item.setPos(0.0, top)  # the range of y moves all the time, and setting symbols anew takes a millisecond
