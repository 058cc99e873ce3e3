"""Asking the base model about the chosen pairs: started, followed and stopped. No widget."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from orpo_studio.config import RunSpec
from orpo_studio.events import JobEnded
from orpo_studio.gui.background import run_in_background
from orpo_studio.gui.notice import Notice, notice_of
from orpo_studio.gui.passing_job import PassingJob
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import Job, RunFolder, launch

if TYPE_CHECKING:
    from orpo_studio.runs.ending import Ending

_ASKING = "ask_model"
"""The stage whose progress is told; loading the model before it has none."""
_SAMPLE = 2_000
"""As ``data.margins_file.SAMPLE``, whose import would bring pyarrow; a test holds them together."""


class MarginsJob(PassingJob):
    """A question to the base model about the chosen pairs. One is under way at most."""

    progressed = Signal(float)
    """Share of the pairs that are measured, 0 to 1."""
    finished = Signal(object)
    """The file to read with ``data.margins_file.read_margins``, as a `Path`."""
    failed = Signal(object)
    """A `Notice`: what happened, why, and what to do."""
    stopped = Signal()
    """It ended on request. What was measured is kept, and the next one goes on from there."""

    def __init__(self, bench: Workbench, parent: QObject | None = None) -> None:
        super().__init__(bench, parent or bench)

    def hindrance(self) -> str:
        """Return why the base model cannot be asked now; empty when it can."""
        bench = self._bench
        if bench.data.prepared is None:
            return "The pairs are being read." if bench.data.is_busy else "Choose preference pairs first."
        if bench.model.card is None:
            return "The model is being read." if bench.model.is_busy else "Choose a base model first."
        if self._spec() is None:
            return "Some settings cannot be used yet."
        if self._is_busy_elsewhere():
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

    # --- inside

    def _spec(self) -> RunSpec | None:
        return self._bench.run_spec or self._bench.draft.checked.spec

    def _look(self) -> None:
        if self._follower is None:
            return
        stage = self._follower.fold.stage
        if self._follower.fold.job_ended is None and stage is not None and stage.name == _ASKING and stage.total:
            self.progressed.emit(stage.done / stage.total)
        super()._look()

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
