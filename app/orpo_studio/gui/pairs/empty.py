"""The Data page without data: what belongs there, or why the chosen file cannot be used."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from orpo_studio.gui.notice import Notice
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button, label
from orpo_studio.gui.workbench import Workbench


class EmptyData(QWidget):
    """Says what to do next."""

    columns_wanted = Signal()
    """The person wants to say which column is which."""
    split_wanted = Signal()
    """The person wants to say which split is read."""
    reading_wanted = Signal()
    """What is chosen is to be read once more."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        self.title = label("", "heading", wrap=True, selectable=True)
        self.detail = label("", wrap=True, selectable=True)
        self.hint = label("", "muted", wrap=True, selectable=True)
        self.columns = button("Columns by hand…", self.columns_wanted.emit)
        self.split = button("Choose the split…", self.split_wanted.emit)
        self.read = button("Read it again", self.reading_wanted.emit)
        self.demo = button("Try the demo", bench.use_demo)
        layout = QVBoxLayout(self)
        layout.setSpacing(em(0.5))
        layout.addStretch(1)
        for widget in (self.title, self.detail, self.hint):
            widget.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            layout.addWidget(widget)
        layout.addSpacing(em(0.5))
        buttons = QHBoxLayout()
        buttons.setSpacing(em(0.75))
        buttons.addStretch(1)
        for control in (self.columns, self.split, self.read, self.demo):
            buttons.addWidget(control)
        buttons.addStretch(1)
        layout.addLayout(buttons)
        layout.addStretch(2)
        self.show_problem(None, busy=False)

    def show_problem(
        self,
        problem: Notice | None,
        *,
        busy: bool,
        by_hand: bool = False,
        by_split: bool = False,
        stopped: bool = False,
    ) -> None:
        """Show a problem, or the empty state, or what is being done while a file is being read.

        Args:
            problem: what is wrong, if anything is.
            busy: whether a file is being read.
            by_hand: whether saying which column is which can help.
            by_split: whether saying which split is read can help.
            stopped: whether the person stopped the reading of a file.
        """
        self.read.setVisible(not busy and (stopped or problem is not None))
        self.read.setText("Read it" if stopped else "Read it again")
        can_mend = not busy and not self._bench.read_only
        self.columns.setVisible(by_hand and can_mend)
        self.split.setVisible(by_split and can_mend)
        if busy:
            problem = Notice("info", "Reading the pairs…", "They are converted once, and then open at once.")
        elif stopped:
            problem = Notice(
                "info",
                "Reading was cancelled",
                "The pairs of this file are not known. The file is as it was.",
                "Read it to see the pairs and to train on them, or choose another file.",
            )
        elif problem is None:
            problem = Notice(
                "info",
                "No preference pairs yet",
                "A file, or a folder of files, with prompt, chosen and rejected: JSON, JSONL, Parquet, Arrow or CSV.",
                "Drop one onto the window, browse for it, or try the demo.",
            )
        self.title.setText(("✕ " if problem.severity == "error" else "") + problem.title)
        self.detail.setText(problem.detail)
        self.detail.setVisible(bool(problem.detail))
        self.hint.setText(problem.hint)
        self.hint.setVisible(bool(problem.hint))
        self.demo.setVisible(not busy and not self._bench.read_only)
