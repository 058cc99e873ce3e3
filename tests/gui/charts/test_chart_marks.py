"""Marks of a long run: what is worth knowing stands out, and the rest does not hatch the chart."""

import pytest
from chart_feed import falling, settle
from pytestqt.qtbot import QtBot

from orpo_studio.gui.charts import Chart, Mark
from orpo_studio.gui.charts.style import MarkKind


def mark(kind: MarkKind, step: int) -> Mark:
    return Mark(kind, f"{kind} at step {step}", step, step / 10, step * 2.0)


def lines(chart: Chart) -> set[str]:
    items = next(iter(chart.plot.lanes.values()))._items
    return {kind for kind in ("checkpoint", "evaluation", "failure") if kind in items and items[kind].isVisible()}


def symbols(chart: Chart) -> list[str]:
    items = next(iter(chart.plot.lanes.values()))._items
    return [point.symbol() for point in items["symbols"].points()]


@pytest.fixture
def long_run(chart: Chart, qtbot: QtBot) -> Chart:
    """Two thousand steps with an evaluation and a checkpoint at every fifth, and one that failed."""
    chart.extend(falling(2000))
    for step in range(5, 2001, 5):
        chart.add_mark(mark("evaluation", step))
        chart.add_mark(mark("checkpoint", step))
    chart.add_mark(mark("failure", 1002))
    settle(qtbot, chart)
    return chart


def test_that_the_regular_marks_of_a_long_run_are_not_drawn_as_lines(long_run: Chart) -> None:
    assert lines(long_run) == {"failure"}


def test_that_symbols_keep_their_distance_and_a_failure_is_never_left_out(long_run: Chart) -> None:
    drawn = symbols(long_run)
    assert 20 < len(drawn) <= long_run.plot.width() / 12
    assert drawn.count("x") == 1
    assert set(drawn) == {"x", "s"}


def test_that_a_close_view_shows_every_mark(long_run: Chart, qtbot: QtBot) -> None:
    long_run.set_x_range(990, 1010)
    settle(qtbot, long_run)
    assert lines(long_run) == {"failure", "evaluation", "checkpoint"}
    assert sorted(symbols(long_run)) == ["s"] * 5 + ["x"]


def test_that_the_crosshair_tells_of_a_failure_first_and_how_many_there_are(long_run: Chart) -> None:
    long_run.set_crosshair(1002, reads=True)
    long_run.crosshair.draw("step", long_run._marks)
    told = long_run.crosshair.words.split(", ")
    assert told[2] == "failure at step 1002"
    assert told[-1].startswith("and ")
    assert told[-1].endswith(" more; zoom in to read them")


def test_that_hundreds_of_evaluations_are_a_line_with_a_few_symbols(chart: Chart, qtbot: QtBot) -> None:
    chart.extend(falling(2000))
    for step in range(10, 2001, 10):
        chart.append("loss", 0.5, step=step, epoch=step / 10, seconds=step * 2.0, kind="evaluation")
    settle(qtbot, chart)
    drawn = chart.plot.curve("loss", "evaluation")._items["symbols"].points()
    assert 10 < len(drawn) <= chart.plot.width() / 14
    assert len(chart.plot.curve("loss", "evaluation")._items["line"].getData()[0]) == 200
