"""A box that asks or tells something before anything is done."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QMessageBox, QSizePolicy, QWidget


def message_box(parent: QWidget, title: str, text: str, detail: str) -> QMessageBox:
    """Make a box without buttons and without an icon: plain text, deleted when it is closed."""
    box = QMessageBox(parent)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setWindowTitle(title)
    box.setText(text)
    box.setInformativeText(detail)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    grid = box.layout()
    if isinstance(grid, QGridLayout) and (item := grid.itemAtPosition(0, 0)) is not None:
        if (gap := item.spacerItem()) is not None:  # Qt's room for an icon, which would indent the text
            gap.changeSize(0, 0, QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        grid.setHorizontalSpacing(0)
        grid.setColumnStretch(1, 1)
    return box
