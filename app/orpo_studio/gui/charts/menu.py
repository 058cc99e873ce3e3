"""The menu of a chart."""

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from orpo_studio.gui.charts.style import ViewOptions
from orpo_studio.gui.charts.timeline import XAxis

AXIS_NAMES: dict[XAxis, str] = {"step": "Step", "epoch": "Epoch", "seconds": "Time"}


class ChartMenu(QMenu):
    """X axis, scale, outliers and export. Every choice is told to `apply`."""

    def __init__(self, parent: QWidget, apply: Callable[[ViewOptions], None]) -> None:
        super().__init__(parent)
        self._options = ViewOptions()
        self._apply = apply
        self._axes: dict[XAxis, QAction] = {}
        axis_menu = self.addMenu("X axis")
        group = QActionGroup(self)
        for axis, name in AXIS_NAMES.items():
            action = axis_menu.addAction(name)
            action.setCheckable(True)
            action.setActionGroup(group)
            action.triggered.connect(lambda _=False, axis=axis: self._choose(replace(self._options, axis=axis)))
            self._axes[axis] = action
        self.log = self._switch("Logarithmic y axis", lambda on: replace(self._options, log=on))
        self.clip = self._switch("Clip outliers", lambda on: replace(self._options, clip=on))
        self.addSeparator()
        self.follow = self.addAction("Follow the run")
        self.expand = self.addAction("Fill the page")
        self.addSeparator()
        self.copy_image = self.addAction("Copy image")
        self.save_image = self.addAction("Save image…")
        self.save_values = self.addAction("Save values as CSV…")
        self.show_options(self._options)

    def show_options(self, options: ViewOptions) -> None:
        """Check what is on."""
        self._options = options
        self._axes[options.axis].setChecked(True)
        self.log.setChecked(options.log)
        self.clip.setChecked(options.clip)

    def _switch(self, text: str, change: Callable[[bool], ViewOptions]) -> QAction:
        action = self.addAction(text)
        action.setCheckable(True)
        action.triggered.connect(lambda on: self._choose(change(on)))
        return action

    def _choose(self, options: ViewOptions) -> None:
        self._options = options
        self._apply(options)
