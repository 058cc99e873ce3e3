"""The window's way to ask a question."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from orpo_studio.gui.question import Question


def open_question(parent: QWidget, question: Question) -> QMessageBox:
    """Ask, without holding anything up."""
    box = QMessageBox(parent)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setWindowTitle(question.title)
    box.setText(question.text)
    box.setInformativeText(question.detail)
    does = {box.addButton(text, QMessageBox.ButtonRole.DestructiveRole): act for text, act in question.answers}
    stay = box.addButton(question.stay, QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(stay)
    box.setEscapeButton(stay)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def answered() -> None:
        clicked = box.clickedButton()
        for made, act in does.items():
            if made is clicked:
                act()

    box.finished.connect(answered)
    box.open()
    return box
