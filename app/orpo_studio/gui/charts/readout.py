"""The crosshair's panel: the place under it and the value of every curve there."""

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from orpo_studio.gui.charts.curve import Curve
from orpo_studio.gui.charts.marks import Marks
from orpo_studio.gui.charts.plot import Plot
from orpo_studio.gui.charts.series import Sample
from orpo_studio.gui.charts.style import ChartColors, format_duration, format_value
from orpo_studio.gui.charts.timeline import XAxis

_REACH = 8.0
_MARGIN = 12
_MOST_NOTES = 4


def coordinate(sample: Sample, axis: XAxis) -> float:
    """Where a sample stands on an x axis."""
    return {"step": sample.step, "epoch": sample.epoch, "seconds": sample.seconds}[axis]


def read(plot: Plot, axis: XAxis, x: float) -> tuple[float, list[tuple[Curve, Sample]]]:
    """Snap x to the nearest logged place, and read every curve that has a value within eight pixels of it."""
    found: list[tuple[Curve, Sample]] = []
    for curve in plot.curves:
        position = curve.series.nearest(axis, x) if curve.shown else None
        if position is not None:
            found.append((curve, curve.series.sample(position)))
    if not found:
        return x, []
    snapped = min((coordinate(sample, axis) for _, sample in found), key=lambda at: abs(at - x))
    reach = _REACH / max(plot.pixels_of(1.0), 1e-300)
    return snapped, [pair for pair in found if abs(coordinate(pair[1], axis) - snapped) <= reach]


def marks_near(plot: Plot, axis: XAxis, x: float, marks: Marks) -> list[str]:
    """Say what happened within eight pixels of x; where that is much, what is most worth knowing."""
    texts = [mark.text for mark in marks.near(axis, x, _REACH / max(plot.pixels_of(1.0), 1e-300))]
    if len(texts) <= _MOST_NOTES:
        return texts
    return [*texts[: _MOST_NOTES - 1], f"and {len(texts) - _MOST_NOTES + 1} more; zoom in to read them"]


def in_words(readings: list[tuple[Curve, Sample]], notes: list[str]) -> str:
    """Return the same as a sentence, for screen readers."""
    if not readings:
        return ""
    sample = readings[0][1]
    values = [f"{_label(curve)} {format_value(s.value, curve.style.unit)}" for curve, s in readings]
    return ", ".join([f"Step {sample.step:g}", *values, *notes])


class Readout(QLabel):
    """A small panel beside the crosshair; it lets the pointer through."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._area = parent
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.hide()
        self._colors: ChartColors | None = None

    def set_theme(self, colors: ChartColors) -> None:
        """Take over colors."""
        self._colors = colors
        self.setStyleSheet(
            f"QLabel {{ background: {colors.panel}; color: {colors.text}; border: 1px solid {colors.border};"
            " border-radius: 6px; padding: 6px 8px; }"
        )

    def show_readings(self, pixel: float, readings: list[tuple[Curve, Sample]], happened: list[str]) -> None:
        """Show values beside the crosshair at this pixel of the parent."""
        muted = self._colors.muted if self._colors else "gray"
        sample = readings[0][1]
        place = f"step {sample.step:g} · epoch {sample.epoch:.2f} · {format_duration(sample.seconds)}"
        rows = [
            f"<tr><td style='color:{c.color}'>{'◆' if c.style.kind == 'evaluation' else '●'}&nbsp;</td>"
            f"<td>{escape(_label(c))}&nbsp;&nbsp;</td>"
            f"<td align='right'><b>{escape(format_value(s.value, c.style.unit))}</b></td></tr>"
            for c, s in readings
        ]
        head, *notes = (f"<div style='color:{muted}'>{escape(s)}</div>" for s in (place, *happened))
        table = f"<table cellspacing='0' cellpadding='1'>{''.join(rows)}</table>"
        self.setText(f"{head}{table}{''.join(notes)}")
        self.adjustSize()
        room = self._area.width()
        left = pixel + _MARGIN
        if left + self.width() > room - 4:
            left = max(4.0, pixel - _MARGIN - self.width())
        self.move(round(left), _MARGIN)
        self.show()
        self.raise_()


def _label(curve: Curve) -> str:
    return f"{curve.style.label} (held-out)" if curve.style.kind == "evaluation" else curve.style.label
