"""The crosshair of a chart: where it stands, what it reads, and its way from value to value by keyboard."""

from PySide6.QtWidgets import QWidget

from orpo_studio.gui.charts.curve import Curve
from orpo_studio.gui.charts.marks import Marks
from orpo_studio.gui.charts.plot import Plot
from orpo_studio.gui.charts.readout import Readout, coordinate, in_words, marks_near, read
from orpo_studio.gui.charts.style import ChartColors
from orpo_studio.gui.charts.timeline import XAxis


class Crosshair:
    """A vertical line through all lanes, with the values there beside it where the person points."""

    def __init__(self, plot: Plot, parent: QWidget) -> None:
        self._plot = plot
        self._readout = Readout(parent)
        self.x: float | None = None
        self.reads = False
        self.words = ""
        """What the panel says, as a sentence; empty while it is hidden."""

    def set_theme(self, colors: ChartColors) -> None:
        """Take over colors."""
        self._readout.set_theme(colors)

    def place(self, x: float | None, *, reads: bool) -> None:
        """Put it somewhere, or away; drawn by `draw`."""
        self.x, self.reads = x, reads

    def draw(self, axis: XAxis, marks: Marks) -> None:
        """Draw the line and list the values."""
        snapped, readings = read(self._plot, axis, self.x) if self.x is not None else (None, [])
        for lane in self._plot.lanes.values():
            dots = [
                (coordinate(sample, axis), sample.value, curve.color)
                for curve, sample in readings
                if curve in lane.curves
            ]
            lane.set_crosshair(snapped if readings else None, dots)
        if snapped is None or not readings or not self.reads:
            self._readout.hide()
            self.words = ""
            return
        near = marks_near(self._plot, axis, snapped, marks)
        self.words = in_words(readings, near)
        self._readout.show_readings(self._plot.x_to_pixel(snapped), readings, near)

    def neighbor(self, axis: XAxis, direction: int) -> float | None:
        """Return the x of the next value to the left (-1) or right (1), at least a pixel away.

        Without a crosshair this is the newest value. The first curve that is shown leads.
        """
        leader = self._leader()
        if leader is None:
            return None
        series, newest = leader.series, len(leader.series) - 1
        position = series.nearest(axis, self.x) if self.x is not None else None
        if position is None:
            return coordinate(series.sample(newest), axis)
        here = coordinate(series.sample(position), axis)
        stride = 1
        while 0 < position + direction * stride < newest:
            there = coordinate(series.sample(position + direction * stride), axis)
            if self._plot.pixels_of(abs(there - here)) >= 1:
                break
            stride *= 2
        return coordinate(series.sample(min(max(position + direction * stride, 0), newest)), axis)

    def end(self, axis: XAxis, direction: int) -> float | None:
        """Return the x of the first (-1) or newest (1) value."""
        leader = self._leader()
        if leader is None:
            return None
        return coordinate(leader.series.sample(0 if direction < 0 else len(leader.series) - 1), axis)

    def _leader(self) -> Curve | None:
        return next((c for c in self._plot.curves if c.shown and len(c.series)), None)
