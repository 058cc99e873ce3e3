"""Every action of the window in one table: its words, its keys and what it does; menu and palette are made from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from orpo_studio import __version__
from orpo_studio.gui.notice import Notice
from orpo_studio.gui.steps import STEPS
from orpo_studio.gui.theme import theme
from orpo_studio.gui.workbench import Workbench

if TYPE_CHECKING:
    from orpo_studio.gui.help import HelpWindow


@dataclass(frozen=True, slots=True)
class ActionInfo:
    """One action; ``group`` names the menu it stands in.

    ``is_on`` is set for what can be switched on and off; ``can`` tells whether it can be done now.
    """

    text: str
    group: str
    do: Callable[[], object]
    keys: tuple[str, ...] = ()
    is_on: bool | None = None
    can: Callable[[], bool] | None = None


class Actions:
    """The actions of one window, ready for a menu, for shortcuts and for the palette."""

    def __init__(
        self, window: QWidget, bench: Workbench, show_page: Callable[[str], None], more: Sequence[ActionInfo] = ()
    ) -> None:
        self._window, self._bench = window, bench
        self._help: HelpWindow | None = None
        self._conditions: list[tuple[QAction, Callable[[], bool]]] = []
        self.all = [self._make(info) for info in (*self._table(show_page), *more)]

    def refresh(self) -> None:
        """Enable what can be done now; to be called before actions are shown."""
        for action, can in self._conditions:
            action.setEnabled(can())

    def menu(self) -> QMenu:
        """Return a menu of all of them, by group."""
        menu = QMenu(self._window)
        menu.aboutToShow.connect(self.refresh)
        groups: dict[str, QMenu] = {}
        for action in self.all:
            group = str(action.data())
            if group not in groups:
                groups[group] = menu.addMenu(group)
            groups[group].addAction(action)
        return menu

    def help(self) -> None:
        """Open help: of the focused field where there is one, of the program otherwise."""
        from orpo_studio.gui.help import HelpWindow

        if self._help is None:
            self._help = HelpWindow(self._window)
        option = _focused_option(self._window)
        if option:
            self._help.show_option(option)
        self._help.show()
        self._help.raise_()

    def choose_workspace(self) -> None:
        """Let the person choose where runs are kept from now on."""
        dialog = QFileDialog(self._window, "Choose the workspace", str(self._bench.workspace))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self._bench.move_workspace)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _table(self, show_page: Callable[[str], None]) -> list[ActionInfo]:
        bench = self._bench
        pages = [
            ActionInfo(f"Go to {step.title}", "Go", partial(show_page, step.key), (f"Ctrl+{number}",))
            for number, step in enumerate(STEPS, start=1)
        ]
        themes = [
            ActionInfo(f"Theme: {words}", "View", partial(self._choose_theme, choice))
            for choice, words in (("system", "as the system"), ("light", "light"), ("dark", "dark"))
        ]
        is_told = bench.preferences.notify
        return [
            *pages,
            ActionInfo("Go to all runs", "Go", partial(show_page, "runs"), ("Ctrl+7",)),
            ActionInfo("Start training", "Run", bench.start, ("Ctrl+Return", "Ctrl+Enter")),
            ActionInfo("Stop and save", "Run", partial(bench.request, "stop"), ("Ctrl+.",)),
            ActionInfo("End now without saving", "Run", self._end_now),
            ActionInfo("Pause", "Run", partial(bench.request, "pause"), ("Ctrl+P",)),
            ActionInfo("Sample now", "Run", partial(bench.request, "sample"), can=self._is_training),
            ActionInfo("Save a checkpoint now", "Run", partial(bench.request, "checkpoint"), can=self._is_training),
            ActionInfo("New run", "Run", bench.show_draft, ("Ctrl+N",)),
            ActionInfo("Try the demo", "Run", bench.use_demo),
            ActionInfo("Undo", "Edit", bench.draft.undo.undo, ("Ctrl+Z",)),
            ActionInfo("Redo", "Edit", bench.draft.undo.redo, ("Ctrl+Shift+Z",)),
            ActionInfo("Change the workspace…", "Workspace", self.choose_workspace),
            *themes,
            ActionInfo("Tell the end of a run on the desktop", "View", self._switch_telling, is_on=is_told),
            ActionInfo("Help", "Help", self.help, ("F1",)),
            ActionInfo("About ORPO Studio", "Help", self._about),
            ActionInfo("Quit", "Window", self._window.close, ("Ctrl+Q",)),
        ]

    def _make(self, info: ActionInfo) -> QAction:
        action = QAction(info.text, self._window)
        action.setShortcuts([QKeySequence(keys) for keys in info.keys])
        action.setData(info.group)
        if info.is_on is not None:
            action.setCheckable(True)
            action.setChecked(info.is_on)
        action.triggered.connect(lambda _checked=False: info.do())
        self._window.addAction(action)
        if info.can is not None:
            self._conditions.append((action, info.can))
        return action

    def _choose_theme(self, choice: str) -> None:
        theme().choose(choice)
        self._bench.preferences.theme = choice

    def _is_training(self) -> bool:
        return self._bench.follower is not None and self._bench.follower.is_training

    def _end_now(self) -> None:
        """End a run that is already asked to stop; a slip of the hand must not cost what a stop would save."""
        follower = self._bench.follower
        if follower is None or not follower.is_live or follower.fold.stop is None:
            self._bench.tell(
                Notice(
                    "info",
                    "Nothing is being stopped.",
                    "A run is asked to stop first, so that it can save.",
                    "Stop it with Ctrl+. and end it then, if it does not answer.",
                )
            )
            return
        self._bench.end_now()

    def _switch_telling(self) -> None:
        preferences = self._bench.preferences
        preferences.notify = not preferences.notify
        try:
            self._bench.save_preferences()
        except OSError as error:
            self._bench.tell(error)
            return
        told = "told" if preferences.notify else "no longer told"
        self._bench.tell(Notice("info", f"The end of a run is {told} on the desktop."))

    def _about(self) -> None:
        self._bench.tell(
            Notice(
                "info",
                f"ORPO Studio {__version__}",
                "Preference fine-tuning in one stage, on your own machine. Apache License 2.0.",
                f"Runs are kept in {self._bench.workspace}.",
            )
        )


def _focused_option(window: QWidget) -> str:
    """Return the option the focused field belongs to: fields carry its name in the property ``option``."""
    widget: QWidget | None = window.focusWidget()
    while widget is not None:
        if name := widget.property("option"):
            return str(name)
        widget = widget.parentWidget()
    return ""
