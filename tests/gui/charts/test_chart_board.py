"""The board: cards, shared controls, one clock."""

import numpy as np
import pytest
from chart_feed import falling, settle
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from orpo_studio.gui.charts import DARK, Chart, ChartBoard, Point, ViewOptions

FED = (
    "loss",
    "nll_loss",
    "odds_ratio_loss",
    "log_odds",
    "rewards/accuracies",
    "rewards/margins",
    "rewards/chosen",
    "rewards/rejected",
    "logps/chosen",
    "logps/rejected",
    "learning_rate",
    "grad_norm",
    "tokens_per_second",
    "memory_gib",
    "process_memory_gib",
    "gpu_load",
    "gpu_memory_gib",
    "gpu_memory_peak_gib",
    "cpu_load",
    "gpu_temperature",
    "gpu_power_w",
)


def count_refreshes(board: ChartBoard, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    drawn: list[str] = []
    refresh = Chart.refresh

    def counted(chart: Chart) -> None:
        drawn.append(chart.title)
        refresh(chart)

    monkeypatch.setattr(Chart, "refresh", counted)
    return drawn


def test_that_every_metric_of_a_run_has_a_card(board: ChartBoard, qtbot: QtBot) -> None:
    for name in FED:
        board.extend(falling(3, name))
    settle(qtbot, board)
    assert list(board.charts) == ["Loss", "Preference", "Log-probabilities", "Optimization", "Machine"]
    tiles = {name: tile for chart in board.charts.values() for name, tile in chart.header.tiles.items()}
    assert [name for name in FED if not tiles[name].isVisible() or tiles[name].reading.value == "–"] == []


def test_that_unknown_metrics_get_a_card_when_they_first_come(board: ChartBoard, qtbot: QtBot) -> None:
    for name in "abcde":
        board.extend(falling(3, name))
    settle(qtbot, board)
    other = board.charts["Other"]
    assert other.isVisible()
    assert [name for name, tile in other.header.tiles.items() if tile.isChecked()] == ["a", "b", "c"]


def test_that_only_the_chart_that_changed_is_drawn_and_then_nothing(
    board: ChartBoard, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.extend(falling(3))
    settle(qtbot, board)
    drawn = count_refreshes(board, monkeypatch)
    board.append("loss", 1.0, step=4, epoch=0.4, seconds=8.0)
    board.append("loss", 1.0, step=5, epoch=0.5, seconds=10.0)
    settle(qtbot, board)
    assert drawn == ["Loss"]


def test_that_a_hidden_board_draws_nothing_and_catches_up_when_shown(
    board: ChartBoard, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.hide()
    settle(qtbot, board)
    drawn = count_refreshes(board, monkeypatch)
    board.extend(falling(10))
    assert not board.clock.active
    board.show()
    settle(qtbot, board)
    assert "Loss" in drawn
    assert board.charts["Loss"].header.tiles["loss"].reading.value != "–"


def test_that_the_shared_controls_reach_every_card(board: ChartBoard, qtbot: QtBot) -> None:
    board.extend(falling(10))
    with qtbot.waitSignal(board.options_changed) as changed:
        board.controls.log.click()
    assert changed.args == [ViewOptions(log=True)]
    board.controls.axis.setCurrentIndex(2)
    board.controls.smoothing.setValue(90)
    board.controls.clip.click()
    expected = ViewOptions(axis="seconds", smoothing=0.9, log=True, clip=True)
    assert {chart.options for chart in board.charts.values()} == {expected}


def test_that_the_menu_of_one_card_changes_all(board: ChartBoard) -> None:
    board.charts["Loss"].menu.log.trigger()
    assert board.options.log
    assert board.controls.log.isChecked()
    assert board.charts["Machine"].options.log


def test_that_moving_one_card_moves_all_and_follow_brings_them_back(board: ChartBoard, qtbot: QtBot) -> None:
    board.extend(falling(100))
    board.extend(falling(100, "grad_norm"))
    settle(qtbot, board)
    qtbot.keyClick(board.charts["Loss"], Qt.Key.Key_Plus)
    settle(qtbot, board)
    assert len({chart.plot.x_range for chart in board.charts.values()}) == 1
    assert board.charts["Machine"].plot.x_range[1] < 90
    assert board.controls.follow.isVisible()
    qtbot.mouseClick(board.controls.follow, Qt.MouseButton.LeftButton)
    settle(qtbot, board)
    assert all(chart.plot.x_range[1] > 100 for chart in board.charts.values())
    assert not board.controls.follow.isVisible()


def test_that_other_colors_are_drawn_at_once_also_after_a_run_was_read_again(board: ChartBoard, qtbot: QtBot) -> None:
    board.extend(falling(100))
    settle(qtbot, board)
    board.clock.is_rapid = True
    board.set_theme(DARK)

    assert board.clock.catching_up


def test_that_a_card_fills_the_board_and_escape_brings_the_others_back(board: ChartBoard, qtbot: QtBot) -> None:
    loss = board.charts["Loss"]
    loss.expand_requested.emit()
    assert [chart.title for chart in board.charts.values() if chart.isVisible()] == ["Loss"]
    qtbot.keyClick(loss, Qt.Key.Key_Escape)
    assert all(chart.isVisible() for chart in board.charts.values())


def test_that_clearing_forgets_the_run_and_keeps_the_choices(board: ChartBoard, qtbot: QtBot) -> None:
    board.set_options(ViewOptions(smoothing=0.3))
    board.extend([*falling(100), *falling(3, "unknown")])
    settle(qtbot, board)
    board.clear()
    settle(qtbot, board)
    assert "Other" not in board.charts
    assert board.charts["Loss"].header.tiles["loss"].reading.value == "–"
    assert board.charts["Loss"].options.smoothing == 0.3
    board.append("loss", 2.0, step=1, epoch=0.1, seconds=1.0)
    settle(qtbot, board)
    assert board.charts["Loss"].plot.x_range[1] < 10


@pytest.mark.parametrize(("width_em", "columns"), [(50, 2), (80, 3)])
def test_that_cards_share_the_width_there_is(board: ChartBoard, qtbot: QtBot, width_em: int, columns: int) -> None:
    board.resize(board.fontMetrics().height() * width_em, 1200)
    qtbot.waitUntil(lambda: len({chart.x() for chart in board.charts.values()}) == columns)
    cards = [chart.geometry() for chart in board.charts.values()]
    assert not any(one.intersects(other) for one in cards for other in cards if one is not other)


def test_that_a_figure_that_grows_has_its_room(board: ChartBoard, qtbot: QtBot) -> None:
    names = ("rewards/accuracies", "rewards/margins", "rewards/chosen", "rewards/rejected")
    for name in names:
        board.extend(falling(3, name, lambda _step: 0.0))
    settle(qtbot, board)
    header = board.charts["Preference"].header
    tiles = [header.tiles[name] for name in names]
    header.setFixedWidth(max(4 * (tile.sizeHint().width() + 14) for tile in tiles))
    qtbot.waitUntil(lambda: len({tile.x() for tile in tiles}) == 4)
    board.extend([Point("rewards/chosen", 4, 0.4, 8.0, -1234567.0)])
    settle(qtbot, board)
    qtbot.waitUntil(lambda: all(tile.width() >= tile.sizeHint().width() for tile in tiles))


def test_that_a_stream_of_ever_new_metrics_gets_no_more_curves_than_anybody_can_look_at(
    board: ChartBoard, qtbot: QtBot
) -> None:
    names = [f"odd/{number}" for number in range(200)]
    board.extend(Point(name, 1, 0.1, 2.0, 0.5) for name in names[:100])
    steps = np.array([2.0, 3.0])
    board.extend_steps(["loss", *names], steps, steps / 10, steps * 2, np.ones((2, 201)))
    settle(qtbot, board)
    other = board.charts["Other"]
    assert len(other.plot.curves) == 40
    assert other.header.title.text() == "Other: the first 40 metrics"
    assert [len(curve.series) for curve in other.plot.curves] == [3] * 40
    assert len(board.charts["Loss"].plot.curve("loss", "training").series) == 2
