"""A small window for what few need: splits of a dataset, further sources in the mix, and the seed of both."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from orpo_studio.config import find_option
from orpo_studio.gui.forms.form import Form
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button, label
from orpo_studio.gui.workbench import Workbench

OPTIONS = ("data.split", "data.held_out_split", "data.mix", "data.split_seed")


class MoreSources(QDialog):
    """Fields that change the draft as they are typed, like those of the pages; the pairs follow behind it."""

    def __init__(self, parent: QWidget, bench: Workbench) -> None:
        super().__init__(parent)
        self.setWindowTitle("Splits and further sources")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(em(46), em(24))
        self.form = Form(bench, [find_option(name) for name in OPTIONS])
        self.done_button = button("Close", self.accept, "main")
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.done_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(em(1.5), em(1.25), em(1.5), em(1.25))
        layout.setSpacing(em(1))
        layout.addWidget(label("Splits and further sources", "title"))
        layout.addWidget(
            label("More files or folders to train on, and which parts of a dataset are read.", "muted", wrap=True)
        )
        layout.addWidget(self.form)
        layout.addStretch(1)
        layout.addLayout(row)
