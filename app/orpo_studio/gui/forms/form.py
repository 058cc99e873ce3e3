"""Many fields: in one or two columns as the room allows, under headings."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from orpo_studio.config import Option
from orpo_studio.gui.forms.field import Field
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import label
from orpo_studio.gui.workbench import Workbench

COLUMN_EM = 17
"""A second column appears where both have this much room."""
HEADINGS = {"train": "While it trains", "evaluate": "Evaluation and samples", "ship": "Export"}
"""Headings of the sections whose options name no group."""


class Columns(QWidget):
    """Widgets in rows of one or two, read from left to right."""

    def __init__(self, widgets: Sequence[QWidget]) -> None:
        super().__init__()
        self._widgets = list(widgets)
        self._filling = [QWidget(self)]  # an empty column would leave its room to the other one
        self._count = 0
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(em(2))
        self._grid.setVerticalSpacing(em(1.1))
        self._place(2)

    def minimumSizeHint(self) -> QSize:
        """Two columns must not forbid the width that makes them one."""
        narrowest = max((widget.minimumSizeHint().width() for widget in self._widgets), default=0)
        return QSize(narrowest, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place(2 if event.size().width() >= em(2 * COLUMN_EM + 2) else 1)
        super().resizeEvent(event)

    def _place(self, count: int) -> None:
        if count == self._count:
            return
        self._count = count
        for widget in [*self._widgets, *self._filling]:
            self._grid.removeWidget(widget)  # takeAt() would leave an item alive that hides later changes of height
        for place, widget in enumerate([*self._widgets, *self._filling[: len(self._widgets) % count]]):
            self._grid.addWidget(widget, place // count, place % count, Qt.AlignmentFlag.AlignTop)
        for column in range(2):
            self._grid.setColumnStretch(column, 1 if column < count else 0)


class Form(QWidget):
    """Fields of the given options, in their order; each group of the schema stands under its heading.

    Attributes:
        fields: by the options' full names.
    """

    def __init__(self, bench: Workbench, options: Sequence[Option], *, headings: bool = False) -> None:
        super().__init__()
        self.fields = {option.name: Field(bench, option) for option in options}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(em(0.8))
        for heading, members in _grouped(options, headings=headings).items():
            if heading:
                column.addSpacing(em(0.4))
                column.addWidget(label(heading, "muted"))
            column.addWidget(Columns([self.fields[option.name] for option in members]))

    def field(self, name: str) -> Field | None:
        """Return the field of the option called ``section.key``, if it is here."""
        return self.fields.get(name)


def _grouped(options: Sequence[Option], *, headings: bool) -> dict[str, list[Option]]:
    groups: dict[str, list[Option]] = {}
    for option in options:
        heading = (option.group or HEADINGS.get(option.section, "")) if headings else ""
        groups.setdefault(heading, []).append(option)
    return groups
