"""What a page is."""

from typing import ClassVar

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import label
from orpo_studio.gui.workbench import Workbench


class Page(QWidget):
    """One step of the work: a heading, room for its one main thing, and the workbench it stands on.

    Subclasses fill ``self.body`` and connect themselves to the workbench's signals. They show the subject (draft or
    run) anew on ``bench.subject_changed``.
    """

    step: ClassVar[str]
    """Name of the step, which is also the section of the schema: model, data, recipe, train, evaluate or ship."""
    title: ClassVar[str]
    purpose: ClassVar[str]
    """One sentence under the title."""
    option_wanted = Signal(str)
    """The field of an option, by its full name, is to be shown."""
    step_wanted = Signal(str)
    """The page of a step is to be shown."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.bench = bench
        self.setAccessibleName(self.title)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(em(1.5), em(1.25), em(1.5), em(1))
        outer.setSpacing(em(1))
        head = QVBoxLayout()
        head.setSpacing(em(0.25))
        self.title_row = QHBoxLayout()
        """Heading on the left; pages may add controls at the right."""
        self.title_row.addWidget(label(self.title, "title"))
        self.title_row.addStretch(1)
        head.addLayout(self.title_row)
        self.purpose_label = label(self.purpose, "muted")
        head.addWidget(self.purpose_label)
        outer.addLayout(head)
        self.body = QVBoxLayout()
        self.body.setSpacing(em(1))
        outer.addLayout(self.body, 1)

    def show_option(self, name: str) -> None:
        """Bring the field of an option into view and focus it. Pages without fields ignore it."""
