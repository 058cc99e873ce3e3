"""Labels and buttons for texts of any length: what does not fit ends in an ellipsis."""

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QStyle, QStyleOption

from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import tooltip


class ElidedLabel(QLabel):
    """One line of plain text that never makes its window wider; the tooltip tells all of it."""

    def __init__(self, text: str = "", kind: str = "") -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        if kind:
            self.setProperty("kind", kind)

    def minimumSizeHint(self) -> QSize:
        return QSize(em(4), super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        option = QStyleOption()
        option.initFrom(self)
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        self.setToolTip(tooltip(self.text()) if text != self.text() else "")
        self.style().drawItemText(
            painter,
            self.rect(),
            int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft),
            option.palette,
            bool(option.state & QStyle.StateFlag.State_Enabled),
            text,
            self.foregroundRole(),
        )


class ElidedButton(QPushButton):
    """A push button that never makes its window wider. Its tooltip is the caller's."""

    def __init__(self, text: str, clicked: Callable[[], object]) -> None:
        super().__init__(text)
        self._whole = text
        self._wanted = super().sizeHint()
        self.setAutoDefault(False)
        self.setAccessibleName(text)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.clicked.connect(lambda _checked=False: clicked())

    def sizeHint(self) -> QSize:
        self.ensurePolished()
        if self.text() == self._whole:
            self._wanted = super().sizeHint()
        return self._wanted

    def minimumSizeHint(self) -> QSize:
        return QSize(em(8), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        room = self.width() - (self.sizeHint().width() - self.fontMetrics().horizontalAdvance(self._whole))
        self.setText(self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, room))
