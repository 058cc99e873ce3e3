"""What the tests feed to charts."""

import math
from collections.abc import Callable

from pytestqt.qtbot import QtBot

from orpo_studio.gui.charts import Chart, ChartBoard, Point


def settle(qtbot: QtBot, widget: Chart | ChartBoard) -> None:
    """Wait until nothing is left to draw."""
    clock = widget.clock
    qtbot.waitUntil(lambda: not clock.active, timeout=10_000)


def falling(count: int, name: str = "loss", value: Callable[[int], float] = lambda i: math.exp(-i / 30)) -> list[Point]:
    """A falling curve from step 1."""
    return [Point(name, i, i / 10, i * 2.0, value(i)) for i in range(1, count + 1)]
