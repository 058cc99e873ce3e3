"""Two steps tried from the Recipe page: started, followed, stopped, and remembered for as long as the window lives."""

import subprocess
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from orpo_studio.config import RunSpec
from orpo_studio.config.sections import RecipeSection
from orpo_studio.events import JobEnded, ProbeFinished
from orpo_studio.gui.background import run_in_background
from orpo_studio.gui.disk import WORKSPACE
from orpo_studio.gui.notice import Notice, notice_of
from orpo_studio.gui.passing_job import PassingJob
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import Job, RunFolder, launch

if TYPE_CHECKING:
    from orpo_studio.runs.ending import Ending

Key = tuple[object, ...]
"""What a measurement depends on: model, pairs, and the settings that matter to a step."""


class Probe(PassingJob):
    """The probe of what is chosen on the pages. One is under way at most."""

    def __init__(self, bench: Workbench, parent: QObject) -> None:
        super().__init__(bench, parent)
        self._found: dict[Key, ProbeFinished] = {}
        self._key: Key | None = None
        self._problem: tuple[Key, Notice] | None = None

    def found(self, recipe: RecipeSection) -> ProbeFinished | None:
        """Return what was measured with these settings, the chosen model and the chosen pairs."""
        key = self._key_of(recipe)
        return self._found.get(key) if key is not None else None

    def problem(self, recipe: RecipeSection) -> Notice | None:
        """Return why the last probe failed, if it was one of these settings, this model and these pairs."""
        return self._problem[1] if self._problem is not None and self._problem[0] == self._key_of(recipe) else None

    def hindrance(self) -> str:
        """Return why none can be started now; empty when one can."""
        bench = self._bench
        if bench.read_only:
            return "This is a run with settings of its own. New settings can be tried."
        if bench.model.card is None:
            return "The model is being read." if bench.model.is_busy else "Choose a base model first."
        if bench.data.prepared is None:
            return "The pairs are being read." if bench.data.is_busy else "Choose preference pairs first."
        # The two steps lie in the cache folder, so a workspace without room is no hindrance.
        if any(issue.severity == "error" and issue.name != WORKSPACE for issue in bench.issues()):
            return "Some settings cannot be used yet."
        if self._is_busy_elsewhere():
            return "A run is under way and needs the machine. Two steps can be tried once it has ended."
        return ""

    def start(self, spec: RunSpec) -> None:
        """Start it. Folder and process are made by a thread."""
        key = self._key_of(spec.recipe)
        if self.is_running or key is None or self.hindrance():
            return
        self._key, self._problem = key, None
        self.is_running, self.is_stopping = True, False

        def work(_task: object) -> tuple[RunFolder, "subprocess.Popen[bytes]"]:
            from orpo_studio.runs.probe import make_probe, remove_probe

            folder = make_probe(spec)
            try:
                return folder, launch(folder, Job.PROBE)
            except Exception:
                remove_probe(folder, None)
                raise

        run_in_background(self, work, lambda started: self._follow(*started), self._on_failed)
        self.changed.emit()

    # --- inside

    def _key_of(self, recipe: RecipeSection) -> Key | None:
        card, prepared = self._bench.model.card, self._bench.data.prepared
        if card is None or prepared is None:
            return None
        from orpo_studio.fit.measured import what_a_step_depends_on

        return card.path, card.size_bytes, prepared.folder, what_a_step_depends_on(recipe)

    def _end(self, end: JobEnded | None) -> None:
        """Take what it brought, explain what went wrong, and have its folder removed."""
        follower, process, key = self._follower, self._process, self._key
        if follower is None or key is None:
            return
        folder, found, error = follower.folder, follower.fold.probe, follower.fold.error
        follower.stop()
        follower.deleteLater()
        self._follower = self._process = None
        if found is not None and end is not None and end.outcome == "completed":
            self._found[key] = found

        def explain(_task: object) -> "Ending | None":
            from orpo_studio.runs.probe import explain_probe

            return explain_probe(folder, end, error)

        def explained(ending: "Ending | None") -> None:
            if ending is not None:
                self._problem = key, Notice("error", ending.title, ending.detail, ending.hint, ending.more)
            self._remove(folder, process)
            self._is_over()

        run_in_background(self, explain, explained, self._on_failed)

    def _remove(self, folder: RunFolder, process: "subprocess.Popen[bytes] | None") -> None:
        def work(_task: object) -> None:
            from orpo_studio.runs.probe import remove_probe

            remove_probe(folder, process)

        run_in_background(self, work, lambda _done: None, self._bench.tell)

    def _on_failed(self, error: Exception) -> None:
        if self._key is not None:
            self._problem = self._key, notice_of(error)
        self._is_over()
