"""The Data page: the source and its split above, the pairs in a table, the selected pair as the model will see it."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget

from orpo_studio.config import DEMO, find_option
from orpo_studio.gui.background import Task, run_in_background
from orpo_studio.gui.doctor.examination import REMEDIES
from orpo_studio.gui.doctor.link import DoctorLink
from orpo_studio.gui.doctor.panel import DoctorPanel
from orpo_studio.gui.notice import notice_of
from orpo_studio.gui.pages.page import Page
from orpo_studio.gui.pairs.aside import SetAsideTable
from orpo_studio.gui.pairs.browser import PairBrowser
from orpo_studio.gui.pairs.empty import EmptyData
from orpo_studio.gui.pairs.fields import SOURCE, SourceFields
from orpo_studio.gui.pairs.progress import ReadingBar
from orpo_studio.gui.pairs.reading import Reading
from orpo_studio.gui.pairs.source import PairSource, load_libraries
from orpo_studio.gui.pairs.summary import all_evidence_of, counts_of, evidence_of
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button, label, tooltip
from orpo_studio.gui.widgets.combo import ComboBox
from orpo_studio.gui.workbench import Workbench
from orpo_studio.in_words import SpokenError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from orpo_studio.config import RunSpec
    from orpo_studio.data.doctor.report import Finding
    from orpo_studio.data.pages import Pages, PairPages, Split
    from orpo_studio.data.peek import Peek
    from orpo_studio.data.prepared import PreparedData
    from orpo_studio.models.card import ModelCard

_MENDED_BY_HAND = frozenset({"missing-columns", "mapping", "too-few-rows"})
"""Problems of data that saying which column is which can mend."""
_MENDED_BY_SPLIT = frozenset({"which-split", "unknown-split"})


class DataPage(Page):
    """The preference pairs."""

    step = "data"
    title = "Preference pairs"
    purpose = "Prompts with an answer to prefer and an answer to avoid."

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench)
        self._was_shown = False
        self._source_shown = ""
        self._pages: Pages | None = None
        self._prepared: PreparedData | None = None
        self._wanted_rows: tuple[str, ...] = ()
        self._pair_source = PairSource(self)
        self._pair_source.peeked.connect(self._on_peeked)
        self._pair_source.opened.connect(self._on_opened)
        self._pair_source.failed.connect(bench.tell)
        self._reading: Reading | None = None
        self._reading_of: ModelCard | None = None
        self._reading_task: Task | None = None
        self.fields = SourceFields(bench)
        self.held_out, self.held_out_problem = self.fields.held_out, self.fields.held_out_problem
        self.body.addWidget(self.fields)
        self._build_summary()
        self._build_pairs()
        bench.draft.changed.connect(self._read_pairs)
        bench.subject_changed.connect(self._on_subject)
        bench.data.changed.connect(self._on_data)
        bench.model.changed.connect(self._on_model)
        bench.rows_wanted.connect(self.show_rows)
        self._on_subject()

    def showEvent(self, event: QShowEvent) -> None:
        """Have what pairs are read with at hand by the time a file is chosen."""
        super().showEvent(event)
        self.reading_bar.watch_files(wanted=True)
        if not self._was_shown:
            self._was_shown = True
            run_in_background(self, lambda _task: load_libraries(), lambda _done: None, self.bench.tell)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.reading_bar.watch_files(wanted=False)

    def show_option(self, name: str) -> None:
        if name == REMEDIES:
            self.show_doctor()
            return
        self.fields.focus(name)

    def show_part(self, part: str) -> None:
        """Show the training pairs (train), the held-out ones, the rows set aside, or the doctor's report."""
        self.shown.setCurrentIndex(self.shown.findData(part))
        self._show_split()  # where the part is the same, a finding's pairs give way to all of them

    def show_doctor(self) -> None:
        """Show the doctor's report in place of the pairs."""
        self.show_part("doctor")

    def find_text(self) -> None:
        """Let a text to find be typed."""
        self._show_pairs()
        self.browser.tools.text.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def enter_row(self) -> None:
        """Let a row to go to be typed."""
        self._show_pairs()
        self.browser.tools.row.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _show_pairs(self) -> None:
        if self.shown.currentData() not in {"train", "held_out"}:
            self.show_part("train")

    @property
    def is_settled(self) -> bool:
        """Whether all that is chosen is shown."""
        return not self.bench.data.is_busy and self._pair_source.is_settled and self.browser.is_settled

    # --- building

    def _build_summary(self) -> None:
        self.title_row.addWidget(DoctorLink(self.bench.doctor, self.show_doctor, self))
        self.counts = label("", "heading", selectable=True)
        self.evidence = label("", "muted", wrap=True)
        self.shown = ComboBox()
        self.shown.setFixedWidth(em(12))
        self.shown.setAccessibleName("Which pairs are shown")
        for text, split in (("Training pairs", "train"), ("Held-out pairs", "held_out"), ("Set aside", "set_aside")):
            self.shown.addItem(text, split)
        self.shown.addItem("Doctor's report", "doctor")
        self.shown.currentIndexChanged.connect(self._show_split)
        row = QHBoxLayout()
        row.setSpacing(em(1))
        row.addWidget(self.counts)
        row.addWidget(self.evidence, 1)
        self.columns = button("Columns…", self.edit_columns, "link", hint="Say which column is which")
        row.addWidget(self.columns)
        row.addWidget(self.shown)
        self.body.addLayout(row)
        self.reading_bar = ReadingBar(self.bench.data, self)
        self.body.addWidget(self.reading_bar)

    def _build_pairs(self) -> None:
        self.browser = PairBrowser()
        self.browser.failed.connect(self.bench.tell)
        self.model, self.table, self.pair_view = self.browser.model, self.browser.table, self.browser.view
        self.aside = SetAsideTable()
        self.empty = EmptyData(self.bench)
        self.empty.columns_wanted.connect(self.edit_columns)
        self.empty.reading_wanted.connect(self.bench.data.read_again)
        self.empty.split_wanted.connect(lambda: self.fields.open_more("data.split"))
        self.stack = QStackedWidget()
        self.doctor = DoctorPanel(self.bench)
        self.doctor.rows_wanted.connect(self._show_finding)
        for widget in (self.empty, self.browser, self.aside, self.doctor):
            self.stack.addWidget(widget)
        self.body.addWidget(self.stack, 1)

    # --- showing

    def _on_subject(self) -> None:
        self._on_model()
        self._on_data()

    def _on_data(self) -> None:
        data = self.bench.data
        self.counts.setVisible(data.prepared is not None)
        self.columns.setVisible(data.prepared is not None and self._can_map())
        self.shown.setVisible(data.prepared is not None)
        if data.prepared is not None and data.prepared is self._prepared:
            return
        self._prepared = data.prepared
        self._pair_source.cancel()
        if data.prepared is not None:
            self._show_summary(data.prepared)
            self._pair_source.open(data.prepared)
            return
        self.evidence.setText("Reading…" if data.is_busy else "")
        problem = notice_of(data.problem) if data.problem is not None else None
        code = data.problem.code if isinstance(data.problem, SpokenError) else ""
        self.empty.show_problem(
            problem,
            busy=data.is_busy,
            by_hand=code in _MENDED_BY_HAND,
            by_split=code in _MENDED_BY_SPLIT,
            stopped=data.was_stopped,
        )
        self._take_pages(None)
        self.stack.setCurrentWidget(self.empty)
        spec = self._spec()
        if spec is not None and spec.data.source != self._source_shown:
            self._source_shown = spec.data.source
            self.browser.tools.reset()
        if data.is_busy and spec is not None:
            self._pair_source.peek(spec.data, spec.recipe.max_length)

    def _show_summary(self, prepared: "PreparedData") -> None:
        summary = prepared.summary
        self.counts.setText(counts_of(summary))
        self.evidence.setText(evidence_of(summary))
        self.evidence.setToolTip(tooltip(all_evidence_of(summary)))
        self.aside.show_rows(prepared)
        apart = int(summary.held_out_source is not None)
        self.browser.name_files(train=len(summary.sources) - apart, held_out=apart)

    def _on_peeked(self, seen: "Peek") -> None:
        """Show the beginning of the data while the whole of it is being converted."""
        from orpo_studio.data.pages import ListPages

        self.evidence.setText(seen.recognition.evidence)
        self.evidence.setToolTip(tooltip(seen.recognition.layout))
        if not seen.pairs:
            return
        self.counts.setText(f"The first {seen.rows:,} rows; the rest is being read")
        self.counts.setVisible(True)
        self.columns.setVisible(self._can_map())
        self._take_pages(ListPages(seen.pairs))
        self.stack.setCurrentWidget(self.browser)

    def _on_opened(self, pages: "PairPages") -> None:
        self._take_pages(pages)
        self._show_split()
        self._show_wanted_rows()

    def _take_pages(self, pages: "Pages | None") -> None:
        before, self._pages = self._pages, pages
        self.browser.show_pages(pages, self._split() if self._prepared is not None else None)
        if before is not None:
            before.close()

    def _split(self) -> "Split":
        return "held_out" if self.shown.currentData() == "held_out" else "train"

    def _show_split(self) -> None:
        if self._pages is None:
            return
        split = self.shown.currentData()
        if split == "set_aside":
            self.stack.setCurrentWidget(self.aside)
            return
        if split == "doctor":
            self.stack.setCurrentWidget(self.doctor)
            return
        self.stack.setCurrentWidget(self.browser)
        self.browser.show_split(self._split())

    def _show_finding(self, finding: "Finding") -> None:
        """Show the pairs of a finding of the doctor's."""
        if self._pages is None or not finding.rows:
            return
        import numpy as np

        with QSignalBlocker(self.shown):
            self.shown.setCurrentIndex(self.shown.findData("train"))
        self.stack.setCurrentWidget(self.browser)
        self.browser.show_only(np.array(sorted(finding.rows), np.int64), finding.title)

    def show_rows(self, rows: "Sequence[str]") -> None:
        """Show the pairs of some rows of the source, named as ``data.skip_rows`` names them, once they are there."""
        self._wanted_rows = tuple(rows)
        self._show_wanted_rows()

    def _show_wanted_rows(self) -> None:
        pages, rows = self._pages, self._wanted_rows
        if self._prepared is None or pages is None or not rows:
            return
        self._wanted_rows = ()

        def find(_task: Task) -> "np.ndarray":
            from orpo_studio.data.ordering import positions_of

            return positions_of(pages, rows)

        def arrive(positions: "np.ndarray") -> None:
            if pages is self._pages and len(positions):
                with QSignalBlocker(self.shown):
                    self.shown.setCurrentIndex(self.shown.findData("train"))
                self.stack.setCurrentWidget(self.browser)
                named = f"{'Row' if len(rows) == 1 else 'Rows'} {', '.join(rows)}"
                self.browser.show_only(positions, named if len(rows) < 6 else f"{len(rows)} rows")

        run_in_background(self, find, arrive, self.bench.tell)

    def edit_columns(self) -> None:
        """Open the editor of columns; what it says is set in the draft when it is applied."""
        from orpo_studio.data.plan import plan_of
        from orpo_studio.gui.pairs.columns import ColumnsEditor

        spec = self.bench.draft.checked.parsed
        if spec is None or not self._can_map():
            return
        try:
            plan = plan_of(spec.data, spec.recipe.max_length)
        except SpokenError as problem:
            self.bench.tell(problem)
            return
        editor = ColumnsEditor(self, plan.portions[0], plan.mapping)
        editor.applied.connect(self._set_options)
        editor.open()

    def _set_options(self, values: dict[str, object]) -> None:
        for name, value in values.items():
            self.bench.draft.set(name, value)

    def _can_map(self) -> bool:
        return not self.bench.read_only and self.bench.value(find_option(SOURCE)) not in {"", DEMO}

    def _spec(self) -> "RunSpec | None":
        return self.bench.run_spec or self.bench.draft.checked.parsed

    def _read_pairs(self) -> None:
        """Have the pairs read as the chosen model will, cut at the maximum length."""
        spec = self._spec()
        limit = spec.recipe.max_length if spec is not None else find_option("recipe.max_length").default
        self.pair_view.read_as(self._reading, limit)

    def _on_model(self) -> None:
        card = self.bench.model.card
        if card is self._reading_of:
            return
        if self._reading_task is not None:
            self._reading_task.cancel()
        self._reading_of, self._reading = card, None
        self._read_pairs()
        if card is not None:
            self._reading_task = run_in_background(
                self, lambda _task: Reading.of(card), self._on_reading, self.bench.tell
            )

    def _on_reading(self, reading: Reading) -> None:
        self._reading = reading
        self._read_pairs()
