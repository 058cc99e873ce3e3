"""A job that is no run, such as a probe: one process at most, followed and stopped from the window. No widget."""

import subprocess

from PySide6.QtCore import QCoreApplication, QObject, Signal

from orpo_studio.events import JobEnded, Stage
from orpo_studio.events.state import LIVE
from orpo_studio.gui.follower import RunFollower
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import RunFolder, ask


class PassingJob(QObject):
    """What such jobs have in common; each starts its own process and takes what it brings."""

    changed = Signal()
    """It began, came further or ended: look at ``is_running``, ``is_stopping`` and ``stage``."""

    def __init__(self, bench: Workbench, parent: QObject) -> None:
        super().__init__(parent)
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
        """What the one under way does at present; None before it has said so."""
        return self._follower.fold.stage if self._follower is not None else None

    def cancel(self) -> None:
        """Stop the one under way; it ends within moments, whatever it does."""
        if not self.is_running or self.is_stopping:
            return
        self.is_stopping = True
        self._ask_to_stop()
        self.changed.emit()

    def _is_busy_elsewhere(self) -> bool:
        return any(summary.state in LIVE for summary in self._bench.runs.summaries)

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
        if self._follower is not None and self._follower.fold.job_ended is not None:
            self._end(self._follower.fold.job_ended)
        else:
            self.changed.emit()

    def _end(self, end: JobEnded | None) -> None:
        """Take what it brought and let go of it; ``end`` is None where it never came to life."""
        raise NotImplementedError

    def _is_over(self) -> None:
        self.is_running = self.is_stopping = False
        self.changed.emit()
