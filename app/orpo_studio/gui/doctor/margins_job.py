"""Asking the base model about the chosen pairs: started, followed and stopped. No widget."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, Signal

from orpo_studio.config import RunSpec
from orpo_studio.events import JobEnded, Stage
from orpo_studio.gui.background import run_in_background
from orpo_studio.gui.follower import RunFollower
from orpo_studio.gui.notice import Notice, notice_of
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import Job, RunFolder, ask, launch

if TYPE_CHECKING:
    from orpo_studio.runs.ending import Ending

_LIVE = frozenset({"launching", "running", "stopping"})
_ASKING = "ask_model"
"""The stage whose progress is told; loading the model before it has none."""
_SAMPLE = 2_000
"""As ``data.margins_file.SAMPLE``, whose import would bring pyarrow; a test holds them together."""


class MarginsJob(QObject):
    """A question to the base model about the chosen pairs. One is under way at most."""

    changed = Signal()
    """It began, came further or ended: look at ``is_running``, ``is_stopping`` and ``stage``."""
    progressed = Signal(float)
    """Share of the pairs that are measured, 0 to 1."""
    finished = Signal(object)
    """The file to read with ``data.margins_file.read_margins``, as a `Path`."""
    failed = Signal(object)
    """A `Notice`: what happened, why, and what to do."""
    stopped = Signal()
    """It ended on request. What was measured is kept, and the next one goes on from there."""

    def __init__(self, bench: Workbench, parent: QObject | None = None) -> None:
        super().__init__(parent or bench)
        self._bench = bench
        self._follower: RunFollower | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.is_running = False
        self.is_stopping = False
        bench.run_started.connect(self.cancel)  # what is left of the machine's memory is the run's
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.cancel)

    @property
    def stage(self) -> Stage | None:
        """What it does at present; None before it has said so."""
        return self._follower.fold.stage if self._follower is not None else None

    def hindrance(self) -> str:
        """Return why the base model cannot be asked now; empty when it can."""
        bench = self._bench
        if bench.data.prepared is None:
            return "The pairs are being read." if bench.data.is_busy else "Choose preference pairs first."
        if bench.model.card is None:
            return "The model is being read." if bench.model.is_busy else "Choose a base model first."
        if self._spec() is None:
            return "Some settings cannot be used yet."
        if any(summary.state in _LIVE for summary in bench.runs.summaries):
            return "A run is under way and needs the machine. The base model can be asked once it has ended."
        return ""

    def start(self, sample: int = _SAMPLE) -> None:
        """Ask about a random sample of the chosen pairs, or all with 0. Folder and process are made by a thread."""
        spec, prepared = self._spec(), self._bench.data.prepared
        if self.is_running or spec is None or prepared is None or self.hindrance():
            return
        self.is_running, self.is_stopping = True, False
        pairs = str(prepared.folder)

        def work(_task: object) -> tuple[RunFolder, "subprocess.Popen[bytes]"]:
            from orpo_studio.runs.margins import make_margins_folder, remove_margins_folder

            folder = make_margins_folder(spec)
            try:
                return folder, launch(folder, Job.MARGINS, pairs=pairs, sample=sample)
            except Exception:
                remove_margins_folder(folder, None)
                raise

        run_in_background(self, work, lambda started: self._follow(*started), self._on_failed)
        self.changed.emit()

    def cancel(self) -> None:
        """Stop the one under way; what it has measured is kept."""
        if not self.is_running or self.is_stopping:
            return
        self.is_stopping = True
        self._ask_to_stop()
        self.changed.emit()

    # --- inside

    def _spec(self) -> RunSpec | None:
        return self._bench.run_spec or self._bench.draft.checked.spec

    def _follow(self, folder: RunFolder, process: "subprocess.Popen[bytes]") -> None:
        self._process, self._follower = process, RunFollower(folder, self)
        self._follower.watch_process(process)
        self._follower.launch_failed.connect(lambda: self._end(None))
        self._follower.state_changed.connect(self._look)
        self._follower.start()
        if self.is_stopping:  # asked for before there was anything to ask
            self._ask_to_stop()

    def _ask_to_stop(self) -> None:
        if self._follower is None:
            return
        try:
            ask(self._follower.folder, "stop")
        except OSError as error:
            self._bench.tell(error)

    def _look(self) -> None:
        if self._follower is None:
            return
        fold = self._follower.fold
        if fold.job_ended is not None:
            self._end(fold.job_ended)
            return
        if fold.stage is not None and fold.stage.name == _ASKING and fold.stage.total:
            self.progressed.emit(fold.stage.done / fold.stage.total)
        self.changed.emit()

    def _end(self, end: JobEnded | None) -> None:
        """Tell what it brought or what went wrong, and have its folder removed."""
        follower, process = self._follower, self._process
        if follower is None:
            return
        folder, found, error = follower.folder, follower.fold.margins, follower.fold.error
        follower.stop()
        follower.deleteLater()
        self._follower = self._process = None

        def explain(_task: object) -> "Ending | None":
            from orpo_studio.runs.margins import explain_margins

            return explain_margins(folder, end, error)

        def explained(ending: "Ending | None") -> None:
            self._remove(folder, process)
            self._is_over()
            if ending is not None:
                self.failed.emit(Notice("error", ending.title, ending.detail, ending.hint, ending.more))
            elif found is not None:
                self.finished.emit(Path(found.file))
            else:
                self.stopped.emit()

        run_in_background(self, explain, explained, self._on_failed)

    def _remove(self, folder: RunFolder, process: "subprocess.Popen[bytes] | None") -> None:
        def work(_task: object) -> None:
            from orpo_studio.runs.margins import remove_margins_folder

            remove_margins_folder(folder, process)

        run_in_background(self, work, lambda _done: None, self._bench.tell)

    def _on_failed(self, error: Exception) -> None:
        self._is_over()
        self.failed.emit(notice_of(error))

    def _is_over(self) -> None:
        self.is_running = self.is_stopping = False
        self.changed.emit()
