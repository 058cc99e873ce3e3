"""The command palette: every action by a few letters of its words (Ctrl+K)."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QAction, QColor, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from orpo_studio.gui.theme import em, theme

Index = QModelIndex | QPersistentModelIndex

KEYS = Qt.ItemDataRole.UserRole + 1


class _KeysAtTheRight(QStyledItemDelegate):
    """Draws an action's words as any item, and its keys at the right, muted."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        super().paint(painter, option, index)
        if keys := index.data(KEYS):
            place = option.rect.adjusted(0, 0, -em(0.75), 0)
            painter.save()
            painter.setPen(QColor(theme().colors.muted))
            painter.drawText(place, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), keys)
            painter.restore()


class Palette(QDialog):
    """A field over the list of matching actions that can be done now; Enter does the marked one."""

    def __init__(self, parent: QWidget, actions: list[QAction], refresh: Callable[[], None]) -> None:
        super().__init__(parent)
        self.setWindowTitle("Actions")
        self.setModal(True)
        self.resize(em(30), em(22))
        self._actions, self._refresh = actions, refresh
        self.field = QLineEdit(placeholderText="What to do")
        self.field.setAccessibleName("Search actions")
        self.list = QListWidget()
        self.list.setAccessibleName("Matching actions")
        self.list.setItemDelegate(_KeysAtTheRight(self.list))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = QVBoxLayout(self)
        layout.addWidget(self.field)
        layout.addWidget(self.list, 1)
        self.field.textChanged.connect(self._filter)
        self.field.returnPressed.connect(self._do)
        self.list.itemClicked.connect(lambda _item: self._do())
        self.field.installEventFilter(self)
        self._filter("")

    def open_fresh(self) -> None:
        """Open with an empty field."""
        self._refresh()
        self.field.clear()
        self.open()
        self.field.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the arrow keys move in the list while typing."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
            if step is not None and self.list.count():
                self.list.setCurrentRow((self.list.currentRow() + step) % self.list.count())
                return True
        return super().eventFilter(watched, event)

    def _filter(self, text: str) -> None:
        words = text.lower().split()
        self.list.clear()
        for action in self._actions:
            if action.isEnabled() and all(word in action.text().lower() for word in words):
                keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
                item = QListWidgetItem(action.text())
                item.setSizeHint(QSize(0, em(1.9)))
                item.setData(Qt.ItemDataRole.UserRole, action)
                item.setData(KEYS, keys)
                if keys:
                    item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{action.text()}, {keys}")
                self.list.addItem(item)
        self.list.setCurrentRow(0)

    def _do(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            self.accept()
            item.data(Qt.ItemDataRole.UserRole).trigger()
