"""Work beside the event loop: results come home on the owner's thread, cancelled work is never heard of again."""

import gc
import os
import subprocess
import sys
import threading
import weakref
from concurrent.futures import Future
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QThread, QTimer
from pytestqt.qtbot import QtBot

from orpo_studio.gui.background import Cancelled, run_in_background


def never(value: object) -> None:
    raise AssertionError(value)


def test_that_results_arrive_on_the_owners_thread(qtbot: QtBot) -> None:
    owner, seen = QObject(), []
    main = QThread.currentThread()
    run_in_background(
        owner,
        lambda _task: QThread.currentThread() is main,
        lambda in_main: seen.append((in_main, QThread.currentThread() is main)),
        never,
    )
    qtbot.waitUntil(lambda: bool(seen), timeout=5000)

    assert seen == [(False, True)]


def test_that_what_work_raises_is_handed_over(qtbot: QtBot) -> None:
    owner, seen = QObject(), []

    def work(_task: object) -> None:
        raise ValueError("broken")

    run_in_background(owner, work, never, seen.append)
    qtbot.waitUntil(lambda: bool(seen), timeout=5000)

    assert str(seen[0]) == "broken"


def test_that_cancelled_work_is_not_heard_of(qtbot: QtBot) -> None:
    owner, go, after = QObject(), threading.Event(), []
    task = run_in_background(owner, lambda _task: go.wait(5), never, never)
    task.cancel()
    go.set()

    def work(_task: object) -> None:
        raise Cancelled

    run_in_background(owner, work, never, never)
    run_in_background(owner, lambda _task: 1, after.append, never)
    qtbot.waitUntil(lambda: bool(after), timeout=5000)


def test_that_an_owner_may_be_deleted_while_work_is_under_way(qtbot: QtBot) -> None:
    owner, go, after = QObject(), threading.Event(), []
    run_in_background(owner, lambda _task: go.wait(5), never, never)
    owner.deleteLater()
    with qtbot.waitSignal(owner.destroyed):
        pass
    go.set()
    other = QObject()
    run_in_background(other, lambda _task: 1, after.append, never)
    qtbot.waitUntil(lambda: bool(after), timeout=5000)


class Knot:
    """An object that refers to itself, as pages and their slots do."""

    def __init__(self) -> None:
        self.itself = self


def test_that_garbage_is_collected_on_the_main_thread_alone(qtbot: QtBot) -> None:
    collected_in: list[threading.Thread] = []
    gc.collect()
    weakref.finalize(Knot(), lambda: collected_in.append(threading.current_thread()))
    owner, made = QObject(), []
    run_in_background(owner, lambda _task: [[number] for number in range(200_000)], made.append, never)
    qtbot.waitUntil(lambda: bool(made) and bool(collected_in), timeout=10_000)

    assert collected_in == [threading.main_thread()]


def test_that_what_work_refers_to_is_let_go_on_the_main_thread(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go_in: list[threading.Thread] = []
    is_told = threading.Event()
    ending = Future.set_result

    def end_late(future: Future[None], result: None) -> None:
        is_told.wait(5)
        ending(future, result)

    monkeypatch.setattr(Future, "set_result", end_late)

    class Page:
        def work(self, _task: object) -> int:
            return 1

        def show(self, _value: int) -> None:
            QTimer.singleShot(0, is_told.set)

    owner, page = QObject(), Page()
    weakref.finalize(page, lambda: let_go_in.append(threading.current_thread()))
    run_in_background(owner, page.work, page.show, never)
    del page
    qtbot.waitUntil(lambda: bool(let_go_in), timeout=5000)

    assert let_go_in == [threading.main_thread()]


OPENS = """
import gc, sys
from PySide6.QtCore import QTimer
from orpo_studio.gui import app
application = app.application()
QTimer.singleShot(0, lambda: (print("by itself" if gc.isenabled() else "by us"), application.quit()))
sys.exit(app.main(["--workspace", sys.argv[1]]))
"""


def test_that_the_program_leaves_no_garbage_to_python(tmp_path: Path) -> None:
    places = {name: str(tmp_path) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", OPENS, str(tmp_path / "workspace")],
        env=os.environ | places,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split("\n")[0] == "by us"
