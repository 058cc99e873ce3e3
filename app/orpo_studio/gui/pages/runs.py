"""The runs in the rail."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from orpo_studio.gui.workbench import Workbench


class RunListView(QWidget):
    """The list of runs."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.bench = bench
        QVBoxLayout(self)
