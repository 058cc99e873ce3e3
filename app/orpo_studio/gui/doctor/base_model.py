"""Ask the base model: the offer, how far it is, and why it failed. What it brought goes into the next report."""

import time

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from orpo_studio.gui.doctor.margins_job import MarginsJob
from orpo_studio.gui.notice import Notice
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.bar import SlimBar
from orpo_studio.gui.widgets.basic import button, label, set_kind, tooltip
from orpo_studio.gui.workbench import Workbench
from orpo_studio.words import duration

OFFER = (
    "Loads the chosen model and measures which answer of each pair it finds likelier, for a sample of up to 2,000 "
    "pairs. Nothing is trained. It is a second witness; how much it can tell depends on the model."
)
_SURE_FROM = 0.05


class BaseModelBox(QWidget):
    """A button; while the model is asked a bar, the time left and a way to stop."""

    answered = Signal()
    """There is an answer that the next report will use."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._job = MarginsJob(bench, self)
        self._share = 0.0
        self._began = 0.0
        self._problem: Notice | None = None
        self.status = label("", "muted", wrap=True, selectable=True)
        self.bar = SlimBar("Asking the base model")
        self.ask = button("Ask the base model", self._start, hint=OFFER)
        self.stop = button("Cancel", self._job.cancel, name="Cancel asking the base model")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, em(0.2), 0, 0)
        column.setSpacing(em(0.4))
        row = QHBoxLayout()
        row.setSpacing(em(0.75))
        row.addWidget(self.ask)
        row.addWidget(self.stop)
        row.addStretch(1)
        column.addWidget(self.status)
        column.addWidget(self.bar)
        column.addLayout(row)
        self._job.changed.connect(self.refresh)
        self._job.progressed.connect(self._on_progress)
        self._job.finished.connect(lambda _file: self._end(None))
        self._job.failed.connect(self._end)
        self._job.stopped.connect(self.refresh)
        for signal in (bench.data.changed, bench.model.changed, bench.runs.changed, bench.subject_changed):
            signal.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the present state."""
        job = self._job
        hindrance = job.hindrance()
        self.ask.setVisible(not job.is_running)
        self.ask.setEnabled(not hindrance)
        self.ask.setToolTip(tooltip(hindrance or OFFER))
        self.stop.setVisible(job.is_running)
        self.stop.setEnabled(not job.is_stopping)
        self.bar.setVisible(job.is_running)
        if job.is_running:
            self._show_progress()
        elif self._problem is not None:
            notice = self._problem
            self._say(" ".join(part for part in (f"✕ {notice.title}", notice.detail, notice.hint) if part), "failure")
        else:
            self._say("", "muted")

    def _start(self) -> None:
        self._problem, self._share, self._began = None, 0.0, time.monotonic()
        self._job.start()

    def _on_progress(self, share: float) -> None:
        if not self._share:
            self._began = time.monotonic()  # loading the model is over; the pace counts from here
        self._share = share
        self._show_progress()

    def _show_progress(self) -> None:
        stage = self._job.stage
        self.bar.setRange(0, 1000 if self._share else 0)
        self.bar.setValue(round(self._share * 1000))
        left = ""
        if self._share >= _SURE_FROM:
            seconds = (time.monotonic() - self._began) * (1 - self._share) / self._share
            left = f" About {duration(seconds)} left." if seconds >= 1 else ""
        doing = stage.title if stage is not None else "Start the trainer"
        self._say("Stopping…" if self._job.is_stopping else f"{doing}…{left}", "muted")

    def _end(self, problem: Notice | None) -> None:
        self._problem = problem
        self.refresh()
        if problem is None:
            self.answered.emit()

    def _say(self, text: str, kind: str) -> None:
        set_kind(self.status, kind)
        self.status.setText(text)
        self.status.setVisible(bool(text))
