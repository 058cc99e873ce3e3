"""The question before a start that something is in the way of."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from orpo_studio.gui.runs.queue import StartQuestion


def open_question(parent: QWidget, question: StartQuestion) -> QMessageBox:
    """Ask whether to wait, which is suggested, or to start at once."""
    box = QMessageBox(parent)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setWindowTitle("The card is not free")
    box.setText(question.in_the_way)
    box.setInformativeText(
        "In the queue, the run waits for its turn and starts by itself, also when this window is closed. Started now, "
        "both share the machine: each is slower, and memory may run out."
    )
    wait = box.addButton("Add to the queue", QMessageBox.ButtonRole.AcceptRole)
    start = box.addButton("Start anyway", QMessageBox.ButtonRole.DestructiveRole)
    box.addButton("Cancel", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(wait)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def answered() -> None:
        if box.clickedButton() is wait:
            question.wait()
        elif box.clickedButton() is start:
            question.start()

    box.finished.connect(answered)
    box.open()
    return box
