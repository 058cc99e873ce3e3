"""The fields that name the pairs and what is held out of them."""

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from orpo_studio.config import DEMO, find_option
from orpo_studio.gui.pairs.more_sources import OPTIONS as MORE_OPTIONS
from orpo_studio.gui.pairs.more_sources import MoreSources
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button, label
from orpo_studio.gui.workbench import Workbench

SOURCE, HELD_OUT, HELD_OUT_FILE = "data.source", "data.held_out", "data.held_out_file"
HELD_OUT_SPLIT = "data.held_out_split"
FILES = "Preference data (*.json *.jsonl *.parquet *.arrow *.csv *.tsv *.gz *.zst *.bz2 *.xz *.zip);;All files (*)"


class SourceFields(QWidget):
    """A path, a share and another path; each tells the draft of every keystroke."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.bench = bench
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(em(1))
        self._build()
        bench.draft.changed.connect(self.refresh)
        bench.subject_changed.connect(self._on_subject)
        self._on_subject()

    def focus(self, name: str) -> None:
        """Focus the field of an option; that of the source where it has none here."""
        if name in MORE_OPTIONS:
            self.open_more(name)
            return
        field = {HELD_OUT: self.held_out, HELD_OUT_FILE: self.held_out_file}.get(name, self.source)
        field.setFocus(Qt.FocusReason.OtherFocusReason)

    def refresh(self) -> None:
        """Show the values of the subject."""
        for field, name in (
            (self.source, SOURCE),
            (self.held_out, HELD_OUT),
            (self.held_out_file, HELD_OUT_FILE),
        ):
            option = find_option(name)
            text = option.format(self.bench.value(option))
            if not field.hasFocus() or field.isReadOnly():
                field.setText(text)
        by_split = bool(self.bench.value(find_option(HELD_OUT_SPLIT)))
        by_file = bool(self.held_out_file.text()) or self.source.text() == DEMO or by_split
        self.held_out.setEnabled(not by_file)
        problems = [issue.message for issue in self.bench.draft.checked.errors if issue.name == HELD_OUT]
        self.held_out_problem.setText(problems[0] if problems and not self.bench.read_only else "")
        self.held_out_problem.setVisible(bool(self.held_out_problem.text()))

    def _build(self) -> None:
        self.source = _field(
            SOURCE, "A file, a folder or a pattern such as data/*.jsonl, with prompt, chosen and rejected"
        )
        self.source.textEdited.connect(lambda text: self.bench.draft.set_text(SOURCE, text))
        self.browse = button("Browse…", self.browse_file, name="Browse for preference pairs")
        self.browse_folder = button("Folder…", self.browse_a_folder, name="Browse for a folder of preference pairs")
        self.demo = button("Try the demo", self.bench.use_demo, "link")
        row = QHBoxLayout()
        row.setSpacing(em(0.75))
        row.addWidget(self.source, 1)
        row.addWidget(self.browse)
        row.addWidget(self.browse_folder)
        row.addWidget(self.demo)
        self.body.addLayout(row)
        self.held_out = _field(HELD_OUT, "0.1")
        self.held_out.setFixedWidth(em(5))
        self.held_out.textEdited.connect(lambda text: self.bench.draft.set_text(HELD_OUT, text))
        self.held_out_file = _field(HELD_OUT_FILE, "or a file of its own with held-out pairs")
        self.held_out_file.textEdited.connect(lambda text: self.bench.draft.set_text(HELD_OUT_FILE, text))
        self.browse_held_out = button(
            "Browse…", lambda: self._browse(HELD_OUT_FILE), name="Browse for a file of held-out pairs"
        )
        self.held_out_problem = label("", "failure", wrap=True)
        second = QHBoxLayout()
        second.setSpacing(em(0.75))
        second.addWidget(label("Held-out share"))
        second.addWidget(self.held_out)
        second.addWidget(self.held_out_file, 1)
        second.addWidget(self.browse_held_out)
        self.more = button("More…", self.open_more, hint="Splits of a dataset, further sources, the seed of the split")
        second.addWidget(self.more)
        self.body.addLayout(second)
        self.body.addWidget(self.held_out_problem)

    def _on_subject(self) -> None:
        editable = not self.bench.read_only
        for field in (self.source, self.held_out, self.held_out_file):
            field.setReadOnly(not editable)
        for control in (self.browse, self.browse_folder, self.demo, self.browse_held_out):
            control.setVisible(editable)
        self.refresh()

    def _browse(self, name: str) -> None:
        dialog = QFileDialog(self, "Choose preference pairs", filter=FILES)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self._choose(name, path))
        dialog.open()

    def browse_file(self) -> None:
        """Let a file of pairs be chosen."""
        self._browse(SOURCE)

    def browse_a_folder(self) -> None:
        """Let a folder of pairs be chosen."""
        dialog = QFileDialog(self, "Choose a folder of preference pairs")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self._choose(SOURCE, path))
        dialog.open()

    def open_more(self, name: str = "") -> None:
        """Open the small window of splits and further sources, at the field of an option where one is named."""
        dialog = MoreSources(self, self.bench)
        if (field := dialog.form.field(name)) is not None:
            field.setFocus(Qt.FocusReason.OtherFocusReason)
        dialog.open()

    def _choose(self, name: str, path: str) -> None:
        with QSignalBlocker(self.source), QSignalBlocker(self.held_out_file):
            (self.source if name == SOURCE else self.held_out_file).setText(path)
        self.bench.draft.set(name, path)


def _field(name: str, placeholder: str) -> QLineEdit:
    option = find_option(name)
    field = QLineEdit(placeholderText=placeholder)
    field.setProperty("option", name)
    field.setAccessibleName(option.title)
    field.setAccessibleDescription(option.help)
    field.setToolTip(option.help)
    field.setWhatsThis(option.help)
    return field
