"""A combo box that looks like the fields beside it."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF, QWheelEvent
from PySide6.QtWidgets import QComboBox, QSizePolicy

from orpo_studio.gui.theme import em, theme


class ComboBox(QComboBox):
    """Looks like the line edits beside it, elides what is too long, and leaves the wheel to the form it stands in.

    It paints itself: a style sheet that gives a combo box a border takes its arrow away.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(10)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumHeight(em(1.9))

    def minimumSizeHint(self) -> QSize:
        return QSize(em(8), super().minimumSizeHint().height())

    def showPopup(self) -> None:
        """Give the list the room its longest line needs, within the screen."""
        view = self.view()
        wanted = view.sizeHintForColumn(0) + em(2)
        view.setMinimumWidth(min(max(wanted, self.width()), self.screen().availableGeometry().width() // 2))
        super().showPopup()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme().colors
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        invalid = self.property("invalid") is True
        edge = colors.failure if invalid else colors.accent if self.hasFocus() else colors.border
        painter.setPen(QPen(QColor(edge), 1))
        painter.setBrush(QColor(colors.panel))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        chosen = self.currentIndex() >= 0
        painter.setPen(QColor(colors.text if chosen and self.isEnabled() else colors.muted))
        room = self.rect().adjusted(em(0.45), 0, -em(1.6), 0)
        text = self.currentText() if chosen else self.placeholderText()
        elided = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, elided)
        if self.isEnabled():
            self._paint_arrow(painter, QColor(colors.muted))

    def _paint_arrow(self, painter: QPainter, color: QColor) -> None:
        center = QPointF(self.width() - em(0.9), self.height() / 2)
        reach = em(0.26)
        painter.setPen(QPen(color, 1.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        corners = ((-reach, -reach / 2), (0, reach / 2), (reach, -reach / 2))
        painter.drawPolyline(QPolygonF([center + QPointF(x, y) for x, y in corners]))
