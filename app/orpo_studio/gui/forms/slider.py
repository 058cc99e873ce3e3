"""A slider whose steps multiply instead of adding, for values that matter by their order of magnitude."""

import math
from typing import Self

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QSlider

STEPS_PER_DECADE = 40


class LogarithmicSlider(QSlider):
    """A horizontal slider from ``low`` to ``high``, both above zero; its values have two significant digits."""

    chosen = Signal(float)
    """The person moved it to this value."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._low = low
        decades = math.log10(high / low)
        self.setRange(0, round(decades * STEPS_PER_DECADE))
        self.setSingleStep(1)
        self.setPageStep(STEPS_PER_DECADE // 4)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.valueChanged.connect(lambda position: self.chosen.emit(self.value_at(position)))

    @classmethod
    def around(cls, usual: float) -> Self:
        """Return a slider with a usual value in its middle, reaching to about a thirtieth and thirty times of it."""
        return cls(usual / 10**1.5, usual * 10**1.5)

    def value_at(self, position: int) -> float:
        """Return the value of a position."""
        return float(f"{self._low * 10 ** (position / STEPS_PER_DECADE):.1e}")

    def show_value(self, value: float) -> None:
        """Move to the place nearest to a value, without a word; a value beyond the ends stands at the end."""
        if value == self.value_at(self.value()) or not math.isfinite(value):
            return
        position = round(math.log10(value / self._low) * STEPS_PER_DECADE) if value > 0 else 0
        with QSignalBlocker(self):
            self.setValue(position)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Turning the wheel over a form scrolls the form, unless the slider has the focus."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()
