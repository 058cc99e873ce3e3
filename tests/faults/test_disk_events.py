"""A full disk does not keep events from being recorded: they wait in memory, in order, and the end has room kept."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from faults.small_disk import SmallDisk, mounted
from orpo_studio.config import RunSpec
from orpo_studio.events import EventLog, EventLogError, HoldingEventLog, Problem, RunEnded, TrainMetrics, read_events
from orpo_studio.events import holding as holding_module
from orpo_studio.events.reserve import RESERVE_BYTES, reserve_of
from orpo_studio.runs import create_run, mark_lost


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with mounted(tmp_path / "disk", 2) as made:
        yield made


def metric(step: int) -> TrainMetrics:
    return TrainMetrics(
        step=step, epoch=0.0, seconds=0.0, values={"loss": 1.0 / step, **{f"v{n}": 0.1 for n in range(12)}}
    )


def steps(path: Path) -> list[int]:
    return [event.step for event in read_events(path) if isinstance(event, TrainMetrics)]


def assert_whole(path: Path) -> None:
    assert [event.seq for event in read_events(path)] == list(range(1, len(list(read_events(path))) + 1))


def test_that_events_wait_for_room_in_their_order_and_with_their_times(disk: SmallDisk) -> None:
    path = disk.path / "events.jsonl"
    with HoldingEventLog(path) as log:
        log.append(metric(1))
        disk.fill()
        fills_its_block = 0
        while not log.held:
            fills_its_block += 1
            log.append(metric(1 + fills_its_block))
        began = time.time()
        for step in range(100, 120):
            log.append(metric(step))
        assert len(log.held) == 21
        disk.make_room()
        room = time.time()
        log.append(metric(120))

        assert log.held == []

    assert steps(path) == [*range(1, fills_its_block + 2), *range(100, 121)]
    assert_whole(path)
    said = {event.step: event.time for event in read_events(path) if isinstance(event, TrainMetrics)}
    assert began <= said[100] <= said[119] <= room <= said[120]


def test_that_another_writer_gets_its_number_in_between(disk: SmallDisk) -> None:
    path = disk.path / "events.jsonl"
    with HoldingEventLog(path) as trainer, EventLog(path) as supervisor:
        disk.fill()
        while not trainer.held:
            trainer.append(metric(1))
        with pytest.raises(EventLogError):
            supervisor.append(metric(500))
        disk.make_room()
        supervisor.append(metric(600))
        trainer.append(metric(2))

    assert steps(path)[-3:] == [600, 1, 2]
    assert_whole(path)


def test_that_the_end_is_recorded_on_a_full_disk(disk: SmallDisk) -> None:
    path = disk.path / "events.jsonl"
    with HoldingEventLog(path) as log:
        disk.fill()
        for step in range(1, 4000):
            log.append(metric(step))
        held = len(log.held)
        log.append(Problem(severity="error", code="full", title="Full.", detail="Very.", hint="Make room."))
        log.append(RunEnded(outcome="failed", step=3999))

    found = list(read_events(path))
    assert held > 3900
    assert_whole(path)
    assert steps(path) == sorted(steps(path))
    assert steps(path)[-1] > 3990
    assert [event.type for event in found[-3:]] == ["problem", "run.ended", "problem"]
    left_out = found[-1]
    assert isinstance(left_out, Problem)
    assert left_out.code == "events-left-out"
    assert str(3999 - len(steps(path))) in left_out.detail
    assert not reserve_of(path).exists()


def test_that_waiting_events_are_bounded_and_what_was_left_out_is_told(
    disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding_module, "MOST_HELD", 50)
    path = disk.path / "events.jsonl"
    with HoldingEventLog(path) as log:
        disk.fill()
        for step in range(1, 500):
            log.append(metric(step))
            assert len(log.held) <= 50
        disk.make_room()
        log.append(metric(500))
        assert not log.held

    assert steps(path)[-1] == 500
    (told,) = (event for event in read_events(path) if isinstance(event, Problem))
    assert str(500 - len(steps(path))) in told.detail


def test_that_what_cannot_be_written_even_then_is_told_to_the_console(
    disk: SmallDisk, capfd: pytest.CaptureFixture[str]
) -> None:
    path = disk.path / "events.jsonl"
    with HoldingEventLog(path) as log:
        reserve_of(path).unlink()
        disk.fill()
        for step in range(1, 20):
            log.append(metric(step))
        log.append(Problem(severity="error", code="full", title="The loss is lost.", detail="Row 7.", hint=""))

    assert "The loss is lost. Row 7." in capfd.readouterr().err
    assert_whole(path)


def test_that_room_is_set_aside_once_and_only_where_there_is_room(disk: SmallDisk) -> None:
    path = disk.path / "events.jsonl"
    with HoldingEventLog(path):
        assert reserve_of(path).stat().st_size == RESERVE_BYTES
    reserve_of(path).unlink()
    disk.fill(leave=RESERVE_BYTES // 2)
    with HoldingEventLog(path):
        assert not reserve_of(path).exists()


def test_that_a_lost_run_is_recorded_on_a_full_disk(disk: SmallDisk) -> None:
    folder = create_run(disk.path, RunSpec())
    with HoldingEventLog(folder.events_file) as log:
        log.append(metric(1))
    with EventLog(folder.events_file) as supervisor:
        from orpo_studio.events import RunLaunched

        supervisor.append(RunLaunched(attempt=1))
        disk.fill()
        with suppress(EventLogError):
            while True:  # what is left of the last block
                supervisor.append(metric(2))

    assert mark_lost(folder)

    last = list(read_events(folder.events_file))[-1]
    assert isinstance(last, RunEnded)
    assert last.outcome == "lost"
