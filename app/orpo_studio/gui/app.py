"""Starting the window."""

import argparse
import gc
import sys
import threading
import time
from pathlib import Path
from types import TracebackType

import pydantic  # noqa: F401 - before Qt: cheap insurance against shiboken's import hook
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication

from orpo_studio import paths
from orpo_studio.gui.background import wait_for_background
from orpo_studio.gui.notice import Notice, notice_of
from orpo_studio.gui.preferences import Preferences, load_preferences
from orpo_studio.gui.theme import install_theme
from orpo_studio.gui.window import MainWindow
from orpo_studio.gui.workbench import Workbench

LAST_WORDS_S = 5.0
"""Cancelled work in the background is given this long to end before the process does."""

_SETTLED_MS = 3000


class _Faults(QObject):
    """Brings exceptions nobody caught to the window, from whichever thread."""

    raised = Signal(Exception)

    def install(self) -> None:
        sys.excepthook = self._on_exception
        threading.excepthook = lambda args: self._on_exception(args.exc_type, args.exc_value, args.exc_traceback)

    def _on_exception(
        self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            sys.__excepthook__(kind, error, trace)
            self.raised.emit(error)
        elif error is not None:
            sys.__excepthook__(kind, error, trace)


def make_window(workspace: Path | None, preferences_file: Path | None) -> MainWindow:
    """Make the window with its workbench, without showing it.

    Args:
        workspace: where runs are kept; None for the remembered place, or the default one.
        preferences_file: what is remembered between starts; None remembers nothing.
    """
    preferences, warning = load_preferences(preferences_file) if preferences_file else (Preferences(), "")
    install_theme(application(), preferences.theme)
    remembered = Path(preferences.workspace) if preferences.workspace else paths.default_workspace()
    bench = Workbench(workspace or remembered, preferences, preferences_file)
    window = MainWindow(bench)
    bench.setParent(window)
    if warning:
        bench.tell(Notice("warning", "Some settings of the window were lost.", warning))
    QTimer.singleShot(0, bench.open)
    # What the libraries made while they were loaded stays for good. Left to the garbage collector, a full collection
    # goes through all of it: 65-72 ms in which the window stands still, against 1 ms without.
    QTimer.singleShot(_SETTLED_MS, window, gc.freeze)
    return window


def main(argv: list[str] | None = None, workspace: Path | None = None) -> int:
    """Open the window and run until it is closed. Returns the exit code."""
    begun = time.perf_counter()
    parser = argparse.ArgumentParser(prog="orpo-studio", add_help=False)
    parser.add_argument("--workspace", type=Path, default=workspace)
    arguments, _rest = parser.parse_known_args(argv)
    app = application()
    app.setProperty("begun", begun)
    window = make_window(arguments.workspace, paths.preferences_file())
    faults = _Faults(app)
    faults.raised.connect(lambda error: window.bench.tell(notice_of(error)))
    faults.install()
    window.show()
    code = app.exec()
    wait_for_background(LAST_WORDS_S)
    return code


def application() -> QApplication:
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    app = QApplication([sys.argv[0]])
    app.setApplicationName("orpo-studio")
    app.setApplicationDisplayName("ORPO Studio")
    app.setDesktopFileName("orpo-studio")
    return app
