"""The window's way to ask a question."""

from PySide6.QtWidgets import QMessageBox, QWidget

from orpo_studio.gui.question import Question
from orpo_studio.gui.widgets.message_box import message_box


def open_question(parent: QWidget, question: Question) -> QMessageBox:
    """Ask, without holding anything up."""
    box = message_box(parent, question.title, question.text, question.detail)
    does = {box.addButton(text, QMessageBox.ButtonRole.DestructiveRole): act for text, act in question.answers}
    stay = box.addButton(question.stay, QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(stay)
    box.setEscapeButton(stay)

    def answered() -> None:
        clicked = box.clickedButton()
        for made, act in does.items():
            if made is clicked:
                act()

    box.finished.connect(answered)
    box.open()
    return box
