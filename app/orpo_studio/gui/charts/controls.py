"""The controls that all charts of a board share."""

from dataclasses import replace

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSlider, QWidget

from orpo_studio.gui.charts.header import scaled_font
from orpo_studio.gui.charts.menu import AXIS_NAMES
from orpo_studio.gui.charts.smoothing import MAX_WEIGHT
from orpo_studio.gui.charts.style import ViewOptions
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.check import CheckBox
from orpo_studio.gui.widgets.combo import ComboBox


class Controls(QWidget):
    """Smoothing, x axis, logarithmic scale, outliers, and the way back to the newest values."""

    changed = Signal(object)
    follow_requested = Signal()
    collapse_requested = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._options = ViewOptions()
        self.smoothing = QSlider(Qt.Orientation.Horizontal, self)
        self.smoothing.setRange(0, round(MAX_WEIGHT * 100))
        self.smoothing.setAccessibleName("Smoothing")
        self.smoothing.setToolTip("Weight of the exponential average drawn over the values")
        self.smoothing.setFixedWidth(self.fontMetrics().averageCharWidth() * 20)
        self._amount = QLabel(self)
        self._amount.setFont(scaled_font(self.font(), 1.0))
        self._amount.setMinimumWidth(self.fontMetrics().horizontalAdvance("0.00 "))
        self.axis = ComboBox()
        self.axis.setFixedWidth(em(8))
        self.axis.setAccessibleName("X axis")
        for axis, axis_name in AXIS_NAMES.items():
            self.axis.addItem(axis_name, axis)
        self.log = CheckBox("Logarithmic", self)
        self.log.setToolTip("Logarithmic y axis, where the values cannot be negative")
        self.clip = CheckBox("Clip outliers", self)
        self.clip.setToolTip("Fit y to the ordinary values; triangles on the edge stand for the others")
        self.follow = QPushButton("Follow the run", self)
        self.follow.setToolTip("Show the whole run again, up to the newest step (F)")
        self.back = QPushButton("All charts", self)
        self.back.setToolTip("Back to all charts (Escape)")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.back)
        for text, widgets in (("Smoothing", (self.smoothing, self._amount)), ("X axis", (self.axis,))):
            label = QLabel(text, self)
            label.setBuddy(widgets[0])
            layout.addWidget(label)
            for widget in widgets:
                layout.addWidget(widget)
            layout.addSpacing(12)
        layout.addWidget(self.log)
        layout.addSpacing(12)
        layout.addWidget(self.clip)
        layout.addStretch(1)
        layout.addWidget(self.follow)
        self.follow.setVisible(False)
        self.back.setVisible(False)
        self.show_options(self._options)
        self.smoothing.valueChanged.connect(lambda value: self._change(replace(self._options, smoothing=value / 100)))
        self.axis.currentIndexChanged.connect(
            lambda: self._change(replace(self._options, axis=self.axis.currentData()))
        )
        self.log.toggled.connect(lambda on: self._change(replace(self._options, log=on)))
        self.clip.toggled.connect(lambda on: self._change(replace(self._options, clip=on)))
        self.follow.clicked.connect(self.follow_requested)
        self.back.clicked.connect(self.collapse_requested)

    def show_options(self, options: ViewOptions) -> None:
        """Show what is chosen, without telling anybody."""
        blockers = [QSignalBlocker(widget) for widget in (self.smoothing, self.axis, self.log, self.clip)]
        self._options = options
        self.smoothing.setValue(round(options.smoothing * 100))
        self._amount.setText(f"{options.smoothing:.2f}")
        self.axis.setCurrentIndex(self.axis.findData(options.axis))
        self.log.setChecked(options.log)
        self.clip.setChecked(options.clip)
        del blockers

    def _change(self, options: ViewOptions) -> None:
        self.show_options(options)
        self.changed.emit(options)
