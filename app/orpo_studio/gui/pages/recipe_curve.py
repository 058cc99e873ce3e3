"""A small curve: how hard λ pushes a pair, by how sure the model already is of it."""

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from orpo_studio.config import find_option
from orpo_studio.config.option import format_number
from orpo_studio.gui.theme import em, theme

REACH = 4.0
"""The curve runs from −REACH to REACH in Δ, the difference of the log odds."""
_POINTS = 65


def push(strength: float, difference: float) -> float:
    """Return λ·σ(−Δ), the size of the gradient of the odds-ratio term −λ·log σ(Δ) in Δ (Hong et al. 2024, eq. 8)."""
    return strength / (1.0 + math.exp(difference))


class PushCurve(QWidget):
    """λ·σ(−Δ) over Δ; the default λ is drawn beside it, dashed, so that heights can be compared."""

    def __init__(self) -> None:
        super().__init__()
        self._usual = float(find_option("recipe.lambda").default)
        self._strength: float | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("How hard λ pushes")
        theme().changed.connect(self.update)

    def show_strength(self, strength: float | None) -> None:
        """Draw the curve of a λ, or none."""
        if strength != self._strength:
            self._strength = strength
            told = "" if strength is None else f"From {strength:g} where the rejected answer is likelier, to 0."
            self.setAccessibleDescription(told)
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(em(16), em(9))

    def minimumSizeHint(self) -> QSize:
        return QSize(em(10), em(9))

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme().colors
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(em(0.2), em(1.4), -em(0.2), -em(2.6))
        self._paint_axes(painter, area)
        top = _top(max(self._strength or 0.0, self._usual))
        if self._strength is None or not math.isclose(self._strength, self._usual):
            self._paint_curve(painter, area, top, self._usual, QPen(QColor(colors.base), 1, Qt.PenStyle.DashLine))
        if self._strength is not None:
            self._paint_curve(painter, area, top, self._strength, QPen(QColor(colors.tuned), 2))
            self._paint_middle(painter, area, top, self._strength)

    def _paint_axes(self, painter: QPainter, area: QRectF) -> None:
        colors = theme().colors
        painter.setPen(QPen(QColor(colors.border), 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        painter.drawLine(QPointF(area.center().x(), area.top()), QPointF(area.center().x(), area.bottom()))
        painter.setPen(QColor(colors.muted))
        under = QRectF(area.left(), area.bottom() + em(0.2), area.width(), em(2.4))
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        painter.drawText(under, left, "rejected\nlikelier")
        painter.drawText(under, Qt.AlignmentFlag.AlignHCenter, "Δ = 0")
        painter.drawText(under, right, "chosen\nlikelier")

    def _paint_curve(self, painter: QPainter, area: QRectF, top: float, strength: float, pen: QPen) -> None:
        steps = (REACH * (2 * place / (_POINTS - 1) - 1) for place in range(_POINTS))
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF([_point(area, top, x, push(strength, x)) for x in steps]))

    def _paint_middle(self, painter: QPainter, area: QRectF, top: float, strength: float) -> None:
        colors = theme().colors
        middle = _point(area, top, 0, strength / 2)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colors.tuned))
        painter.drawEllipse(middle, em(0.22), em(0.22))
        painter.setPen(QColor(colors.text))
        text = f"λ/2 = {format_number(float(f'{strength / 2:.3g}'))}"
        room = QRectF(middle.x() + em(0.5), middle.y() - em(1.4), area.width() / 2, em(1.3))
        painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)


def _point(area: QRectF, top: float, x: float, y: float) -> QPointF:
    return QPointF(area.left() + area.width() * (x + REACH) / (2 * REACH), area.bottom() - area.height() * y / top)


def _top(value: float) -> float:
    """Return the end of the axis: the next of 1, 2, 5, 10 … so that it does not move with every keystroke."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999)
