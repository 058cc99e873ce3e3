"""The queue in the window: who waits and why, another order, and the question before a start."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer
from PySide6.QtGui import QAccessible, QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent
from PySide6.QtWidgets import QAbstractItemView, QApplication, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from helpers.fake_trainer import TRAINS, TRAINS_UNTIL_STOPPED, put_in_front
from helpers.scripted_run import ScriptedRun
from helpers.waiting import wait_until
from orpo_studio.gui.runs import queue as queue_module
from orpo_studio.gui.runs.queue import memory_words
from orpo_studio.gui.runs.row_list import RowList
from orpo_studio.gui.theme import em, theme
from orpo_studio.gui.window import MainWindow
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import RunFolder, RunLock, ask, is_held, list_runs, summarize
from orpo_studio.runs.card import CardHolder, CardUse
from orpo_studio.runs.queue import LOCK_NAME, add_to_queue, is_kept, move, queue_of, take_out


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Workspaces for which somebody was asked to start what waits; nobody does."""
    asked: list[Path] = []
    monkeypatch.setattr(queue_module, "keep_going", asked.append)
    return asked


@pytest.fixture
def window(qtbot: QtBot, bench: Workbench) -> MainWindow:
    made = MainWindow()
    qtbot.addWidget(made)
    made.fill(bench)
    made.resize(1200, 800)
    made.show()
    return made


@pytest.fixture
def waiting(bench: Workbench) -> Iterator[list[RunFolder]]:
    """Three runs that wait; none does afterwards, or a window that closes would have them started in earnest."""
    made = [ScriptedRun(bench.workspace, f"Bot v{number}", alive=False) for number in (1, 2, 3)]
    for run in made:
        run.close()
        add_to_queue(bench.workspace, run.folder)
    yield [run.folder for run in made]
    for run in made:
        if run.folder.path.exists():
            take_out(run.folder)


def look(qtbot: QtBot, bench: Workbench, condition: Callable[[], bool]) -> None:
    bench.runs.refresh()
    qtbot.waitUntil(condition, timeout=10_000)


def shown(window: MainWindow) -> list[str]:
    model = window.queue.model
    return [str(model.index(row, 0).data()) for row in range(model.rowCount())]


def written(window: MainWindow) -> list[str]:
    return [summary.title for summary in queue_of(list_runs(window.bench.workspace))]


def press(window: MainWindow, words: str) -> None:
    """Answer the question that is open."""
    (box,) = window.findChildren(QMessageBox)
    next(made for made in box.findChildren(QPushButton) if made.text() == words).click()


def test_that_the_queue_is_there_only_while_a_run_waits(
    qtbot: QtBot, window: MainWindow, waiting: list[RunFolder], kept: list[Path]
) -> None:
    assert not window.queue.isVisible()
    look(qtbot, window.bench, lambda: shown(window) == ["Bot v1", "Bot v2", "Bot v3"])
    assert window.queue.isVisible()
    assert window.runs.model.rowCount() == 0  # they are not told twice
    assert kept == [window.bench.workspace]
    for folder in waiting:
        take_out(folder)
    look(qtbot, window.bench, lambda: not window.queue.isVisible())
    assert window.runs.model.rowCount() == 3


def test_that_a_run_is_dragged_to_another_place(
    qtbot: QtBot, window: MainWindow, waiting: list[RunFolder], kept: list[Path]
) -> None:
    look(qtbot, window.bench, lambda: len(shown(window)) == 3)
    view = window.queue.view
    view.setCurrentIndex(window.queue.model.index(2, 0))
    assert view.model().flags(view.currentIndex()) & Qt.ItemFlag.ItemIsDragEnabled
    assert view.model().flags(QModelIndex()) & Qt.ItemFlag.ItemIsDropEnabled
    assert view.model().moveRows(QModelIndex(), 2, 1, QModelIndex(), 0)  # what a drop over the first row calls
    assert shown(window) == ["Bot v3", "Bot v1", "Bot v2"]  # at once
    assert view.currentIndex().row() == 0  # and the mark goes with it
    qtbot.waitUntil(lambda: written(window) == ["Bot v3", "Bot v1", "Bot v2"], timeout=10_000)


def test_that_alt_and_an_arrow_move_a_run_and_it_stays_marked(
    qtbot: QtBot, window: MainWindow, waiting: list[RunFolder], kept: list[Path]
) -> None:
    look(qtbot, window.bench, lambda: len(shown(window)) == 3)
    view = window.queue.view
    window.activateWindow()
    view.setFocus()
    qtbot.waitUntil(view.hasFocus, timeout=5000)
    view.setCurrentIndex(window.queue.model.index(0, 0))
    qtbot.keyClick(view, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    qtbot.keyClick(view, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    qtbot.keyClick(view, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)  # it is the last already
    assert shown(window) == ["Bot v2", "Bot v3", "Bot v1"]
    assert view.currentIndex().row() == 2
    qtbot.keyClick(view, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert shown(window) == ["Bot v2", "Bot v1", "Bot v3"]
    qtbot.waitUntil(lambda: written(window) == ["Bot v2", "Bot v1", "Bot v3"], timeout=10_000)
    look(qtbot, window.bench, lambda: window.queue.marked() is not None)
    assert shown(window) == ["Bot v2", "Bot v1", "Bot v3"]


def ground(view: RowList, row: int) -> str:
    """Return the color of a row's ground, at its right end, where nothing is written."""
    rect = view.visualRect(view.model().index(row, 0))
    image = view.viewport().grab().toImage()
    return image.pixelColor(rect.right() - em(0.6), rect.center().y()).name().upper()


def test_that_a_row_that_is_only_marked_does_not_look_like_the_run_that_is_shown(
    qtbot: QtBot, window: MainWindow, waiting: list[RunFolder], kept: list[Path]
) -> None:
    look(qtbot, window.bench, lambda: len(shown(window)) == 3)
    view, colors = window.queue.view, theme().colors
    window.bench.show_run(waiting[0])
    view.setCurrentIndex(window.queue.model.index(2, 0))
    assert [ground(view, row) for row in range(3)] == [colors.selection, colors.panel, colors.raised]
    window.bench.show_run(waiting[1])
    assert [ground(view, row) for row in range(3)] == [colors.panel, colors.selection, colors.panel]


def test_that_a_line_shows_where_a_dragged_run_would_come(
    qtbot: QtBot, window: MainWindow, waiting: list[RunFolder], kept: list[Path]
) -> None:
    look(qtbot, window.bench, lambda: len(shown(window)) == 3)
    view, model = window.queue.view, window.queue.model
    view.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)  # takes what this test drags, which has no source
    mime = model.mimeData([model.index(2, 0)])
    row = view.visualRect(model.index(1, 0))

    def drag(y: int, kind: type[QDragMoveEvent] = QDragMoveEvent) -> int | None:
        place = QPoint(row.center().x(), y)
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(view.viewport(), kind(place, Qt.DropAction.MoveAction, mime, left, none))
        return view._drop_line

    drag(row.center().y(), QDragEnterEvent)
    assert drag(row.center().y() - 2) == row.top()
    assert drag(row.center().y() + 2) == row.bottom() + 1
    line = row.bottom() + 1
    image = view.viewport().grab().toImage()
    assert image.pixelColor(row.center().x(), line).name().upper() == theme().colors.accent
    assert image.pixelColor(1, line).name().upper() == theme().colors.panel
    QApplication.sendEvent(view.viewport(), QDragLeaveEvent())
    assert view._drop_line is None


def test_that_an_order_changed_elsewhere_is_shown(
    qtbot: QtBot, window: MainWindow, waiting: list[RunFolder], kept: list[Path]
) -> None:
    look(qtbot, window.bench, lambda: len(shown(window)) == 3)
    move(window.bench.workspace, waiting[2], 0)
    look(qtbot, window.bench, lambda: shown(window) == ["Bot v3", "Bot v1", "Bot v2"])


def test_that_it_is_told_why_the_first_waits(
    qtbot: QtBot, window: MainWindow, waiting: list[RunFolder], kept: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = window.bench
    held = CardUse((CardHolder("python3", 4711, 9.1),))
    monkeypatch.setattr("orpo_studio.runs.card.CardWatch.look", lambda _self: held)
    look(qtbot, bench, lambda: "4711" in window.queue.reason.text())
    assert window.queue.reason.text() == "Waits: the graphics card is in use by python3 (process 4711, 9.1 GiB)."
    bench.show_run(waiting[0])
    qtbot.waitUntil(lambda: "when the graphics card is free" in window.foot.status.text(), timeout=10_000)
    bench.show_run(waiting[1])
    window.show_page("train")
    strip = window.pages["train"].progress
    qtbot.waitUntil(lambda: strip.state.text() == "Waiting, 2nd in the queue", timeout=10_000)
    assert strip.stage.text() == "The graphics card is in use by python3 (process 4711, 9.1 GiB)."
    assert (window.foot.main.text(), window.foot.take_out.isVisible()) == ("Start anyway", True)
    spoken = QAccessible.queryAccessibleInterface(window.queue.view).child(0).text(QAccessible.Text.Name)
    assert spoken.startswith("1st in the queue, Bot v1, waiting")
    window.foot.take_out.click()
    qtbot.waitUntil(lambda: summarize(waiting[1]).state == "created", timeout=10_000)
    qtbot.waitUntil(lambda: window.foot.main.text() == "Start again", timeout=10_000)


def test_that_it_is_told_when_nobody_starts_what_waits(
    qtbot: QtBot, window: MainWindow, waiting: list[RunFolder], kept: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    look(qtbot, window.bench, lambda: window.queue.reason.text() == "The first one is about to start.")
    monkeypatch.setattr(queue_module, "_TROUBLE_SECONDS", 0.0)
    look(qtbot, window.bench, lambda: "does not stay alive" in window.queue.reason.text())
    assert "queue.log tells why" in window.queue.reason.text()
    keeper = RunLock(window.bench.workspace / LOCK_NAME)
    assert keeper.take()
    look(qtbot, window.bench, lambda: window.queue.reason.text() == "The first one is about to start.")
    keeper.release()


@pytest.mark.parametrize(
    ("need", "words"),
    [
        (None, "2.7 of the card's 24 GiB are free now."),
        ((0.8, 1.5), "2.7 of the card's 24 GiB are free now; this run needs about 0.8 to 1.5 GiB, which fits."),
        ((2.0, 3.0), "2.7 of the card's 24 GiB are free now; this run needs about 2.0 to 3.0 GiB, which may not fit."),
        ((9.0, 9.0), "2.7 of the card's 24 GiB are free now; this run needs about 9.0 GiB, which does not fit."),
    ],
)
def test_that_free_and_needed_memory_are_compared(need: tuple[float, float] | None, words: str) -> None:
    assert memory_words(CardUse(free_gib=2.7, total_gib=24.0), need) == words
    assert memory_words(CardUse(), need) == memory_words(None, need) == ""


# --- starts


@pytest.fixture
def ready(qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """A window whose draft is the demo, and whose trainers follow a script; when the test ends no process is left."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    put_in_front(monkeypatch, tmp_path / "fake", TRAINS_UNTIL_STOPPED)
    bench = window.bench
    bench.use_demo()
    bench.draft.set_name("Bot v1")
    qtbot.waitUntil(bench.can_start, timeout=20_000)
    yield window
    for summary in list_runs(bench.workspace):
        take_out(summary.folder)
        ask(summary.folder, "stop")
    wait_until(lambda: not is_kept(bench.workspace))
    wait_until(lambda: not any(is_held(summary.folder.lock_file) for summary in list_runs(bench.workspace)))


def start_first(qtbot: QtBot, window: MainWindow) -> RunFolder:
    bench = window.bench
    window.foot.main.click()
    assert bench.follower is not None
    qtbot.waitUntil(lambda: bench.follower is not None and bench.follower.state == "running", timeout=20_000)
    first = bench.follower.folder
    look(qtbot, bench, lambda: [s.state for s in bench.runs.summaries] == ["running"])
    return first


def test_that_a_second_start_asks_and_suggests_to_wait(qtbot: QtBot, ready: MainWindow, kept: list[Path]) -> None:
    bench = ready.bench
    start_first(qtbot, ready)
    bench.show_draft()
    bench.draft.set_name("Bot v2")
    qtbot.waitUntil(bench.can_start, timeout=20_000)
    ready.foot.main.click()
    (box,) = ready.findChildren(QMessageBox)
    assert box.text() == "“Bot v1” is training."
    assert "starts by itself when “Bot v1” has ended" in box.informativeText()
    assert box.defaultButton().text() == "Add to the queue"
    assert box.defaultButton().property("kind") == "main"
    press(ready, "Cancel")
    assert len(list_runs(bench.workspace)) == 1
    qtbot.waitUntil(lambda: not ready.findChildren(QMessageBox), timeout=5000)

    ready.foot.main.click()
    press(ready, "Add to the queue")
    qtbot.waitUntil(lambda: shown(ready) == ["Bot v2"], timeout=10_000)
    assert ready.current_page == "train"
    qtbot.waitUntil(lambda: bench.follower is not None and bench.follower.state == "waiting", timeout=10_000)
    assert ready.queue.reason.text() == "Waits: “Bot v1” is training."
    ready.foot.main.click()  # Start anyway
    qtbot.waitUntil(lambda: bench.follower is not None and bench.follower.state == "running", timeout=20_000)
    qtbot.waitUntil(lambda: not ready.queue.isVisible(), timeout=10_000)


def test_that_a_run_is_paused_waits_and_goes_on_by_itself(qtbot: QtBot, ready: MainWindow) -> None:
    bench = ready.bench
    first = start_first(qtbot, ready)
    ready.foot.pause.click()
    qtbot.waitUntil(lambda: bench.follower is not None and bench.follower.state == "paused", timeout=20_000)
    qtbot.waitUntil(lambda: ready.foot.main.isVisible() and ready.foot.main.text() == "Resume", timeout=10_000)
    assert "memory is free" in ready.foot.status.text()
    assert not ready.foot.pause.isVisible()
    look(qtbot, bench, lambda: ready.runs.model.rowCount() == 1)
    ready.runs.view.setCurrentIndex(ready.runs.model.index(0, 0))
    ready.runs.actions_.refresh()
    assert ready.runs.actions_.queue.text() == "Add to the queue"
    ready.runs.actions_.queue.trigger()
    qtbot.waitUntil(lambda: summarize(first).fold.attempts == 2, timeout=20_000)
    qtbot.waitUntil(lambda: bench.follower is not None and bench.follower.state == "running", timeout=20_000)


def test_that_runs_follow_each_other_while_no_window_is_open(
    qtbot: QtBot, ready: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = ready.bench
    first = start_first(qtbot, ready)
    put_in_front(monkeypatch, tmp_path / "fake", TRAINS)
    for name in ("Bot v2", "Bot v3"):
        bench.show_draft()
        bench.draft.set_name(name)
        qtbot.waitUntil(bench.can_start, timeout=20_000)
        bench.start()
        press(ready, "Add to the queue")
        qtbot.waitUntil(lambda: not ready.findChildren(QMessageBox), timeout=5000)
    qtbot.waitUntil(lambda: shown(ready) == ["Bot v2", "Bot v3"] and is_kept(bench.workspace), timeout=20_000)
    bench.show_draft()
    ready.close()
    ask(first, "stop")
    wait_until(lambda: [s.state for s in list_runs(bench.workspace)] == ["completed", "completed", "stopped"], 30)
    second, third = (s.fold.ended.time for s in reversed(list_runs(bench.workspace)[:2]) if s.fold.ended)
    assert second < third


def test_that_what_cannot_be_added_is_told(
    qtbot: QtBot, window: MainWindow, kept: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = window.bench
    run = ScriptedRun(bench.workspace, "bot")
    look(qtbot, bench, lambda: len(bench.runs.summaries) == 1)
    bench.queue.add(run.folder)
    qtbot.waitUntil(lambda: bool(window.notices.cards()), timeout=10_000)
    (card,) = window.notices.cards()
    assert "already being worked on" in card.notice.title
    run.close()


def test_that_runs_are_listed_however_often_one_asks_for_them(
    qtbot: QtBot, window: MainWindow, waiting: list[RunFolder], kept: list[Path]
) -> None:
    runs = window.bench.runs
    looked: list[int] = []
    runs.looked.connect(lambda: looked.append(len(runs.summaries)))
    timer = QTimer(window, interval=0)
    timer.timeout.connect(runs.refresh)  # again while each look is under way
    timer.start()
    qtbot.waitUntil(lambda: looked[-3:] == [3, 3, 3], timeout=10_000)
    timer.stop()
