"""What all pages share: the draft, the chosen model and data, the runs, and the run that is looked at.

The *subject* of the pages is either the draft, which can be edited, or a run, which is read-only.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from orpo_studio import paths, words
from orpo_studio.config import DEMO, Issue, Option, RunSpec, SpecError, load_recipe, read_spec
from orpo_studio.gui.background import run_in_background
from orpo_studio.gui.choices import DataChoice, ModelChoice
from orpo_studio.gui.disk import Asked, DiskWatch
from orpo_studio.gui.doctor.examination import Examination
from orpo_studio.gui.draft import Draft, only_known
from orpo_studio.gui.follower import RunFollower
from orpo_studio.gui.notice import Notice, again_notice, notice_of
from orpo_studio.gui.preferences import Preferences, save_preferences
from orpo_studio.gui.question import Question
from orpo_studio.gui.runlist import RunList
from orpo_studio.gui.runs.queue import RunQueue, StartQuestion, memory_words
from orpo_studio.runs import Job, RunFolder, RunFolderError, RunSummary, ask, create_run, launch
from orpo_studio.runs.again import Change, name_anew
from orpo_studio.runs.ending import explain_silence
from orpo_studio.runs.folder import LookedAt, made_by_newer, unreadable_events
from orpo_studio.runs.force import end_now
from orpo_studio.runs.launch import already_running
from orpo_studio.runs.live_words import loss_of_waiting_result

UNREAD = "This version cannot read what is set here; shown is its own default."
"""Said of a setting of a run that a newer version made."""


class Workbench(QObject):
    """The window's models, without a widget."""

    subject_changed = Signal()
    """Draft or run: another thing is looked at. Pages show it anew."""
    issues_changed = Signal()
    """The issues that forbid or advise changed (settings, model or data)."""
    run_started = Signal()
    """A run was started from here; it is the subject now."""
    run_shown = Signal()
    """A run that waits for its start is the subject now."""
    start_in_question = Signal(object)
    """Something is in the way of a start: a :class:`StartQuestion`."""
    in_question = Signal(object)
    """Something is at stake in what was asked for: a :class:`Question`."""
    rows_wanted = Signal(list)
    """Rows of the data, as ``data.skip_rows`` names them, are to be looked at."""
    workspace_wanted = Signal()
    """Another workspace is to be chosen."""
    noticed = Signal(Notice)
    """Something to tell the person."""

    def __init__(
        self,
        workspace: Path,
        preferences: Preferences,
        preferences_file: Path | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.preferences = preferences
        self._preferences_file = preferences_file
        self.draft = Draft(only_known(preferences.draft), self)
        self.model = ModelChoice(self)
        self.data = DataChoice(self)
        self.runs = RunList(workspace, self)
        self.queue = RunQueue(self.runs, self)
        self.queue.failed.connect(self.tell)
        self.follower: RunFollower | None = None
        self.run_spec: RunSpec | None = None
        self.card_need: tuple[float, float] | None = None
        """What the subject needs of the card's memory, from and to, in GiB; None before the Recipe page reckons."""
        self._looked_at: LookedAt | None = None
        self._is_newer_told = False
        self.doctor = Examination(self)
        self.disk = DiskWatch(self)
        self._last_state = ""
        self.draft.changed.connect(self._on_draft_changed)
        self.model.changed.connect(self._on_model_changed)
        self.data.changed.connect(self._on_data_changed)
        self.doctor.changed.connect(self.issues_changed)
        self.disk.changed.connect(self.issues_changed)
        self.subject_changed.connect(self._ask_disk)
        self._choose()

    def open(self) -> None:
        """Begin the work that may wait until the window is on the screen."""
        self.runs.start()
        self.disk.watch()

    def close(self) -> None:
        """End all that runs by itself."""
        self.runs.stop()
        self.model.cancel()
        self.data.cancel()
        self.doctor.close()
        self.disk.close()
        if self.follower is not None:
            self.follower.stop()

    # --- what is looked at

    @property
    def workspace(self) -> Path:
        """The folder that holds the runs."""
        return self.runs.workspace

    @property
    def read_only(self) -> bool:
        """Whether the subject is a run, whose settings are what they were."""
        return self.follower is not None

    def is_shown(self, summary: RunSummary) -> bool:
        """Tell whether a run is the one that is looked at."""
        return self.follower is not None and self.follower.folder == summary.folder

    def only_to_look_at(self) -> RunFolderError | None:
        """Return why nothing may be done with the run that is looked at: a newer version has worked on it."""
        if self.follower is None:
            return None
        if self._looked_at is not None and self._looked_at.newer is not None:
            return self._looked_at.newer
        if unknown := sorted(self.follower.fold.unknown):
            detail = f"It has recorded what this version does not know: {', '.join(unknown[:3])}."
            return made_by_newer(self.follower.folder, detail)
        return None

    def can_use_settings(self) -> bool:
        """Tell whether the settings of the run that is looked at can be taken into the draft."""
        return self._looked_at is not None and self._looked_at.newer is None

    def value(self, option: Option) -> Any:
        """Return an option's value in the subject."""
        if self.run_spec is not None:
            return self.run_spec.value(option.name)
        return self.draft.value(option)

    def issues(self) -> list[Issue]:
        """Return all issues of the draft: settings, model, data, and what the doctor found.

        A run has none, but for settings of a newer version that cannot be read here.
        """
        if self.read_only:
            unread = self._looked_at.unread if self._looked_at is not None else ()
            return [Issue(name, UNREAD, "warning") for name in unread]
        rooms = (self.model, self.data, self.doctor, self.disk)
        return [*self.draft.checked.issues, *(issue for room in rooms for issue in room.issues())]

    def can_start(self) -> bool:
        """Tell whether the draft can be started: no error, model and data read."""
        errors = [issue for issue in self.issues() if issue.severity == "error"]
        return not self.read_only and not errors and self.model.card is not None and self.data.prepared is not None

    # --- choosing

    def use_demo(self) -> None:
        """Fill the draft with the embedded demo: model, data and recipe."""
        self.show_draft()
        self.draft.apply_recipe(load_recipe(paths.resources() / "recipes" / "demo.toml"))
        self.draft.set("model.path", DEMO)
        self.draft.set("data.source", DEMO)

    def take_file(self, path: str) -> str:
        """Take something dropped onto the window: a folder is a model or a run, a file is data or a recipe.

        Returns:
            The step whose page shows it.
        """
        place = Path(path)
        if (place / "run.toml").is_file():
            self.show_run(RunFolder(place))
            return "train"
        self.show_draft()
        if place.is_dir():
            self.draft.set("model.path", path)
            return "model"
        if place.suffix == ".toml":
            self._take_settings(place)
            return "recipe"
        self.draft.set("data.source", path)
        return "data"

    def move_workspace(self, folder: str) -> None:
        """Keep runs in another folder from now on; those of the old one stay where they are."""
        self.show_draft()
        self.preferences.workspace = folder
        self.runs.move(Path(folder))
        self._ask_disk()

    def show_draft(self) -> None:
        """Turn the pages to the draft."""
        self._follow(None, None)

    def show_run(self, folder: RunFolder) -> RunFollower | None:
        """Turn the pages to a run; a run that cannot be read is told and not shown."""
        if self.follower is not None and self.follower.folder == folder:
            return self.follower
        try:
            looked_at = folder.read_to_look_at()
        except RunFolderError as error:
            self.tell(error)
            return None
        follower = self._follow(folder, looked_at)
        self._tell_newer()
        return follower

    def use_settings(self, folder: RunFolder, *, anew: bool = False) -> None:
        """Take a run's settings into the draft and turn the pages to it; under another name for a run started anew."""
        try:
            spec = folder.read_spec()
        except RunFolderError as error:
            self.tell(error)
            return
        self.show_draft()
        if anew:
            taken = {summary.title for summary in self.runs.summaries} | {spec.name}
            spec = spec.model_copy(update={"name": name_anew(spec.name, taken)})
        self.draft.load(spec)

    def start_again(self, folder: RunFolder, change: Change) -> None:
        """Take a run's settings with one change into the draft, ready to be started; asks first where it still trains.

        Args:
            folder: the run, which is looked at.
            change: what is to be different.
        """
        if self.follower is None or not self.follower.is_training:
            saved = self.follower.fold.saved_step if self.follower is not None else 0
            kept = f"its checkpoint of step {words.count(saved)}" if saved else "what it has"
            self._take_changed(folder, change, f"The run it comes from keeps {kept}.")
            return

        def stop_first() -> None:
            if self.request("stop"):
                self._take_changed(folder, change, "The run it comes from is being stopped and saved.")

        self.in_question.emit(
            Question(
                "The run is still training",
                f"{change.title}: stop this run first?",
                "The run goes on with its present settings until it is stopped, and the new one would wait for it or "
                "share the machine with it. Where it is stopped, it saves what it has learned.",
                (
                    ("Stop and save it first", stop_first),
                    ("Let it go on", lambda: self._take_changed(folder, change, "The run it comes from goes on.")),
                ),
                "Cancel",
            )
        )

    # --- doing

    def start(self) -> None:
        """Start the draft as a new run, or ask first where something is in the way."""
        spec = self.draft.checked.spec
        if spec is not None and self.can_start():
            self._start_or_ask(lambda: self._start_new(spec), lambda: self._queue_new(spec))

    def resume(self) -> None:
        """Go on with the run that is looked at, from its last checkpoint, or ask where something is in the way."""
        if self.follower is not None:
            folder = self.follower.folder
            self._start_or_ask(self.start_anyway, lambda: self.queue.add(folder), but=folder)

    def start_anyway(self) -> None:
        """Go on with the run that is looked at, or start it, whatever is in the way."""
        self.run_job(Job.TRAIN)
        self.runs.refresh()

    def run_job(self, job: Job, **request: Any) -> None:
        """Start a job on the run that is looked at."""
        if self.follower is None or self._may_only_look():
            return
        try:
            before = self.follower.written()
            self.follower.watch_process(launch(self.follower.folder, job, **request), before)
        except RunFolderError as error:
            self.tell(error)

    def request(self, name: Any, **details: Any) -> bool:
        """Leave a request (stop, pause, checkpoint, sample) for the run that is looked at.

        A stop that would lose what was trained is asked about first.

        Returns:
            Whether the request was left.
        """
        if self.follower is None or self._may_only_look():
            return False
        folder = self.follower.folder
        lost = loss_of_waiting_result(self.follower.fold) if name in {"stop", "pause"} else ""
        if lost:
            end = ("End without the result", lambda: self._leave_request(folder, "stop"))
            self.in_question.emit(
                Question("The result is not saved yet", "End the run without its result?", lost, (end,), "Keep waiting")
            )
            return False
        return self._leave_request(folder, name, **details)

    def end_now(self) -> None:
        """Go on to the next stage of the stop of the run that is looked at, in the background: it may take seconds."""
        if self.follower is not None:
            folder = self.follower.folder
            run_in_background(self, lambda _task: end_now(folder), lambda _done: self.runs.refresh(), self.tell)

    def delete_run(self, folder: RunFolder) -> None:
        """Delete a run's folder, in the background: gigabytes take their time."""
        if self.follower is not None and self.follower.folder == folder:
            self.show_draft()
        run_in_background(self, lambda _task: folder.delete(), lambda _done: self.runs.refresh(), self.tell)

    def tell(self, problem: Exception | Notice) -> None:
        """Tell the person of a problem: what happened, why, what to do."""
        self.noticed.emit(problem if isinstance(problem, Notice) else notice_of(problem))

    def save_preferences(self) -> None:
        """Remember the draft and the recent things."""
        self.preferences.draft = self.draft.values
        if self._preferences_file is not None:
            save_preferences(self.preferences, self._preferences_file)

    # --- inside

    def _take_changed(self, folder: RunFolder, change: Change, earlier: str) -> None:
        self.use_settings(folder, anew=True)
        if self.read_only:  # they cannot be read any more
            return
        self.draft.undo.beginMacro(change.title)
        for option, value in change.values.items():
            self.draft.set(option, value)
        self.draft.undo.endMacro()
        self.tell(again_notice(folder.title(), change, earlier))

    def _leave_request(self, folder: RunFolder, name: Any, **details: Any) -> bool:
        try:
            ask(folder, name, **details)
        except OSError as error:
            self.tell(error)
            return False
        return True

    def _start_or_ask(self, start: Callable[[], None], wait: Callable[[], None], but: RunFolder | None = None) -> None:
        obstacle = self.queue.in_the_way(but)
        if obstacle is not None:
            memory = memory_words(self.runs.card, self.card_need)
            self.start_in_question.emit(StartQuestion(obstacle, memory, start, wait))
        else:
            start()

    def _start_new(self, spec: RunSpec) -> None:
        try:
            folder = create_run(self.workspace, spec)
            process = launch(folder)
        except RunFolderError as error:
            self.tell(error)
            return
        follower = self._follow(folder, LookedAt(spec))
        if follower is not None:
            follower.watch_process(process)
        self.runs.refresh()
        self.run_started.emit()

    def _queue_new(self, spec: RunSpec) -> None:
        try:
            folder = create_run(self.workspace, spec)
        except RunFolderError as error:
            self.tell(error)
            return
        self.queue.add(folder)
        self._follow(folder, LookedAt(spec))
        self.run_shown.emit()

    def _may_only_look(self) -> bool:
        reason = self.only_to_look_at()
        if reason is not None:
            self.tell(Notice("warning", reason.title, reason.detail, reason.hint))
        return reason is not None

    def _tell_newer(self) -> None:
        """Tell once that a newer version has worked on the run that is looked at, as soon as that is seen."""
        if not self._is_newer_told:
            self._is_newer_told = self._may_only_look()

    def _take_settings(self, file: Path) -> None:
        try:
            self.draft.load(read_spec(file, to_start=False), text=f"Use {file.name}")
        except SpecError as error:
            self.tell(Notice("error", f"{file.name} could not be used.", str(error), "Nothing was changed."))

    def _follow(self, folder: RunFolder | None, looked_at: LookedAt | None) -> RunFollower | None:
        if self.follower is not None:
            self.follower.stop()
            self.follower.deleteLater()
            self.follower = None
        elif folder is None:
            return None
        self.run_spec = looked_at.spec if looked_at is not None else None
        self._looked_at, self._is_newer_told = looked_at, False
        if folder is not None:
            self.follower = RunFollower(folder, self, only_looks=not self.can_use_settings())
            self.follower.launch_failed.connect(self._on_launch_failed)
            self.follower.launch_refused.connect(self._on_launch_refused)
            self.follower.unreadable.connect(self._on_unreadable)
            self.follower.state_changed.connect(self._on_run_state)
            self._last_state = ""
        self._choose()
        self.subject_changed.emit()
        self.issues_changed.emit()
        if self.follower is not None:
            self.follower.start()
        return self.follower

    def _choose(self) -> None:
        """Point model and data at what the subject names."""
        spec = self.run_spec or self.draft.checked.parsed
        if spec is None:  # a value is not of its kind yet; what was chosen before stays until it is
            return
        self.model.choose(spec.model.path)
        of_run = self.follower.folder.data if self.follower is not None else None
        self.data.choose(spec.data, spec.recipe.max_length, spec.model.path, of_run)

    def _on_run_state(self) -> None:
        """Have the list of runs follow at once when the run that is looked at starts, falls silent, stops or ends."""
        follower = self.follower
        state = f"{follower.state} {follower.fold.silent is not None}" if follower is not None else ""
        if state != self._last_state:
            self._last_state = state
            self.runs.refresh()
        self._tell_newer()

    def _ask_disk(self) -> None:
        """Have the disk looked at for the subject."""
        if self.follower is not None:
            self.disk.ask(Asked(self.follower.folder.path))
        elif (spec := self.draft.checked.parsed) is not None:
            self.disk.ask(Asked(self.workspace, spec, self.model.card, self.data.prepared))

    def _on_draft_changed(self) -> None:
        if not self.read_only:
            self._choose()
            self._ask_disk()
        self.issues_changed.emit()

    def _on_model_changed(self) -> None:
        if self.model.card is not None and not self.read_only:
            self.preferences.remember_model(self.model.path)
        self._ask_disk()
        self.issues_changed.emit()

    def _on_data_changed(self) -> None:
        source = self.draft.values.get("data", {}).get("source", "")
        if self.data.prepared is not None and not self.read_only and source:
            self.preferences.remember_data(source)
        self._ask_disk()
        self.issues_changed.emit()

    def _on_launch_refused(self) -> None:
        if self.follower is not None:
            self.tell(already_running(self.follower.folder))

    def _on_unreadable(self, error: OSError) -> None:
        if self.follower is not None:
            self.tell(unreadable_events(self.follower.folder, error))

    def _on_launch_failed(self) -> None:
        if self.follower is not None:
            ending = explain_silence(self.follower.folder)
            self.tell(Notice("error", ending.title, ending.detail, ending.hint, ending.more))
