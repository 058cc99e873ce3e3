"""Work beside the event loop: results come home on the owner's thread, cancelled work is never heard of again."""

import threading

from PySide6.QtCore import QObject, QThread
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
