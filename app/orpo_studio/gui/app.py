"""Starting the window."""

import argparse
import gc
import json
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication

from orpo_studio import paths
from orpo_studio.gui.garbage import GarbageCollector
from orpo_studio.gui.theme import install_theme
from orpo_studio.gui.window import MainWindow

LAST_WORDS_S = 5.0
"""Cancelled work in the background is given this long to end before the process does."""

_SETTLED_MS = 3000


class _Faults(QObject):
    """Brings exceptions nobody caught to the window, from whichever thread."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._window: MainWindow | None = None

    def tell_to(self, window: MainWindow) -> None:
        self._window = window

    def install(self) -> None:
        sys.excepthook = self._on_exception
        threading.excepthook = lambda args: self._on_exception(args.exc_type, args.exc_value, args.exc_traceback)

    def _on_exception(
        self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            sys.__excepthook__(kind, error, trace)
            self._tell(error)
        elif error is not None:
            sys.__excepthook__(kind, error, trace)

    def _tell(self, error: Exception) -> None:
        if self._window is not None:
            from orpo_studio.gui.background import on_main_thread
            from orpo_studio.gui.notice import notice_of

            on_main_thread(self._window, self._window.bench.tell, notice_of(error))


def make_window(workspace: Path | None, preferences_file: Path | None) -> MainWindow:
    """Make the window and fill it at once, without showing it.

    Args:
        workspace: where runs are kept; None for the remembered place, or the default one.
        preferences_file: what is remembered between starts; None remembers nothing.
    """
    window = outline_window(preferences_file)
    fill_window(window, workspace, preferences_file)
    return window


def outline_window(preferences_file: Path | None) -> MainWindow:
    """Make the window as far as it can be shown without a large import: theme, place and outline."""
    remembered = _peek(preferences_file)
    install_theme(application(), str(remembered.get("theme", "system")))
    return MainWindow(str(remembered.get("geometry", "")))


def fill_window(window: MainWindow, workspace: Path | None, preferences_file: Path | None) -> None:
    """Make the workbench and put everything into the window."""
    from orpo_studio.gui.notice import Notice
    from orpo_studio.gui.preferences import Preferences, load_preferences
    from orpo_studio.gui.workbench import Workbench

    preferences, warning = load_preferences(preferences_file) if preferences_file else (Preferences(), "")
    remembered = Path(preferences.workspace) if preferences.workspace else paths.default_workspace()
    bench = Workbench(workspace or remembered, preferences, preferences_file)
    window.fill(bench)
    if warning:
        bench.tell(Notice("warning", "Some settings of the window were lost.", warning))
    QTimer.singleShot(0, bench, bench.open)
    # What the libraries made while they were loaded stays for good. Left to the garbage collector, a full collection
    # goes through all of it: 65-72 ms in which the window stands still, against 1 ms without.
    QTimer.singleShot(_SETTLED_MS, window, gc.freeze)


def main(argv: list[str] | None = None, workspace: Path | None = None) -> int:
    """Open the window and run until it is closed. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="orpo-studio", add_help=False)
    parser.add_argument("--workspace", type=Path, default=workspace)
    arguments, _rest = parser.parse_known_args(argv)
    app = application()
    faults = _Faults(app)
    faults.install()
    window = outline_window(paths.preferences_file())

    def fill() -> None:
        fill_window(window, arguments.workspace, paths.preferences_file())
        faults.tell_to(window)

    window.outlined.connect(fill)
    window.show()
    code = app.exec()
    _wait_for_background()
    return code


def _wait_for_background() -> None:
    from orpo_studio.gui.background import wait_for_background

    wait_for_background(LAST_WORDS_S)


def _peek(preferences_file: Path | None) -> dict[str, Any]:
    """Return the preferences unchecked, or nothing: the theme and the place are wanted before pydantic is there."""
    if preferences_file is None:
        return {}
    try:
        found = json.loads(preferences_file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def application() -> QApplication:
    """Return the application, making it where there is none yet."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    app = QApplication([sys.argv[0]])
    GarbageCollector(app)
    app.setApplicationName("orpo-studio")
    app.setApplicationDisplayName("ORPO Studio")
    app.setDesktopFileName("orpo-studio")
    return app
