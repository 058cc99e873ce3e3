"""Following a run: the whole stream from byte 0, live or finished, and no end goes unrecorded."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from pytestqt.qtbot import QtBot

from orpo_studio.config import RunSpec
from orpo_studio.events import AnyEvent, EventLog, RunEnded, RunLaunched, TrainingStarted, TrainMetrics, read_events
from orpo_studio.gui import follower as following
from orpo_studio.gui.follower import RunFollower
from orpo_studio.runs import RunFolder, RunLock, create_run


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, RunSpec.model_validate({"model": {"path": "m"}, "data": {"source": "d"}}))


@pytest.fixture
def follower(qtbot: QtBot, folder: RunFolder) -> Iterator[RunFollower]:
    made = RunFollower(folder)
    yield made
    made.stop()


def begin(log: EventLog) -> None:
    log.append(RunLaunched(attempt=1))
    log.append(
        TrainingStarted(
            first_step=0,
            total_steps=100,
            epochs=1.0,
            effective_batch=8,
            logging_steps=1,
            evaluation_steps=20,
            checkpoint_steps=20,
        )
    )


def step(number: int) -> TrainMetrics:
    return TrainMetrics(step=number, epoch=number / 100, seconds=float(number), values={"loss": 1.0})


def test_that_a_long_history_arrives_whole_and_in_order(qtbot: QtBot, folder: RunFolder, follower: RunFollower) -> None:
    with EventLog(folder.events_file) as log:
        begin(log)
        for number in range(1, 5001):
            log.append(step(number))
        log.append(RunEnded(outcome="completed", step=5000))
    seen: list[int] = []
    shown: set[str] = set()
    follower.events.connect(lambda events: seen.extend(event.seq for event in events))
    follower.state_changed.connect(lambda: shown.add(follower.state))
    follower.start()
    qtbot.waitUntil(lambda: follower.fold.ended is not None, timeout=10_000)

    assert shown == {"completed"}  # at no moment lost, although the lock is free and the end not yet read
    assert seen == list(range(1, 5004))
    assert follower.fold.gaps == 0


def test_that_events_written_later_arrive_too(qtbot: QtBot, folder: RunFolder, follower: RunFollower) -> None:
    lock = RunLock(folder.lock_file)
    assert lock.take()
    with EventLog(folder.events_file) as log:
        begin(log)
        follower.start()
        qtbot.waitUntil(lambda: follower.state == "running", timeout=5000)
        log.append(step(7))
        qtbot.waitUntil(lambda: follower.fold.latest.step == 7, timeout=5000)
    lock.release()


def test_that_a_run_whose_supervisor_is_gone_is_recorded_as_lost(
    qtbot: QtBot, folder: RunFolder, follower: RunFollower
) -> None:
    with EventLog(folder.events_file) as log:
        begin(log)
        log.append(step(3))
    follower.start()
    qtbot.waitUntil(lambda: follower.state == "lost" and follower.fold.ended is not None, timeout=5000)

    last = list(read_events(folder.events_file))[-1]
    assert isinstance(last, RunEnded)
    assert (last.outcome, last.step) == ("lost", 3)


def test_that_a_run_that_ends_while_it_is_read_is_not_shown_as_lost(
    folder: RunFolder, follower: RunFollower, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = RunLock(folder.lock_file)
    assert lock.take()
    with EventLog(folder.events_file) as log:
        begin(log)
        follower._looked = 0.0
        follower.poll()
        tail = follower._tail

        def ends_behind_it(limit: int) -> list[AnyEvent]:
            events = tail.poll(limit)
            log.append(RunEnded(outcome="completed", step=1))
            lock.release()
            return events

        with monkeypatch.context() as patch:
            patch.setattr(follower, "_tail", SimpleNamespace(poll=ends_behind_it, offset=0))
            follower._looked = 0.0
            follower.poll()
        assert follower.state == "running"
    follower._looked = 0.0
    follower.poll()
    assert follower.state == "completed"


def test_that_a_lost_run_is_shown_as_lost_where_nothing_can_be_written(
    qtbot: QtBot, folder: RunFolder, follower: RunFollower, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[RunFolder] = []

    def mark_lost(run: RunFolder) -> bool:
        tried.append(run)
        return following_mark_lost(run)

    following_mark_lost = following.mark_lost
    monkeypatch.setattr(following, "mark_lost", mark_lost)
    with EventLog(folder.events_file) as log:
        begin(log)
    folder.lock_file.mkdir()  # opening it fails, as on a disk that can only be read
    with qtbot.captureExceptions() as raised:
        follower.start()
        qtbot.waitUntil(lambda: len(tried) > 1, timeout=5000)

    assert not raised
    assert follower.state == "lost"


def test_that_a_supervisor_which_dies_before_its_first_word_is_told(
    qtbot: QtBot, folder: RunFolder, follower: RunFollower
) -> None:
    folder.console_log.write_text("ModuleNotFoundError: No module named 'torch'\n")
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(1)"])
    follower.watch_process(process)
    assert follower.state == "launching"
    with qtbot.waitSignal(follower.launch_failed, timeout=10_000):
        follower.start()

    assert follower.state == "created"


def test_that_a_supervisor_of_a_resume_which_dies_before_its_first_word_is_told_too(
    qtbot: QtBot, folder: RunFolder, follower: RunFollower
) -> None:
    with EventLog(folder.events_file) as log:
        begin(log)
        log.append(RunEnded(outcome="stopped", step=0))
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(4)"])
    follower.watch_process(process, follower.written())
    with qtbot.waitSignal(follower.launch_failed, timeout=10_000):
        follower.start()

    assert follower.state == "stopped"


def test_that_remaining_time_comes_from_the_pace_so_far(qtbot: QtBot, folder: RunFolder, follower: RunFollower) -> None:
    lock = RunLock(folder.lock_file)
    assert lock.take()
    with EventLog(folder.events_file) as log:
        begin(log)
        log.append(TrainMetrics(step=25, epoch=0.25, seconds=50.0, values={"loss": 1.0}))
    follower.start()
    qtbot.waitUntil(lambda: follower.fold.latest.step == 25, timeout=5000)
    assert follower.fold.remaining_seconds() == pytest.approx(150.0)
    lock.release()


def test_that_nothing_is_read_while_somebody_is_behind(qtbot: QtBot, folder: RunFolder, follower: RunFollower) -> None:
    seen: list[int] = []
    follower.events.connect(lambda events: seen.extend(event.seq for event in events))
    follower.hold_back_while(lambda: len(seen) >= 100)
    with EventLog(folder.events_file) as log:
        begin(log)
        for number in range(1, 2001):
            log.append(step(number))
    follower.start()
    qtbot.waitUntil(lambda: len(seen) >= 100, timeout=5000)
    for _ in range(20):
        follower.poll()
    assert len(seen) < 1000
    follower.hold_back_while(lambda: False)
    qtbot.waitUntil(lambda: len(seen) >= 2002, timeout=5000)

    assert seen == list(range(1, 2003))


def test_that_a_stream_which_is_written_fast_is_followed_as_fast(
    qtbot: QtBot, folder: RunFolder, follower: RunFollower
) -> None:
    lock = RunLock(folder.lock_file)
    assert lock.take()
    with EventLog(folder.events_file) as log:
        begin(log)
        follower.start()
        qtbot.waitUntil(lambda: follower.fold.attempts == 1, timeout=5000)
        for number in range(1, 3001):
            log.append(step(number))
    polls: list[int] = []
    follower.events.connect(lambda events: polls.append(follower._timer.interval()))
    qtbot.waitUntil(lambda: follower.fold.latest.step == 3000, timeout=5000)
    lock.release()

    assert set(polls[:-1]) == {following.BEHIND_MS}
    assert polls[-1] == following.POLL_MS
