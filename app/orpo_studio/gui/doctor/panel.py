"""The Doctor view of the Data page: what was found in the chosen pairs, and what can be done about it."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from orpo_studio.config import find_option
from orpo_studio.gui.doctor.as_markdown import as_markdown
from orpo_studio.gui.doctor.examination import REMEDIES
from orpo_studio.gui.doctor.findings import Findings
from orpo_studio.gui.doctor.header import CleanlinessCard
from orpo_studio.gui.doctor.histograms import Histograms
from orpo_studio.gui.doctor.in_force import RemediesInForce
from orpo_studio.gui.doctor.progress import ExaminationBar
from orpo_studio.gui.notice import Notice
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button, label
from orpo_studio.gui.widgets.scroll import scroll
from orpo_studio.gui.workbench import Workbench
from orpo_studio.words import count

if TYPE_CHECKING:
    from orpo_studio.data.doctor.report import Report
    from orpo_studio.gui.help import HelpWindow

MAX_LENGTH = "recipe.max_length"
HELP_TOPIC = "data-doctor"
SAVED_AS = "Markdown (*.md);;JSON (*.json)"


class DoctorPanel(QWidget):
    """Cleanliness above, findings on the left, histograms on the right."""

    rows_wanted = Signal(object)
    """A finding whose pairs are to be shown in the table."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench, self._examination = bench, bench.doctor
        self._help: HelpWindow | None = None
        self._shown: tuple[Report, bool, tuple[str, ...]] | None = None
        self.bar = ExaminationBar(bench.doctor, self)
        self.in_force = RemediesInForce(self)
        self.cleanliness = CleanlinessCard(bench)
        self.findings = Findings()
        self.histograms = Histograms()
        self.based_on = label("", "muted", wrap=True, selectable=True)
        self.copy = button("Copy report", self._copy, hint="As Markdown, to paste it where you like.")
        self.explain = button("What the findings mean", self._explain, "link", hint="Opens the help.")
        self.save = button("Save report…", self._save, hint="As Markdown to read, or as JSON for programs.")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(em(0.75))
        outer.addWidget(self.bar)
        self._area = scroll(self._make_content())
        outer.addWidget(self._area, 1)
        outer.addStretch(0)
        self.findings.rows_wanted.connect(self.rows_wanted)
        self.findings.remedy_wanted.connect(self._take_remedy)
        self.in_force.taken_back.connect(self._take_back)
        self.cleanliness.base_model.answered.connect(bench.doctor.start)
        self.histograms.mark_moved.connect(self._set_max_length)
        self.histograms.failed.connect(bench.tell)
        bench.doctor.changed.connect(self._show)
        bench.draft.changed.connect(self._show_in_force)
        bench.doctor.watch()
        self._show()

    # --- building

    def _make_content(self) -> QWidget:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, em(0.5), 0)
        column.setSpacing(em(1))
        column.addWidget(self.in_force)
        column.addWidget(self.cleanliness)
        sides = QHBoxLayout()
        sides.setSpacing(em(1))
        sides.addWidget(self.findings, 5, Qt.AlignmentFlag.AlignTop)
        sides.addWidget(self.histograms, 3, Qt.AlignmentFlag.AlignTop)
        column.addLayout(sides)
        foot = QHBoxLayout()
        foot.setSpacing(em(0.75))
        foot.addWidget(self.based_on, 1)
        foot.addWidget(self.explain)
        foot.addWidget(self.copy)
        foot.addWidget(self.save)
        column.addLayout(foot)
        column.addStretch(1)
        return content

    # --- showing

    def _show(self) -> None:
        report, editable = self._examination.report, not self._bench.read_only
        self._area.setVisible(report is not None)
        self._show_in_force()
        if report is None:
            self._shown = None
            return
        state = (report, editable, self._in_force())
        if state == self._shown:
            return
        self._shown = state
        self.cleanliness.show_report(report)
        self.findings.show_report(report, editable=editable, in_force=self._in_force())
        self.histograms.show_histograms(report.histograms, movable=editable)
        counted = "the chosen model's tokens" if report.counted == "tokens" else "an estimate of four bytes a token"
        self.based_on.setText(
            f"{count(report.pairs)} pairs, the held-out ones included. Lengths are {counted}, held against a maximum "
            f"length of {count(report.max_length)}."
        )

    def _show_in_force(self) -> None:
        names = self._in_force()
        prepared = self._bench.data.prepared
        aside = sum(n for reason, n in prepared.summary.set_aside.items() if reason == "remedy") if prepared else 0
        self.in_force.show_remedies(
            [(name, remedy_words(name)) for name in names], aside, editable=not self._bench.read_only
        )

    def _in_force(self) -> tuple[str, ...]:
        """Return the names of the remedies of the subject; none while what was typed cannot be read."""
        names = self._bench.value(find_option(REMEDIES))
        return tuple(names) if isinstance(names, (tuple, list)) else ()

    # --- doing

    def _take_remedy(self, name: str) -> None:
        names = self._in_force()
        if name not in names and not self._bench.read_only:
            self._bench.draft.set(REMEDIES, (*names, name), apart=True)

    def _take_back(self, name: str) -> None:
        left = tuple(other for other in self._in_force() if other != name)
        self._bench.draft.set(REMEDIES, left, apart=True)

    def _set_max_length(self, length: float) -> None:
        self._bench.draft.set(MAX_LENGTH, max(1, round(length)))

    def _source(self) -> str:
        prepared = self._bench.data.prepared
        return Path(prepared.summary.source).name if prepared is not None else ""

    def _copy(self) -> None:
        report = self._examination.report
        if report is not None:
            QGuiApplication.clipboard().setText(as_markdown(report, self._source()))

    def _save(self) -> None:
        if self._examination.report is None:
            return
        name = f"{Path(self._source()).stem or 'data'}-report.md"
        dialog = QFileDialog(self, "Save the doctor's report", name, SAVED_AS)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("md")
        dialog.filterSelected.connect(lambda chosen: dialog.setDefaultSuffix("json" if "json" in chosen else "md"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.save_to(Path(path)))
        dialog.open()

    def _explain(self) -> None:
        from orpo_studio.gui.help import HelpWindow

        if self._help is None:
            self._help = HelpWindow(self.window())
        self._help.show_topic(HELP_TOPIC)
        self._help.show()
        self._help.raise_()

    def save_to(self, path: Path) -> None:
        """Write the report: as JSON where the name ends so, else as Markdown."""
        report = self._examination.report
        if report is None:
            return
        is_json = path.suffix.lower() == ".json"
        try:
            path.write_text(report.to_json() if is_json else as_markdown(report, self._source()), encoding="utf-8")
        except OSError as error:
            self._bench.tell(error)
        else:
            self._bench.tell(Notice("info", "The report was saved.", str(path)))


def remedy_words(name: str) -> str:
    """Return what a remedy does; its name in words where this version does not know it."""
    from orpo_studio.data.doctor.remedy_names import REMEDIES as KNOWN

    known = KNOWN.get(name)
    if known is None:
        return f"{name.replace('-', ' ').capitalize()}: not known to this version."
    return f"{known.title()}. {known.words}"
