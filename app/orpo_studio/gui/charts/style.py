"""What the outside says about a chart: its colors, curves, marks and points."""

import math
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from orpo_studio.gui.charts.timeline import XAxis

Kind = Literal["training", "evaluation"]
MarkKind = Literal["checkpoint", "evaluation", "back-off", "warning", "failure"]
Dash = Literal["solid", "dashed", "dotted"]

Hue = Literal["chosen", "rejected", "tuned", "base", "attention", "failure"]


@dataclass(frozen=True)
class ChartColors:
    """The colors of one scheme; text and muted stand at least 4.5:1 against panel, hues at least 2:1 and mostly 3:1.

    The hues are safe for color-blind eyes and are also told apart by dash and symbol.
    """

    background: str
    panel: str
    raised: str
    border: str
    grid: str
    text: str
    muted: str
    accent: str
    chosen: str = "#009E73"
    rejected: str = "#D55E00"
    tuned: str = "#0072B2"
    base: str = "#8A8F98"
    attention: str = "#E69F00"
    failure: str = "#CC3311"
    faint: float = 0.4
    """Opacity of the values under their average."""

    def hue(self, hue: Hue) -> str:
        """Return the color with this meaning."""
        return {
            "chosen": self.chosen,
            "rejected": self.rejected,
            "tuned": self.tuned,
            "base": self.base,
            "attention": self.attention,
            "failure": self.failure,
        }[hue]


LIGHT = ChartColors(
    background="#F6F7F9",
    panel="#FFFFFF",
    raised="#EEF0F3",
    border="#DEE1E6",
    grid="#E8EAEE",
    text="#1B1F24",
    muted="#5B636E",
    accent="#0067A3",
)
DARK = ChartColors(
    background="#14171B",
    panel="#1C2026",
    raised="#272C34",
    border="#30363E",
    grid="#2A3038",
    text="#E8EBEF",
    muted="#9AA3AE",
    accent="#4BA3DB",
    chosen="#2DBE93",
    rejected="#F08A3C",
    tuned="#4BA3DB",
    base="#A3A9B2",
    attention="#E6AC2E",
    failure="#FF7A5C",
    faint=0.5,
)


@dataclass(frozen=True)
class CurveStyle:
    """One metric of a chart, as it is drawn and named.

    Curves of one lane share a y axis. A training curve is a line; an evaluation curve is symbols joined by a
    line, drawn over it, and shares the legend entry of the training curve with the same name.
    """

    name: str
    label: str
    hue: Hue
    dash: Dash = "solid"
    kind: Kind = "training"
    lane: str = ""
    unit: str = ""
    shown: bool = True
    smoothed: bool = True
    """False for what is no measurement: a schedule."""
    optional: bool = False
    """Takes no room before its first value arrives."""


@dataclass(frozen=True)
class LaneStyle:
    """One y axis of a chart. A signed lane (log-probabilities, margins) stays linear on request for log."""

    name: str = ""
    label: str = ""
    percent: bool = False
    signed: bool = False


class Point(NamedTuple):
    """One logged value of one metric."""

    name: str
    step: float
    epoch: float
    seconds: float
    value: float
    kind: Kind = "training"


@dataclass(frozen=True)
class Mark:
    """Something that happened at a place of the run, drawn as a vertical line with a tooltip."""

    kind: MarkKind
    text: str
    step: float
    epoch: float
    seconds: float

    def at(self, axis: XAxis) -> float:
        """Where the mark stands on an x axis."""
        return {"step": self.step, "epoch": self.epoch, "seconds": self.seconds}[axis]


@dataclass(frozen=True)
class ViewOptions:
    """How all lanes of a chart are drawn."""

    axis: XAxis = "step"
    smoothing: float = 0.6
    log: bool = False
    clip: bool = False


@dataclass
class CardStyle:
    """A chart of the board: its title, lanes and curves."""

    title: str
    curves: list[CurveStyle]
    lanes: list[LaneStyle] = field(default_factory=lambda: [LaneStyle()])
    empty_text: str = "Curves appear with the first logged step."


_COARSE = {"GiB": 1, "%": 0, "°C": 0}


def format_value(value: float, unit: str = "") -> str:
    """Write a value with about four significant digits, for reading at a glance."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if unit == "ratio":
        return f"{value * 100:.1f} %".replace("-", "−")
    if unit in _COARSE:
        return f"{value:.{_COARSE[unit]}f} {unit}".replace("-", "−")
    size = abs(value)
    if value == 0:
        text = "0"
    elif size >= 1e6 or size < 1e-3:
        mantissa, exponent = f"{value:.2e}".split("e")
        text = f"{mantissa}e{int(exponent)}"
    elif size >= 1000:
        text = f"{value:,.0f}"
    else:
        digits = 4 if size < 0.1 else 3 if size < 10 else 2 if size < 100 else 1
        text = f"{value:.{digits}f}"
    return (f"{text} {unit}" if unit else text).replace("-", "−")


def format_duration(seconds: float) -> str:
    """Write seconds as h:mm:ss, m:ss, or with decimals below ten."""
    sign = "−" if seconds < 0 else ""
    size = abs(seconds)
    if size < 10 and size != int(size):
        return f"{sign}{size:.1f} s"
    minutes, rest = divmod(round(size), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours}:{minutes:02d}:{rest:02d}" if hours else f"{sign}{minutes}:{rest:02d}"
