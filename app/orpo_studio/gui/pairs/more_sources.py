"""A small window for what few need: splits of a dataset, further sources in the mix, and the seed of both."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from orpo_studio.config import find_option
from orpo_studio.gui.background import Task, run_in_background
from orpo_studio.gui.forms.form import Form
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button, label
from orpo_studio.gui.workbench import Workbench

MOST_SPLITS = 20
OPTIONS = ("data.split", "data.held_out_split", "data.mix", "data.skip_rows", "data.split_seed")


class MoreSources(QDialog):
    """Fields that change the draft as they are typed, like those of the pages; the pairs follow behind it."""

    def __init__(self, parent: QWidget, bench: Workbench) -> None:
        super().__init__(parent)
        self.setWindowTitle("Splits and further sources")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(em(46), em(24))
        self.form = Form(bench, [find_option(name) for name in OPTIONS])
        self.splits = label("", "muted", wrap=True, selectable=True)
        self.splits.hide()
        self.done_button = button("Close", self.accept, "main")
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.done_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(em(1.5), em(1.25), em(1.5), em(1.25))
        layout.setSpacing(em(1))
        layout.addWidget(label("Splits and further sources", "title"))
        layout.addWidget(
            label(
                "More files or folders to train on, which parts of a dataset are read, and which rows are not.",
                "muted",
                wrap=True,
            )
        )
        layout.addWidget(self.form)
        layout.addWidget(self.splits)
        layout.addWidget(label(find_option("data.mix").help, "muted", wrap=True))
        layout.addStretch(1)
        layout.addLayout(row)
        self._look_for_splits(bench)

    def _look_for_splits(self, bench: Workbench) -> None:
        """Name the splits of the chosen source once they are known: of a large JSON file all must be read for it."""
        if not bench.data.source:
            return
        data = bench.data

        def work(_task: Task) -> tuple[str, ...]:
            from orpo_studio.data.sources import splits_of

            return splits_of(data.plan().source)

        run_in_background(self, work, self._name_splits, lambda _error: None)

    def _name_splits(self, names: tuple[str, ...]) -> None:
        shown = ", ".join(names[:MOST_SPLITS]) + (
            f" and {len(names) - MOST_SPLITS} more" if names[MOST_SPLITS:] else ""
        )
        self.splits.setText(f"Splits of the chosen source: {shown}." if names else "The chosen source has no splits.")
        self.splits.show()
