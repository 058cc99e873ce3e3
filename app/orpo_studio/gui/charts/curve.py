"""One curve of a lane: its series, and the pyqtgraph items that draw it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen

from orpo_studio.gui.charts.arrays import Floats
from orpo_studio.gui.charts.items import Line, Symbols, fill, outline
from orpo_studio.gui.charts.limits import first_per_column, one_per_column
from orpo_studio.gui.charts.series import Series
from orpo_studio.gui.charts.style import LIGHT, ChartColors, CurveStyle, ViewOptions

Part = Literal["raw", "line", "symbols", "edge"]
# Up to this many points a line may be two pixels wide and smooth (1 ms); a hundred times as many take over a second.
FEW_POINTS = 240
_SYMBOL_ROOM = 14
"""Pixels that one symbol takes up."""
_DASHES = {"dashed": [4.0, 2.5], "dotted": [1.2, 2.2]}
_PARTS: dict[Part, Callable[[], pg.GraphicsObject]] = {
    "raw": Line,
    "line": partial(Line, antialias=True),
    "symbols": Symbols,
    "edge": Symbols,
}
"""What a curve is drawn with, from back to front."""
_EMPTY = np.empty(0)


@dataclass
class Drawing:
    """What a curve shows in one view, in the coordinates of its lane (powers of ten on a log scale)."""

    x: Floats
    y: Floats
    smooth_x: Floats
    smooth_y: Floats
    not_finite: tuple[Floats, Floats]
    not_positive: Floats

    def in_range(self, x_from: float, x_to: float) -> Floats:
        """Finite y of the points inside the view."""
        inside: Floats = self.y[(self.x >= x_from) & (self.x <= x_to) & np.isfinite(self.y)]
        return inside


@dataclass(frozen=True)
class Frame:
    """The view in coordinates and pixels."""

    x_from: float
    x_to: float
    y_from: float
    y_to: float
    width: int
    height: int

    def edge(self, top: bool) -> float:
        """Y at which a marker lies just inside the top or bottom edge."""
        inset = 6 * (self.y_to - self.y_from) / max(self.height, 12)
        return self.y_to - inset if top else self.y_from + inset


class Curve:
    """A named series on a lane."""

    def __init__(self, style: CurveStyle, series: Series, view: pg.ViewBox) -> None:
        self.style = style
        self.series = series
        self.shown = style.shown
        self._colors = LIGHT
        self._view = view
        self._items: dict[Part, pg.GraphicsObject] = {}

    def set_theme(self, colors: ChartColors) -> None:
        """Take over colors, with the next drawing."""
        self._colors = colors

    @property
    def color(self) -> str:
        """The color of its hue."""
        return self._colors.hue(self.style.hue)

    def gather(self, x_from: float, x_to: float, columns: int, options: ViewOptions) -> Drawing:
        """Read what the view needs from the series."""
        # Half as many blocks as pixels: the filled band looks the same and takes half as long to paint.
        x, y = self.series.view(options.axis, x_from, x_to, max(FEW_POINTS, columns // 2))
        smooth_x, smooth_y = _EMPTY, _EMPTY
        if self.style.kind == "training" and self.style.smoothed and options.smoothing > 0:
            smooth_x, smooth_y = self.series.smoothed(options.axis, x_from, x_to, options.smoothing, FEW_POINTS)
        not_finite = self.series.non_finite(options.axis, x_from, x_to)
        not_positive = _EMPTY
        if options.log:
            hidden = y <= 0
            not_positive = x[hidden]
            x, y = x[~hidden], np.log10(y[~hidden])
            positive = smooth_y > 0
            smooth_y = np.log10(np.where(positive, smooth_y, np.nan))
        return Drawing(x, y, smooth_x, smooth_y, not_finite, not_positive)

    def hide(self, *parts: Part) -> None:
        """Draw nothing, or not these parts."""
        for part in parts or tuple(self._items):
            if part in self._items:
                self._items[part].setVisible(False)

    def draw(self, drawing: Drawing, frame: Frame, *, clip: bool) -> None:
        """Show a drawing."""
        finite = np.isfinite(drawing.y)
        evaluation = self.style.kind == "evaluation"
        few = int(finite.sum()) <= FEW_POINTS
        if len(drawing.smooth_x) > 1:
            self._set_line("raw", drawing.x, drawing.y, self._faint_pen())
            self._set_line("line", drawing.smooth_x, drawing.smooth_y, self._pen(2))
        elif few:
            self.hide("raw")
            self._set_line("line", drawing.x, drawing.y, self._pen(1 if evaluation else 2))
        else:
            self._set_line("raw", drawing.x, drawing.y, self._pen(1, dash=False))
            self.hide("line")
        symbols = np.flatnonzero(finite if evaluation and few else _alone(finite))
        # Hundreds of evaluations would be a band of diamonds on each other: the line shows them all.
        columns = max(1, frame.width // _SYMBOL_ROOM)
        symbols = symbols[first_per_column(drawing.x[symbols], frame.x_from, frame.x_to, columns)]
        self._set_symbols(drawing.x[symbols], drawing.y[symbols])
        self._set_edge(drawing, frame, clip)

    def _item(self, part: Part) -> pg.GraphicsObject:
        """Return an item to be shown, made when first needed: a board of empty curves is there at once."""
        item = self._items.get(part)
        if item is None:
            item = self._items[part] = _PARTS[part]()
            item.setZValue((20 if self.style.kind == "evaluation" else 10) + list(_PARTS).index(part))
            item.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
            self._view.addItem(item, ignoreBounds=True)
        item.setVisible(True)
        return item

    def _set_line(self, part: Part, x: Floats, y: Floats, pen: QPen) -> None:
        gaps = bool(len(y)) and not np.isfinite(y).all()
        self._item(part).setData(x, y, pen=pen, connect="finite" if gaps else "all", skipFiniteCheck=not gaps)

    def _pen(self, width: float, *, dash: bool = True) -> QPen:
        pen = QPen(QColor(self.color), width)
        pen.setCosmetic(True)
        pen.setJoinStyle(Qt.PenJoinStyle.BevelJoin)  # a third of the time of round joins
        if dash and self.style.dash in _DASHES:
            pen.setDashPattern(_DASHES[self.style.dash])
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        return pen

    def _faint_pen(self) -> QPen:
        """Mix hue and panel: a translucent pen takes four times as long to paint."""
        hue, panel, share = QColor(self.color), QColor(self._colors.panel), self._colors.faint
        mixed = [
            round(share * a + (1 - share) * b)
            for a, b in zip(hue.getRgb()[:3], panel.getRgb()[:3], strict=True)  # type: ignore[index]
        ]
        pen = QPen(QColor(*mixed), 1)
        pen.setCosmetic(True)
        return pen

    def _set_symbols(self, x: Floats, y: Floats) -> None:
        if not len(x):
            self.hide("symbols")
            return
        evaluation = self.style.kind == "evaluation"
        look = {
            "symbol": "d" if evaluation else "o",
            "size": 11 if evaluation else 7,
            "brush": fill(self.color),
            "pen": outline(self._colors.panel),
        }
        spots = [{"pos": place, **look} for place in zip(x.tolist(), y.tolist(), strict=True)]
        self._item("symbols").show_spots(spots, (self._colors, x.tobytes(), y.tobytes()))

    def _set_edge(self, drawing: Drawing, frame: Frame, clip: bool) -> None:
        """Mark on the top and bottom edge what cannot stand inside: NaN, infinities, zeros on a log scale, outliers."""
        bad_x, bad_values = drawing.not_finite
        groups = [
            (bad_x[np.isnan(bad_values)], False, "x", self._colors.failure),
            (bad_x[np.isposinf(bad_values)], True, "t1", self._colors.failure),
            (bad_x[np.isneginf(bad_values)], False, "t", self._colors.failure),
            (drawing.not_positive, False, "t", self.color),
        ]
        if clip:
            groups.append((drawing.x[drawing.y > frame.y_to], True, "t1", self.color))
            groups.append((drawing.x[drawing.y < frame.y_from], False, "t", self.color))
        places: list[tuple[float, float, str, str]] = []
        for x, top, symbol, color in groups:
            y = frame.edge(top)
            columns = max(1, frame.width // 6)
            places += [(at, y, symbol, color) for at in one_per_column(x, frame.x_from, frame.x_to, columns).tolist()]
        if places:
            spots = [
                {"pos": (at, y), "symbol": symbol, "brush": fill(color), "pen": outline(), "size": 8}
                for at, y, symbol, color in places
            ]
            self._item("edge").show_spots(spots, tuple(places))
        else:
            self.hide("edge")


def _alone(finite: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Points without a neighbor to draw a line to."""
    padded = np.concatenate(([False], finite, [False]))
    return padded[1:-1] & ~padded[:-2] & ~padded[2:]
