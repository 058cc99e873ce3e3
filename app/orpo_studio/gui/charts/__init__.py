"""Live charts of a training run, as widgets that know nothing of runs or files."""

from orpo_studio.gui.charts.board import ChartBoard
from orpo_studio.gui.charts.chart import Chart
from orpo_studio.gui.charts.style import (
    DARK,
    LIGHT,
    ChartColors,
    CurveStyle,
    LaneStyle,
    Mark,
    Point,
    ViewOptions,
)

__all__ = [
    "DARK",
    "LIGHT",
    "Chart",
    "ChartBoard",
    "ChartColors",
    "CurveStyle",
    "LaneStyle",
    "Mark",
    "Point",
    "ViewOptions",
]
