"""Something that is there when asked for."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button


class Fold(QWidget):
    """A title that shows and hides its content; the content is made when it is first shown."""

    toggled = Signal(bool)
    """The person opened or closed it."""

    def __init__(self, title: str, make: Callable[[], QWidget]) -> None:
        super().__init__()
        self._title = title
        self._make: Callable[[], QWidget] | None = make
        self._is_open = False
        self.content: QWidget | None = None
        self.head = button("", self._toggle, "link")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(em(0.5))
        self._column.addWidget(self.head, 0, Qt.AlignmentFlag.AlignLeft)
        self._show_head()

    @property
    def is_open(self) -> bool:
        """Whether the content is shown."""
        return self._is_open

    def set_title(self, title: str) -> None:
        """Change the title."""
        self._title = title
        self._show_head()

    def set_open(self, is_open: bool) -> None:
        """Show or hide the content, without a word."""
        self._is_open = is_open
        self._show_head()
        if is_open and self._make is not None:
            self.content, self._make = self._make(), None
            self._column.addWidget(self.content)
        if self.content is not None:
            self.content.setVisible(is_open)

    def _toggle(self) -> None:
        self.set_open(not self._is_open)
        self.toggled.emit(self._is_open)

    def _show_head(self) -> None:
        self.head.setText(f"{'▾' if self._is_open else '▸'} {self._title}")
        self.head.setAccessibleName(f"{self._title}, {'shown' if self._is_open else 'hidden'}")
