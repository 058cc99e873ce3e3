"""Supervisor and trainer as processes of their own, all that they write on one full disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.small_disk import SmallDisk, mounted
from helpers.fake_trainer import put_in_front
from helpers.waiting import wait_until
from orpo_studio.config import RunSpec
from orpo_studio.events import EventTail, RunState, TrainMetrics, read_events
from orpo_studio.runs import create_run, is_held, launch, summarize
from orpo_studio.runs.ending import explain_end, explain_silence

SPEC = RunSpec.model_validate({"model": {"path": "demo"}, "data": {"source": "demo"}})
TALKS_ON = """
from orpo_studio.runs.console import forgive_full_console
forgive_full_console()
log.close()
with HoldingEventLog(folder.events_file) as log:
    started(1000)
    while not (folder.path / "full").exists():
        time.sleep(0.01)
    for number in range(1, 400):
        step(number)
        print("x" * 5000)
    print("y" * 5000, file=sys.stderr)
    if (folder.path / "dies").exists():
        time.sleep(2.5)  # the supervisor samples the machine in the meantime
    else:
        end("completed")
os._exit(0)
"""
"""Waits until the disk is full, then says and prints more than finds room."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with mounted(tmp_path / "disk", 2) as made:
        yield made


@pytest.mark.parametrize("end", ["says-its-end", "dies"])
def test_that_a_full_disk_ends_neither_and_the_end_is_recorded(
    disk: SmallDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    put_in_front(monkeypatch, tmp_path / "fake", TALKS_ON)
    folder = create_run(disk.path, SPEC)
    if end == "dies":
        (folder.path / "dies").touch()
    process = launch(folder)
    tail, state = EventTail(folder.events_file), RunState()

    def training() -> bool:
        for event in tail.poll():
            state.apply(event)
        return state.training is not None

    wait_until(training, what="the first step")
    disk.fill()
    (folder.path / "full").touch()
    process.wait(60)

    assert not is_held(folder.lock_file)
    found = list(read_events(folder.events_file))
    assert [event.seq for event in found] == list(range(1, len(found) + 1))
    assert max(event.step for event in found if isinstance(event, TrainMetrics)) > 390
    summary = summarize(folder)
    assert summary.fold.ended is not None
    if end == "dies":
        assert summary.state == "failed"
        assert explain_end(folder, summary.fold.ended, summary.fold.error) is not None
    else:
        assert summary.state == "completed"


def test_that_a_start_on_a_full_disk_says_so_although_the_log_cannot(disk: SmallDisk) -> None:
    folder = create_run(disk.path, SPEC)
    disk.fill()

    process = launch(folder)
    process.wait(60)

    ending = explain_silence(folder)
    assert ending.code == "disk-full"
    assert "Make room" in ending.hint
    assert summarize(folder).state == "created"
