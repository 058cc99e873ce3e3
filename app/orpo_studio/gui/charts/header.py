"""The head of a chart: its title, and a tile for each curve with its latest value and trend."""

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from orpo_studio.gui.charts.plot import Plot
from orpo_studio.gui.charts.style import LIGHT, ChartColors, CurveStyle, format_value

_GAP = 8


def scaled_font(font: QFont, factor: float, *, bold: bool = False) -> QFont:
    """Return a copy in another size, with figures of equal width."""
    copy = QFont(font)
    if font.pixelSize() > 0:
        copy.setPixelSize(round(font.pixelSize() * factor))
    else:
        copy.setPointSizeF(font.pointSizeF() * factor)
    copy.setFeature(QFont.Tag("tnum"), 1)
    if bold:
        copy.setWeight(QFont.Weight.DemiBold)
    return copy


@dataclass(frozen=True)
class Reading:
    """What a tile says."""

    value: str = "–"
    trend: int = 0
    """1 rising, −1 falling, 0 level or unknown."""
    evaluation: str = ""

    def spoken(self) -> str:
        """Return the same in words."""
        words = [self.value if self.value != "–" else "no value yet"]
        if self.trend:
            words.append("rising" if self.trend > 0 else "falling")
        if self.evaluation:
            words.append(f"held-out {self.evaluation}")
        return ", ".join(words)


class Tile(QAbstractButton):
    """Name, latest value and trend of a curve; pressing it hides or shows the curve."""

    def __init__(self, style: CurveStyle, parent: QWidget) -> None:
        super().__init__(parent)
        self.style_ = style
        self.reading = Reading()
        self.setCheckable(True)
        self.setChecked(style.shown)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(f"{style.label}: press to hide or show")
        self._colors = LIGHT
        self.set_reading(self.reading)

    def set_theme(self, colors: ChartColors) -> None:
        """Take over colors."""
        self._colors = colors
        self.update()

    def set_reading(self, reading: Reading) -> None:
        """Show other values."""
        if reading == self.reading and self.accessibleName():
            return
        grown = bool(reading.evaluation) != bool(self.reading.evaluation)
        self.reading = reading
        self.setAccessibleName(f"{self.style_.label}: {reading.spoken()}")
        if grown:
            self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Room for the name, the figure and what is held out."""
        small = QFontMetricsF(scaled_font(self.font(), 0.85))
        large = QFontMetricsF(scaled_font(self.font(), 1.5))
        figure = large.horizontalAdvance(self.reading.value) + 2 * large.averageCharWidth() + 8
        width = max(small.horizontalAdvance(self.style_.label) + 32, figure)
        height = small.height() + large.height() + (small.height() if self.reading.evaluation else 0) + 8
        return QSize(round(width), round(height))

    def minimumSizeHint(self) -> QSize:
        """Not bind the width of the card: the header finds as many columns as the figures have room for."""
        return QSize(32, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the tile."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_ground(painter)
        small, large = scaled_font(self.font(), 0.85), scaled_font(self.font(), 1.5)
        line, figure = QFontMetricsF(small).height(), QFontMetricsF(large).height()
        muted, text = QColor(self._colors.muted), QColor(self._colors.text)
        self._paint_swatch(painter, 4 + line / 2)
        painter.setFont(small)
        painter.setPen(muted)
        room = QRectF(26, 4, self.width() - 28, line)
        label = QFontMetricsF(small).elidedText(self.style_.label, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, label)
        if not self.isChecked():
            painter.setPen(QPen(muted, 1))
            y = 4 + line / 2 + 1
            painter.drawLine(QPointF(26, y), QPointF(26 + QFontMetricsF(small).horizontalAdvance(label), y))
        painter.setFont(large)
        painter.setPen(text if self.isChecked() and self.reading.value != "–" else muted)
        painter.drawText(QRectF(4, 4 + line, self.width(), figure), Qt.AlignmentFlag.AlignVCenter, self.reading.value)
        advance = QFontMetricsF(large).horizontalAdvance(self.reading.value)
        self._paint_trend(painter, QPointF(4 + advance + 10, 4 + line + figure / 2), muted)
        if self.reading.evaluation:
            painter.setFont(small)
            painter.setPen(muted)
            place = QRectF(20, 4 + line + figure, self.width() - 20, line)
            said = f"{self.reading.evaluation} held-out"
            if QFontMetricsF(small).horizontalAdvance(said) > place.width():
                said = self.reading.evaluation  # the diamond says the rest, as it does in the chart
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, said)
            self._paint_diamond(painter, QPointF(10, place.center().y()))

    def _paint_ground(self, painter: QPainter) -> None:
        if self.underMouse() or self.hasFocus():
            painter.setPen(QPen(QColor(self._colors.accent), 1.5) if self.hasFocus() else Qt.PenStyle.NoPen)
            painter.setBrush(QColor(self._colors.raised))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 4, 4)

    def _paint_swatch(self, painter: QPainter, y: float) -> None:
        color = QColor(self._colors.hue(self.style_.hue))
        color.setAlphaF(1.0 if self.isChecked() else 0.35)
        pen = QPen(color, 3)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        pattern = {"dashed": [2.0, 0.8], "dotted": [0.9, 0.75]}.get(self.style_.dash)
        if pattern:
            pen.setDashPattern(pattern)
        painter.setPen(pen)
        painter.drawLine(QPointF(4, y), QPointF(20, y))

    def _paint_trend(self, painter: QPainter, center: QPointF, color: QColor) -> None:
        if not self.reading.trend:
            return
        up = -1.0 if self.reading.trend > 0 else 1.0
        x, y = center.x(), center.y()
        painter.setPen(QPen(color, 1.6, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        painter.drawLine(QPointF(x - 4, y - 4 * up), QPointF(x + 4, y + 4 * up))
        painter.drawPolyline(
            QPolygonF([QPointF(x - 2, y + 4 * up), QPointF(x + 4, y + 4 * up), QPointF(x + 4, y - 2 * up)])
        )

    def _paint_diamond(self, painter: QPainter, center: QPointF) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._colors.hue(self.style_.hue)))
        offsets = (QPointF(0, -5), QPointF(4, 0), QPointF(0, 5), QPointF(-4, 0))
        painter.drawPolygon(QPolygonF([center + offset for offset in offsets]))


class Header(QWidget):
    """Title, buttons and tiles; tiles stand in as many columns of equal width as there is room for."""

    expand_requested = Signal()
    curve_toggled = Signal(str, bool)
    follow_requested = Signal()

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.tiles: dict[str, Tile] = {}
        self.title = QLabel(title, self)
        self.title.setIndent(4)
        self.follow = QToolButton(self)
        self.follow.setText("Follow")
        self.follow.setToolTip("Show the whole run again, up to the newest step (F)")
        self.follow.setVisible(False)
        self.follow.clicked.connect(self.follow_requested)
        self.menu_button = QToolButton(self)
        self.menu_button.setText("⋯")
        self.menu_button.setAccessibleName(f"{title}: chart menu")
        self.menu_button.setToolTip("Axes, outliers, export")
        for button in (self.follow, self.menu_button):
            button.setAutoRaise(True)
            policy = button.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            button.setSizePolicy(policy)
        top = QHBoxLayout()
        top.addWidget(self.title, 1)
        top.addWidget(self.follow)
        top.addWidget(self.menu_button)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(_GAP)
        self._grid.setVerticalSpacing(2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 8, 4)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addLayout(self._grid)
        self._columns = 0

    def add_tile(self, style: CurveStyle, colors: ChartColors) -> None:
        """Add the legend entry of a curve."""
        tile = Tile(style, self)
        tile.set_theme(colors)
        tile.setVisible(not style.optional)
        tile.toggled.connect(lambda shown: self.curve_toggled.emit(style.name, shown))
        self.tiles[style.name] = tile
        self.arrange()

    def set_theme(self, colors: ChartColors) -> None:
        """Take over colors."""
        self.title.setFont(scaled_font(self.font(), 1.0, bold=True))
        for tile in self.tiles.values():
            tile.set_theme(colors)

    def show_values(self, plot: Plot) -> None:
        """Show the newest value and the trend of every curve, and the tiles of optional curves that have any."""
        rearranged = False
        for name, tile in self.tiles.items():
            series = plot.curve(name, "training").series
            held_out = plot.find(name, "evaluation")
            evaluated = held_out.series.newest() if held_out is not None else np.empty(0)
            if tile.style_.optional and tile.isHidden() == bool(len(series) or len(evaluated)):
                tile.setVisible(tile.isHidden())
                rearranged = True
            unit, trend = tile.style_.unit, series.trend() or 0.0
            tile.set_reading(
                Reading(
                    format_value(float(series.newest()[0]), unit) if len(series) else "–",
                    (trend > 0) - (trend < 0),
                    format_value(float(evaluated[0]), unit) if len(evaluated) else "",
                )
            )
        if rearranged or self._room_for() < self._columns:  # a figure has become wider than its column
            self.arrange()

    def arrange(self) -> None:
        """Place the tiles that have something to say."""
        visible = [tile for tile in self.tiles.values() if not tile.isHidden()]
        columns = self._room_for()
        while self._grid.count():
            self._grid.takeAt(0)
        for index, tile in enumerate(visible):
            self._grid.addWidget(tile, index // columns, index % columns, Qt.AlignmentFlag.AlignTop)
        for column in range(max(columns, self._columns)):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)
        self._columns = columns

    def _room_for(self) -> int:
        """Return how many tiles have room beside each other."""
        visible = [tile for tile in self.tiles.values() if not tile.isHidden()]
        widest = max((tile.sizeHint().width() for tile in visible), default=1)
        return max(1, min(len(visible), (self.width() - 20 + _GAP) // (widest + _GAP)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Find the number of columns again."""
        super().resizeEvent(event)
        self.arrange()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Ask for the whole page."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.expand_requested.emit()
