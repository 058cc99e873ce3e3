"""The cleanliness figure as a ring that fills, its word below the figure."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from orpo_studio.gui.doctor.verdict import CLEAN, MIXED, Kind
from orpo_studio.gui.theme import em, figure_font, theme

_START, _SWEEP = 225.0, 270.0
"""Degrees: the ring begins at the lower left and goes clockwise to the lower right."""
_SIDE = 9.5


class Dial(QWidget):
    """0 to 100 on a ring of three quarters, with a tick where a word ends and the next begins."""

    def __init__(self) -> None:
        super().__init__()
        self._score: float | None = None
        self._kind: Kind = "muted"
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Cleanliness")
        theme().changed.connect(self.update)

    def show_score(self, score: float | None, word: str, kind: Kind) -> None:
        """Show a score from 0 to 100 in the color of its kind, or an empty ring."""
        self._score, self._kind = score, kind
        self.setAccessibleDescription("" if score is None else f"{score:.0f} of 100: {word}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(em(_SIDE), em(_SIDE * 0.9))

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme().colors
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width = em(0.7)
        side = em(_SIDE) - width - 2
        ring = QRectF(width / 2 + 1, width / 2 + 1, side, side)
        self._arc(painter, ring, QColor(colors.raised), width, 1.0)
        if self._score is not None:
            color = QColor(getattr(colors, self._kind))
            self._arc(painter, ring, color, width, max(0.004, self._score / 100))
        painter.setPen(QPen(QColor(colors.panel), 2))
        for limit in (MIXED, CLEAN):
            painter.save()
            painter.translate(ring.center())
            painter.rotate(-_START + _SWEEP * limit / 100)
            painter.drawLine(QPointF(side / 2 - width / 2 - 1, 0), QPointF(side / 2 + width / 2 + 1, 0))
            painter.restore()
        painter.setPen(QColor(colors.text if self._score is not None else colors.muted))
        painter.setFont(figure_font(2.4))
        text = "–" if self._score is None else f"{self._score:.0f}"
        painter.drawText(ring.adjusted(0, -em(0.3), 0, -em(0.3)), Qt.AlignmentFlag.AlignCenter, text)
        painter.setFont(self.font())
        painter.setPen(QColor(colors.muted))
        below = QRectF(ring.left(), ring.center().y() + em(1.0), ring.width(), em(1.4))
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, "of 100")

    def _arc(self, painter: QPainter, ring: QRectF, color: QColor, width: int, share: float) -> None:
        pen = QPen(color, width)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setPen(pen)
        painter.drawArc(ring, round(_START * 16), round(-_SWEEP * share * 16))
