"""The doctor's report on the chosen pairs: made in the background, remembered, and told when it no longer fits.

One question is asked at a time: these pairs, counted by this tokenizer, held against this maximum length.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from orpo_studio.config import Issue, find_option
from orpo_studio.gui.background import Cancelled, Task, on_main_thread, run_in_background
from orpo_studio.gui.doctor.making import Question, make_report
from orpo_studio.gui.doctor.verdict import verdict_of

if TYPE_CHECKING:
    from orpo_studio.data.doctor.report import Report
    from orpo_studio.data.prepared import PreparedData
    from orpo_studio.gui.doctor.making import BaseModel
    from orpo_studio.gui.workbench import Workbench

MOST_BY_ITSELF = 200_000
"""Data of up to so many pairs is examined unasked."""
QUICK_S = 10.0
"""A report that took no longer is made anew unasked when the model or the maximum length changes."""
SETTLE_MS = 600
"""Another maximum length or model is taken up once they have not changed for this long."""
KEPT = 4
"""Reports remembered, so that a remedy taken back shows its report at once."""
REMEDIES = "data.remedies"
TOLD_EVERY_S = 0.05
"""Progress is brought to the main thread this often at most."""
_SURE_AFTER_S = 1.0
_SURE_FROM = 0.03


class Examination(QObject):
    """The report of what is chosen. Nothing is examined before somebody calls `watch`."""

    changed = Signal()
    """It began or ended, or the report fits no longer."""
    progressed = Signal(float)
    """Share that is done, 0 to 1."""

    def __init__(self, bench: "Workbench") -> None:
        super().__init__(bench)
        self._bench = bench
        self._reports: OrderedDict[Question, Report] = OrderedDict()
        self._stopped: Question | None = None
        self._problem: tuple[Question, Exception] | None = None
        self._asked: Question | None = None
        self._task: Task | None = None
        self._began = 0.0
        self._share = 0.0
        self._is_watched = False
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settle.timeout.connect(self._look)

    def watch(self) -> None:
        """Begin to follow what is chosen; small data is examined by itself from now on."""
        if self._is_watched:
            return
        self._is_watched = True
        for signal in (self._bench.subject_changed, self._bench.data.changed, self._bench.model.changed):
            signal.connect(self._look)
        self._bench.draft.changed.connect(self._settle.start)
        self._bench.run_started.connect(self.cancel)  # the machine is the run's
        self._look()

    @property
    def question(self) -> Question | None:
        """What is to be answered now; None while no pairs are there."""
        prepared = self._bench.data.prepared
        if prepared is None:
            return None
        card = self._bench.model.card
        tokenizer = card.path if card is not None and card.has_tokenizer else None
        return Question(prepared.folder, tokenizer, self._max_length())

    @property
    def report(self) -> "Report | None":
        """The report on the chosen pairs: the one that fits, else the newest one of the same pairs."""
        question = self.question
        if question is None or question in self._reports:
            return self._reports.get(question) if question is not None else None
        same = [report for key, report in self._reports.items() if key.folder == question.folder]
        return same[-1] if same else None

    @property
    def is_outdated(self) -> bool:
        """Whether the report was made for another model or maximum length."""
        return self.report is not None and self.question not in self._reports

    @property
    def is_running(self) -> bool:
        """Whether pairs are being examined."""
        return self._task is not None

    @property
    def was_stopped(self) -> bool:
        """Whether the person stopped this very examination."""
        return self._stopped is not None and self._stopped == self.question

    @property
    def problem(self) -> Exception | None:
        """Why the chosen pairs could not be examined."""
        return self._problem[1] if self._problem is not None and self._problem[0] == self.question else None

    @property
    def share(self) -> float:
        """Share of the examination under way that is done."""
        return self._share

    @property
    def remaining(self) -> float | None:
        """Seconds left, at the pace so far; None while that cannot be told."""
        elapsed = time.monotonic() - self._began
        if self._task is None or self._share < _SURE_FROM or elapsed < _SURE_AFTER_S:
            return None
        return elapsed * (1 - self._share) / self._share

    def start(self) -> None:
        """Examine the chosen pairs, whatever their number and whether they were examined before."""
        question, prepared = self.question, self._bench.data.prepared
        if question is None or prepared is None or (self.is_running and self._asked == question):
            return
        self._end()
        self._asked, self._stopped, self._problem = question, None, None
        self._began, self._share = time.monotonic(), 0.0
        self._task = run_in_background(
            self, self._work(prepared, question), lambda report: self._keep(question, report), self._failed
        )
        self.changed.emit()

    def cancel(self) -> None:
        """Stop; it begins again when it is asked for."""
        if self._task is not None:
            self._stopped = self._asked
            self._end()
            self.changed.emit()

    def close(self) -> None:
        """Stop for good, without a word."""
        self._is_watched = False
        self._settle.stop()
        self._end()

    def issues(self) -> list[Issue]:
        """Return what should be known before a start: serious findings, and noise."""
        report = self.report
        if report is None or self.is_outdated:
            return []
        found = [
            Issue(REMEDIES, f"{finding.title} {finding.advice}".strip(), "warning")
            for finding in report.findings
            if finding.severity == "serious"
        ]
        verdict = verdict_of(report.cleanliness)
        if verdict.kind == "failure":
            found.insert(0, Issue(REMEDIES, f"The preferences look noisy. {verdict.meaning}", "warning"))
        return found

    # --- inside

    def _max_length(self) -> int:
        spec = self._bench.run_spec or self._bench.draft.checked.parsed
        return spec.recipe.max_length if spec is not None else int(find_option("recipe.max_length").default)

    def _base_model(self) -> "BaseModel | None":
        spec, card = self._bench.run_spec or self._bench.draft.checked.parsed, self._bench.model.card
        return (card, spec.recipe.quantization) if spec is not None and card is not None else None

    def _look(self) -> None:
        """Follow what is chosen now."""
        if not self._is_watched:
            return
        question = self.question
        if self._task is not None and self._asked != question:
            self._end()
        if self._begins_by_itself(question):
            self.start()
        else:
            self.changed.emit()

    def _begins_by_itself(self, question: Question | None) -> bool:
        prepared = self._bench.data.prepared
        if question is None or prepared is None or question in self._reports or self._task is not None:
            return False
        if self._bench.read_only or self._bench.model.is_busy or self.was_stopped or self.problem is not None:
            return False  # a run under way needs the machine; a model being read would be asked about again
        if self.report is not None:
            return self.report.seconds <= QUICK_S
        return prepared.summary.kept <= MOST_BY_ITSELF

    def _work(self, prepared: "PreparedData", question: Question) -> "Callable[[Task], Report]":
        base = self._base_model()

        def work(task: Task) -> "Report":
            from orpo_studio.data.problem import ConversionCancelled

            told = 0.0

            def progress(share: float) -> None:
                nonlocal told
                if time.monotonic() - told >= TOLD_EVERY_S:
                    told = time.monotonic()
                    on_main_thread(self, self._advance, task, share)

            try:
                return make_report(prepared, question, base, progress, task.is_cancelled)
            except ConversionCancelled:
                raise Cancelled from None

        return work

    def _advance(self, task: Task, share: float) -> None:
        if task is self._task:
            self._share = share
            self.progressed.emit(share)

    def _keep(self, question: Question, report: "Report") -> None:
        self._task = None
        self._reports[question] = report
        self._reports.move_to_end(question)
        while len(self._reports) > KEPT:
            self._reports.popitem(last=False)
        self.changed.emit()

    def _failed(self, error: Exception) -> None:
        self._task = None
        if self._asked is not None:
            self._problem = self._asked, error
        self.changed.emit()

    def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
