"""Help inside the window: the topics of ``resources/help`` and the reference of all settings, made from the schema."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QTextDocument
from PySide6.QtWidgets import QDialog, QHBoxLayout, QListWidget, QListWidgetItem, QTextBrowser, QWidget

from orpo_studio.config import OptionError, find_option
from orpo_studio.gui.theme import em
from orpo_studio.help_topics import SETTINGS, topic_text, topics


class HelpWindow(QDialog):
    """Topics on the left, text on the right. It never opens the network by itself."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Help")
        self.resize(em(62), em(42))
        self.setWindowFlag(Qt.WindowType.Window)
        self.list = QListWidget()
        self.list.setAccessibleName("Help topics")
        self.list.setFixedWidth(em(14))
        self.text = QTextBrowser(openExternalLinks=True)
        self.text.setAccessibleName("Help")
        self.text.document().setDocumentMargin(em(1))
        layout = QHBoxLayout(self)
        layout.addWidget(self.list)
        layout.addWidget(self.text, 1)
        for key, title in topics().items():
            item = QListWidgetItem(title)
            item.setData(Qt.ItemDataRole.UserRole, key)
            self.list.addItem(item)
        self.list.currentItemChanged.connect(self._on_topic)
        self.list.setCurrentRow(0)

    def show_topic(self, key: str) -> None:
        """Show a topic."""
        for row in range(self.list.count()):
            if self.list.item(row).data(Qt.ItemDataRole.UserRole) == key:
                self.list.setCurrentRow(row)

    def show_option(self, name: str) -> None:
        """Show what the reference says of the option called ``section.key``."""
        self.show_topic(SETTINGS)
        try:
            title = find_option(name).title
        except OptionError:
            return
        found = self.text.document().find(name, 0, QTextDocument.FindFlag.FindCaseSensitively)
        if not found.isNull():
            self.text.setTextCursor(found)
            self.text.ensureCursorVisible()
        self.text.setAccessibleDescription(title)

    def _on_topic(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            font = QFont(self.font())
            self.text.document().setDefaultFont(font)
            self.text.setMarkdown(topic_text(item.data(Qt.ItemDataRole.UserRole)))
