"""The Train page."""

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QStackedLayout, QVBoxLayout, QWidget

from orpo_studio.events import (
    AnyEvent,
    CheckpointSaved,
    JobEnded,
    JobStarted,
    Problem,
    RunEnded,
    RunLaunched,
    SampleAnswer,
)
from orpo_studio.gui.disk import WORKSPACE
from orpo_studio.gui.follower import RunFollower
from orpo_studio.gui.notice import Notice, Severity
from orpo_studio.gui.notices import NoticeCard
from orpo_studio.gui.pages.page import Page
from orpo_studio.gui.pages.train.console import ConsoleCard
from orpo_studio.gui.pages.train.curves import Curves
from orpo_studio.gui.pages.train.full_disk import FullDisk
from orpo_studio.gui.pages.train.progress import ProgressStrip
from orpo_studio.gui.pages.train.samples import SamplesCard
from orpo_studio.gui.pages.train.start import StartPanel
from orpo_studio.gui.pages.train.trouble import TroubleCard
from orpo_studio.gui.pages.train.warning_cards import WarningCards
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import set_kind
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs.again import changes_for
from orpo_studio.runs.ending import Ending, comes_again, explain_end

_UNSAVED = ("checkpoint-not-saved", "waiting-for-room")
"""Codes of warnings that are shown until what they speak of is saved or the run has ended."""


class TrainPage(Page):
    """The draft before its start; then the run: how it ended, warnings, progress, curves, answers, log."""

    step = "train"
    title = "Training"
    purpose = "Losses and preferences as they move."

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench)
        self.start = StartPanel(bench)
        self.start.option_wanted.connect(self.option_wanted)
        self.progress = ProgressStrip(bench)
        self.trouble = TroubleCard(bench)
        self.scroll_area = QScrollArea(widgetResizable=True)
        self.curves = Curves(bench, self.scroll_area)
        self.samples = SamplesCard()
        self.samples.prompt_given.connect(lambda prompt: self.progress.ask_sample([prompt]))
        self.console = ConsoleCard()
        self.warnings = WarningCards(pinned=_UNSAVED)
        self._cards = QVBoxLayout()
        self._cards.setSpacing(em(0.5))
        self.full_disk = FullDisk(bench)
        self._cards.addWidget(self.full_disk)
        self._cards.addWidget(self.warnings)
        self._arrange()
        self._follower: RunFollower | None = None
        self._ending_card: NoticeCard | None = None
        bench.subject_changed.connect(self._show_subject)
        bench.disk.changed.connect(self.full_disk.refresh)
        self._show_subject()

    def show_option(self, name: str) -> None:
        if name == WORKSPACE:
            self.start.workspace.setFocus(Qt.FocusReason.OtherFocusReason)

    def ending_card(self) -> NoticeCard | None:
        """Return the card that explains why the run failed, if it did."""
        return self._ending_card

    def _arrange(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, em(0.5), 0)
        column.setSpacing(em(1))
        column.addLayout(self._cards)
        column.addWidget(self.curves)
        column.addWidget(self.samples)
        column.addWidget(self.console)
        column.addStretch(1)
        self.scroll_area.setWidget(inside)
        self.scroll_area.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll_area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.scroll_area.viewport().setAutoFillBackground(False)
        inside.setAutoFillBackground(False)
        run = QWidget()
        layout = QVBoxLayout(run)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(em(1))
        self._beside_bar = QHBoxLayout()
        over = QVBoxLayout()
        over.setSpacing(em(1))
        over.addWidget(self.trouble)
        over.addWidget(self.progress)
        self._beside_bar.addLayout(over)
        layout.addLayout(self._beside_bar)
        layout.addWidget(self.scroll_area, 1)
        before = QScrollArea(widgetResizable=True)
        before.setFrameShape(QFrame.Shape.NoFrame)
        before.setWidget(self.start)
        before.viewport().setAutoFillBackground(False)
        self.start.setAutoFillBackground(False)
        self._stack = QStackedLayout()
        self._stack.addWidget(before)
        self._stack.addWidget(run)
        self.trouble.log_wanted.connect(self._show_log)
        self.body.addLayout(self._stack, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Let the strip end where the cards under it end, beside the scroll bar."""
        super().resizeEvent(event)
        bar = self.scroll_area.verticalScrollBar().sizeHint().width()
        self._beside_bar.setContentsMargins(0, 0, em(0.5) + bar, 0)

    def _show_log(self) -> None:
        self.console.open()
        # what was unfolded a moment ago has its place only after the next layout
        QTimer.singleShot(0, self.console, lambda: self.scroll_area.ensureWidgetVisible(self.console))

    def _show_subject(self) -> None:
        follower = self.bench.follower
        self._follower = follower
        self._is_job = False
        self._ending: Ending | None = None
        self._clear_cards()
        self.curves.reset()
        self.samples.reset()
        self.console.show_log(follower.folder.console_log if follower else None)
        self.progress.show_run(follower)
        self.trouble.show_run(follower)
        self.full_disk.refresh()
        self.scroll_area.verticalScrollBar().setValue(0)
        self.purpose_label.setVisible(follower is None)
        self._stack.setCurrentIndex(0 if follower is None else 1)
        if follower is None:
            self.start.refresh()
            return
        follower.events.connect(self._take)
        follower.hold_back_while(self.curves.is_behind)
        follower.state_changed.connect(self._refresh)
        self._refresh()

    def _take(self, events: list[AnyEvent]) -> None:
        self.curves.take(events)
        self.progress.take(events)
        for event in events:
            if isinstance(event, JobStarted | JobEnded):
                self._is_job = isinstance(event, JobStarted)
            elif isinstance(event, RunLaunched):
                self._clear_cards()
            elif isinstance(event, SampleAnswer) and not self._is_job:
                self.samples.take(event)
            elif isinstance(event, Problem) and event.severity == "warning" and not self._is_job:
                self._warn(event)
            if isinstance(event, CheckpointSaved | RunEnded):
                self.warnings.settle(_UNSAVED)

    def _refresh(self) -> None:
        if self._follower is None:
            return
        self.progress.refresh()
        self.trouble.refresh()
        self.full_disk.refresh()
        self.samples.allow_asking(allowed=self._follower.is_training)
        fold = self._follower.fold
        is_over = fold.ended is not None and fold.place is None
        ending = None
        if fold.ended is not None and is_over:
            ending = explain_end(self._follower.folder, fold.ended, fold.error, fold.saved_step)
        if ending != self._ending:
            self._drop_ending()
            self._ending = ending
            if ending is not None:
                severity: Severity = "warning" if ending.code == "forced" else "error"
                notice = Notice(severity, ending.title, ending.detail, ending.hint, ending.more)
                self._ending_card = NoticeCard(notice, closable=False, actions=self._actions(ending.code, ending.rows))
                if self._ending_card.buttons and comes_again(fold.ended, fold.error):
                    set_kind(self._ending_card.buttons[0], "main")  # and not the foot's, which would fail again
                self._cards.insertWidget(0, self._ending_card)

    def _warn(self, warning: Problem) -> None:
        if warning.code in _UNSAVED:
            self.warnings.settle(_UNSAVED)
        self.warnings.take(warning, self._actions(warning.code, warning.rows))

    def _actions(self, code: str, rows: Sequence[str]) -> list[tuple[str, Callable[[], None]]]:
        """Return what a person can do at once about a problem of this run."""
        spec, follower = self.bench.run_spec, self._follower
        if spec is None or follower is None:
            return []
        folder = follower.folder
        actions: list[tuple[str, Callable[[], None]]] = [
            (change.title, partial(self.bench.start_again, folder, change)) for change in changes_for(spec, code, rows)
        ]
        if rows:
            title = "Show these rows" if len(rows) > 1 else "Show this row"
            actions.append((title, lambda: self.bench.rows_wanted.emit(list(rows))))
        return actions

    def _clear_cards(self) -> None:
        self.warnings.clear()
        self._drop_ending()

    def _drop_ending(self) -> None:
        if self._ending_card is not None:
            self._ending_card.hide()
            self._ending_card.deleteLater()
        self._ending, self._ending_card = None, None
