"""Bringing the charts' libraries in without a crash and without a long pause.

pyqtgraph's import asks Qt's modules for every name they have, and PySide makes a type when its name is first asked
for. Two threads that do so at once end the process now and then, so everything that touches Qt stays on the main
thread: the names are asked for in slices beforehand, which leaves a third of the import to be done in one piece.
NumPy, which knows nothing of Qt, is imported in a thread.
"""

import time
from collections.abc import Callable, Iterator
from importlib import import_module

from PySide6.QtCore import QObject, QTimer

from orpo_studio.gui.background import run_in_background

SLICE_S = 0.006
_QT_MODULES = ("QtCore", "QtGui", "QtWidgets", "QtSvg", "QtTest", "QtOpenGL", "QtOpenGLWidgets")
"""Those that pyqtgraph (0.14, ``pyqtgraph/Qt/__init__.py``) copies the names of."""


class Warmup(QObject):
    """Imports the charts' libraries step by step, then calls ``done``, or ``failed`` with what went wrong."""

    def __init__(self, parent: QObject, done: Callable[[], None], failed: Callable[[Exception], None]) -> None:
        super().__init__(parent)
        self._done, self._failed = done, failed
        self._names: Iterator[None] | None = _qt_names()
        self._libraries = _libraries()
        self._has_numpy = False

    def start(self) -> None:
        """Begin."""
        run_in_background(self, lambda _task: import_module("numpy"), self._on_numpy, self._failed)
        self._ask_for_names()

    def _on_numpy(self, _numpy: object) -> None:
        self._has_numpy = True
        self._import_next()

    def _ask_for_names(self) -> None:
        until = time.perf_counter() + SLICE_S
        for _ in self._names or ():
            if time.perf_counter() > until:
                QTimer.singleShot(0, self, self._ask_for_names)
                return
        self._names = None
        self._import_next()

    def _import_next(self) -> None:
        if not self._has_numpy or self._names is not None:
            return
        try:
            for _ in self._libraries:
                QTimer.singleShot(0, self, self._import_next)
                return
        except ImportError as error:
            self._failed(error)
            return
        self._done()


def _qt_names() -> Iterator[None]:
    for name in _QT_MODULES:
        module = import_module(f"PySide6.{name}")
        for attribute in dir(module):
            getattr(module, attribute)
            yield


def _libraries() -> Iterator[None]:
    for name in ("pyqtgraph", "orpo_studio.gui.charts", "orpo_studio.gui.pages.train.feed"):
        import_module(name)
        yield
