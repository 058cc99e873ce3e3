"""A check box that can be seen on dark ground."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QCheckBox

from orpo_studio.gui.theme import em, theme


class CheckBox(QCheckBox):
    """Paints itself: the style draws the empty box in a shade of the background, which on dark ground is none."""

    def sizeHint(self) -> QSize:
        text = self.fontMetrics().horizontalAdvance(self.text())
        return QSize(text + em(1.7), em(1.4))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme().colors
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = em(0.95)
        box = QRectF(0.5, (self.height() - side) / 2, side, side)
        filled = self.isChecked() and self.isEnabled()
        edge = colors.accent if filled or self.hasFocus() else colors.muted
        painter.setPen(QPen(QColor(edge), 2 if self.hasFocus() else 1))
        painter.setBrush(QColor(colors.accent if filled else colors.panel))
        painter.drawRoundedRect(box, 3, 3)
        if self.isChecked():
            mark = QColor(colors.accent_text if filled else colors.muted)
            painter.setPen(QPen(mark, 1.8, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
            corners = ((0.24, 0.52), (0.43, 0.71), (0.77, 0.31))
            painter.drawPolyline(QPolygonF([box.topLeft() + QPointF(x * side, y * side) for x, y in corners]))
        painter.setPen(QColor(colors.text if self.isEnabled() else colors.muted))
        room = self.rect().adjusted(round(side + em(0.5)), 0, 0, 0)
        painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self.text())
