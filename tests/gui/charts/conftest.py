"""Charts to poke at."""

import pytest
from chart_feed import settle
from pytestqt.qtbot import QtBot

from orpo_studio.gui.charts import Chart, ChartBoard, CurveStyle, LaneStyle


@pytest.fixture
def chart(qtbot: QtBot) -> Chart:
    """A shown chart with two lanes: loss and its term above, a margin below."""
    chart = Chart("Loss", [LaneStyle("loss"), LaneStyle("margin", "Margin", signed=True)])
    chart.add_curve(CurveStyle("loss", "Total", "tuned", lane="loss"))
    chart.add_curve(CurveStyle("nll", "NLL", "chosen", dash="dashed", lane="loss"))
    chart.add_curve(CurveStyle("margin", "Margin", "tuned", lane="margin", optional=True))
    qtbot.addWidget(chart)
    chart.resize(600, 400)
    with qtbot.waitExposed(chart):
        chart.show()
    settle(qtbot, chart)
    return chart


@pytest.fixture
def board(qtbot: QtBot) -> ChartBoard:
    """A shown board."""
    board = ChartBoard()
    qtbot.addWidget(board)
    board.resize(1100, 900)
    with qtbot.waitExposed(board):
        board.show()
    settle(qtbot, board)
    return board
