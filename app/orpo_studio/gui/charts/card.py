"""The panel a chart stands on."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFocusEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from orpo_studio.gui.charts.style import LIGHT, ChartColors

_RADIUS = 8


class Card(QWidget):
    """A rounded panel that takes the keyboard and shows that it has it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colors = LIGHT
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def set_theme(self, colors: ChartColors) -> None:
        """Draw in other colors."""
        self._colors = colors
        self.update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show that the keyboard is here."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Show that the keyboard is elsewhere."""
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the panel."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        focus = self.hasFocus()
        painter.setPen(QPen(QColor(self._colors.accent if focus else self._colors.border), 1.5 if focus else 1))
        painter.setBrush(QColor(self._colors.panel))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.75, 0.75, -0.75, -0.75), _RADIUS, _RADIUS)
