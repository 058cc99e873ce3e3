"""The question before a start that something is in the way of."""

from PySide6.QtWidgets import QMessageBox, QWidget

from orpo_studio.gui.runs.queue import StartQuestion
from orpo_studio.gui.widgets.basic import set_kind
from orpo_studio.gui.widgets.message_box import message_box


def open_question(parent: QWidget, question: StartQuestion) -> QMessageBox:
    """Ask whether to wait, which is suggested, or to start at once."""
    obstacle = question.obstacle
    title = "Another run is under way" if obstacle.is_own else "The graphics card is not free"
    waiting = f"In the queue, the run starts by itself {obstacle.until}, also while this window is closed."
    detail = "\n\n".join(filter(None, (question.memory, f"{waiting} Started now, {obstacle.at_once}.")))
    box = message_box(parent, title, obstacle.sentence, detail)
    wait = box.addButton("Add to the queue", QMessageBox.ButtonRole.AcceptRole)
    set_kind(wait, "main")
    start = box.addButton("Start anyway", QMessageBox.ButtonRole.DestructiveRole)
    box.addButton("Cancel", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(wait)

    def answered() -> None:
        if box.clickedButton() is wait:
            question.wait()
        elif box.clickedButton() is start:
            question.start()

    box.finished.connect(answered)
    box.open()
    return box
