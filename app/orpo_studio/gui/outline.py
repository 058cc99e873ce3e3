"""What the window shows in its first moment: its own outline, painted before anything large is imported."""

from PySide6.QtCore import QRect, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from orpo_studio.gui.theme import em, theme

RAIL_EM = 16
"""Width of the rail."""
STEP_TITLES = ("Model", "Data", "Recipe", "Train", "Evaluate", "Ship")


class Outline(QWidget):
    """Rail and steps in the places where they will stand; ``painted`` tells that a person can see them."""

    painted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._is_told = False

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme().colors
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(colors.background))
        painter.fillRect(QRect(0, 0, em(RAIL_EM), self.height()), QColor(colors.panel))
        painter.setPen(QColor(colors.border))
        painter.drawLine(em(RAIL_EM), 0, em(RAIL_EM), self.height())
        painter.setPen(QColor(colors.muted))
        for place, title in enumerate(STEP_TITLES):
            row = QRect(em(2.4), em(1) + round(place * em(2.2) * 1.05), em(12), em(2.2))
            painter.drawText(row, int(Qt.AlignmentFlag.AlignVCenter), title)
        if not self._is_told:
            self._is_told = True
            QTimer.singleShot(0, self.painted.emit)
