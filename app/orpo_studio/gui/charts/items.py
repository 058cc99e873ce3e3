"""Lines and symbols as pyqtgraph draws them, without the work that a live chart has no use for."""

from collections.abc import Hashable
from functools import cache

import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPen

# pyqtgraph draws a symbol once for each object that it is painted with, and keeps the picture: new brushes and pens of
# the same color would be new symbols, a fifth of a millisecond and a picture each.


@cache
def fill(color: str) -> QBrush:
    """Return the brush of this color, the same one each time."""
    return QBrush(QColor(color))


@cache
def outline(color: str = "") -> QPen:
    """Return the pen around a symbol, the same one each time; without a color, that for no outline."""
    if not color:
        return QPen(Qt.PenStyle.NoPen)
    pen = QPen(QColor(color), 1.5)
    pen.setCosmetic(True)
    return pen


class Line(pg.PlotCurveItem):
    """A line over the whole view.

    What it covers is only asked for to know what to paint anew, and that is always the whole view. pyqtgraph looks
    through all values for it, several times a painting: an eighth of all work.
    """

    def boundingRect(self) -> QRectF:
        """Return the view."""
        view = self.getViewBox()
        return view.viewRect() if view is not None else QRectF()


class Symbols(pg.ScatterPlotItem):
    """Symbols that are set again only when something about them changed: it takes a millisecond."""

    def __init__(self) -> None:
        super().__init__(pxMode=True)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        self._key: Hashable = None

    def show_spots(self, spots: list[dict[str, object]], key: Hashable) -> None:
        """Show spots.

        Args:
            spots: as pyqtgraph takes them.
            key: differs where any of the spots does.
        """
        if key != self._key:
            self._key = key
            self.setData(spots)
