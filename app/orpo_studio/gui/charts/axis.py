"""Axes with few, round ticks: steps, epochs, times, and values on a linear or logarithmic scale."""

import math
from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtGui import QFont

from orpo_studio.gui.charts.style import ChartColors, format_duration
from orpo_studio.gui.charts.timeline import XAxis

_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
_DAY = 86400
_SMALL = 2e-3
"""Axes that end below are written with powers of ten, as learning rates are."""


def nice_spacing(span: float, ticks: float) -> float:
    """Smallest of 1, 2, 5 times a power of ten that gives at most `ticks` ticks."""
    if span <= 0 or not math.isfinite(span):
        return 1.0
    rough = span / max(ticks, 1.0)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))


def multiples(low: float, high: float, spacing: float) -> list[float]:
    """Return the multiples of spacing in [low, high]."""
    return [i * spacing for i in range(math.ceil(low / spacing - 1e-9), math.floor(high / spacing + 1e-9) + 1)]


def plain(value: float, spacing: float, largest: float = 0.0) -> str:
    """Write a tick with the digits its spacing needs; thousands as k, millions as M.

    Args:
        value: where the tick stands.
        spacing: distance of two ticks.
        largest: the largest tick of the axis, so that all are written in the same way.
    """
    size = max(abs(value), spacing)
    if value == 0:
        return "0"
    if (size < 1e-3 and not largest) or 0 < largest < _SMALL or size >= 1e9:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}".replace("-", "−")
    scale, suffix = next(((s, t) for s, t in ((1e6, "M"), (1e4, "k")) if size >= s), (1.0, ""))
    scale = 1e3 if suffix == "k" else scale
    digits = max(0, -math.floor(math.log10(spacing / scale) + 1e-9))
    return f"{value / scale:.{digits}f}{suffix}".replace("-", "−")


class _Axis(pg.AxisItem):
    """An axis whose ticks all are of one kind, at about the given distance in pixels."""

    def __init__(self, orientation: str, pixels_per_tick: float) -> None:
        super().__init__(orientation, maxTickLength=0)
        self._pixels_per_tick = pixels_per_tick
        self.enableAutoSIPrefix(False)
        self.setStyle(tickTextOffset=6, hideOverlappingLabels=False, autoReduceTextSpace=False)

    def _updateLabel(self) -> None:
        """Lay out no label: these axes have none, and every change of pen would typeset it again."""
        self.picture = None
        self.update()

    def set_theme(self, colors: ChartColors, font: QFont) -> None:
        """Take over text and grid colors."""
        self.setPen(pg.mkPen(colors.grid))
        self.setTickPen(pg.mkPen(colors.grid))
        self.setTextPen(pg.mkPen(colors.muted))
        self.setStyle(tickFont=font)


class HorizontalAxis(_Axis):
    """Steps as whole numbers, epochs, or times as h:mm:ss."""

    def __init__(self) -> None:
        super().__init__("bottom", 84)
        self._axis: XAxis = "step"

    def set_axis(self, axis: XAxis) -> None:
        """Say what the numbers are."""
        self._axis = axis
        self.picture = None
        self.update()

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:  # noqa: N803 (pyqtgraph's names)
        """Give pyqtgraph the ticks."""
        span = maxVal - minVal
        spacing = nice_spacing(span, size / self._pixels_per_tick)
        if self._axis == "step":
            spacing = max(1.0, spacing)
        elif self._axis == "seconds" and spacing >= 1:
            rough = span / max(size / self._pixels_per_tick, 1.0)
            days = _DAY * nice_spacing(span / _DAY, size / self._pixels_per_tick)
            spacing = next((float(s) for s in _TIME_STEPS if s >= rough), days)
        return [(spacing, multiples(minVal, maxVal, spacing))]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        """Write the ticks."""
        if self._axis == "seconds":
            return [format_duration(value) for value in values]
        largest = max(map(abs, values), default=0.0)
        return [plain(value, spacing, largest) for value in values]


class VerticalAxis(_Axis):
    """Values, as percent where asked; in a logarithmic lane coordinates are powers of ten."""

    def __init__(self, *, percent: bool) -> None:
        super().__init__("left", 28)
        self._percent = percent
        self._log = False

    def set_log(self, log: bool) -> None:
        """Read coordinates as powers of ten."""
        if log != self._log:
            self._log = log
            self.picture = None
            self.update()

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:  # noqa: N803
        """Give pyqtgraph the ticks."""
        ticks = max(4.0, size / self._pixels_per_tick)
        span = maxVal - minVal
        if not self._log:
            spacing = nice_spacing(span, ticks)
            return [(spacing, multiples(minVal, maxVal, spacing))]
        if span >= 2 and ticks < 3 * span:
            spacing = max(1.0, nice_spacing(span, ticks))
            return [(spacing, multiples(minVal, maxVal, spacing))]
        low, high = 10.0**minVal, 10.0**maxVal
        if span >= 0.7:
            decades = range(math.floor(minVal), math.ceil(maxVal) + 1)
            values = [factor * 10.0**decade for decade in decades for factor in (1, 2, 5)]
        else:
            values = multiples(low, high, nice_spacing(high - low, ticks))
        return [(span, [math.log10(value) for value in values if 0 < low <= value <= high])]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        """Write the ticks."""
        if self._log:
            values = [10.0**value for value in values]
            if spacing < 0.7 and len(values) > 1:
                return [plain(value, values[1] - values[0]) for value in values]
            return [plain(value, 10.0 ** math.floor(math.log10(value) + 1e-9)) for value in values]
        if self._percent:
            return [f"{plain(value * 100, spacing * 100)} %" for value in values]
        largest = max(map(abs, values), default=0.0)
        return [plain(value, spacing, largest) for value in values]
