"""Something that is there when asked for."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from orpo_studio.gui.theme import em


class Fold(QWidget):
    """A title that shows and hides its content; the content is made when it is first shown."""

    toggled = Signal(bool)
    """The person opened or closed it."""

    def __init__(self, title: str, make: Callable[[], QWidget]) -> None:
        super().__init__()
        self._make: Callable[[], QWidget] | None = make
        self.content: QWidget | None = None
        self.head = QToolButton()
        self.head.setText(title)
        self.head.setAutoRaise(True)
        self.head.setCheckable(True)
        self.head.setArrowType(Qt.ArrowType.RightArrow)
        self.head.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.head.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.head.setAccessibleName(title)
        self.head.clicked.connect(self._on_clicked)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(em(0.5))
        self._column.addWidget(self.head, 0, Qt.AlignmentFlag.AlignLeft)

    @property
    def is_open(self) -> bool:
        """Whether the content is shown."""
        return self.head.isChecked()

    def set_title(self, title: str) -> None:
        """Change the title."""
        self.head.setText(title)
        self.head.setAccessibleName(title)

    def set_open(self, is_open: bool) -> None:
        """Show or hide the content, without a word."""
        self.head.setChecked(is_open)
        self.head.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)
        if is_open and self._make is not None:
            self.content, self._make = self._make(), None
            self._column.addWidget(self.content)
        if self.content is not None:
            self.content.setVisible(is_open)

    def _on_clicked(self, checked: bool) -> None:
        self.set_open(checked)
        self.toggled.emit(checked)
