"""A disk that fills while a run trains: the last complete checkpoint stays, and nothing learned is thrown away."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch

from faults.small_disk import SmallDisk, contents, mounted
from helpers.tiny_model import make_rows, write_rows, write_tiny_model
from helpers.training import error, losses, make_run, of_kind, outcome, run
from orpo_studio.events import CheckpointSaved, Event, Problem, RunEnded, StopRequested, read_events
from orpo_studio.fit.disk import SMALL_BYTES, room_for_run
from orpo_studio.models.card import inspect_model
from orpo_studio.runs import RunFolder, ask
from orpo_studio.trainer import checkpoints, saving, waiting
from orpo_studio.trainer.environment import prepare_environment

prepare_environment()

PLENTY = 24
"""Megabytes of the small disk: room for some checkpoints of the tiny model."""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with mounted(tmp_path / "disk", PLENTY) as made:
        yield made


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    home = tmp_path_factory.mktemp("inputs")
    return write_tiny_model(home / "tiny-llama"), write_rows(home / "pairs.jsonl", make_rows(24))


@pytest.fixture
def folder(disk: SmallDisk, inputs: tuple[Path, Path]) -> RunFolder:
    return make_run(disk.path, *inputs, train={"checkpoint_steps": 2}, evaluate={"samples": 0, "pairs": 1})


@pytest.fixture
def at_step(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], object]], None]:
    """Do something before a step."""
    from orpo_studio.trainer.reporter import Reporter

    wanted: dict[int, Callable[[], object]] = {}
    original = Reporter.on_step_begin

    def on_step_begin(self: Reporter, args: Any, state: Any, control: Any, **options: Any) -> None:
        if state.global_step + 1 in wanted:
            wanted.pop(state.global_step + 1)()
        original(self, args, state, control, **options)

    monkeypatch.setattr(Reporter, "on_step_begin", on_step_begin)
    return wanted.__setitem__


def change(folder: RunFolder, before: str, after: str) -> None:
    """Change a setting of a run that has not begun."""
    text = folder.spec_file.read_text(encoding="utf-8")
    assert before in text
    folder.spec_file.write_text(text.replace(before, after), encoding="utf-8")


def saved_steps(events: list[Event]) -> list[int]:
    return [event.step for event in of_kind(events, CheckpointSaved)]


def warnings(events: list[Event]) -> list[Problem]:
    return [event for event in of_kind(events, Problem) if event.severity == "warning"]


def kept(folder: RunFolder) -> list[int]:
    return [checkpoint.step for checkpoint in checkpoints.complete_checkpoints(folder.checkpoints)]


@pytest.mark.parametrize("leave", [0, 150_000], ids=["nothing", "half-a-checkpoint"])
def test_that_training_goes_on_without_a_checkpoint_and_saves_when_there_is_room(
    disk: SmallDisk, folder: RunFolder, at_step: Any, monkeypatch: pytest.MonkeyPatch, leave: int
) -> None:
    monkeypatch.setattr(saving, "_LOOK_SECONDS", 0.0)
    # Half of it is written before the disk says no.
    monkeypatch.setattr(saving, "require_room", lambda _folder, _needed: None)
    before: dict[str, bytes] = {}

    def fill() -> None:
        before.update(contents(folder.checkpoints))
        disk.fill(leave)

    def look() -> None:
        assert contents(folder.checkpoints) == before
        disk.make_room()

    at_step(3, fill)
    at_step(5, look)

    events = run(folder)

    assert outcome(events) == "completed"
    assert saved_steps(events) == [2, 5, 6]
    assert sorted(losses(events)) == [1, 2, 3, 4, 5, 6]
    (warning,) = warnings(events)
    assert warning.code == "checkpoint-not-saved"
    assert "step 4 could not be saved" in warning.title
    assert "go on from step 2" in warning.detail
    assert "missing" in warning.detail or "No space left" in warning.detail
    assert any(name.startswith("checkpoint-2/") for name in before)


def test_that_the_disk_is_not_filled_by_what_cannot_be_whole_there(
    disk: SmallDisk, folder: RunFolder, at_step: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    least: list[int] = []
    write = saving.CheckpointSaver._write_once

    def note(self: Any, *arguments: Any) -> Any:
        least.append(disk.free)
        return write(self, *arguments)

    monkeypatch.setattr(saving.CheckpointSaver, "_write_once", note)
    at_step(3, lambda: disk.fill(40_000))
    at_step(5, disk.make_room)

    events = run(folder)

    (warning,) = warnings(events)
    assert "MB" in warning.detail or "kB are missing" in warning.detail
    assert len(least) == len(saved_steps(events))
    assert outcome(events) == "completed"


def test_that_a_run_told_to_stop_ends_saved_and_goes_on_from_there(
    disk: SmallDisk, folder: RunFolder, at_step: Any
) -> None:
    change(folder, 'checkpoint_failure = "go_on"', 'checkpoint_failure = "stop"')
    at_step(3, disk.fill)

    events = run(folder)

    problem = error(events)
    assert (outcome(events), problem.code) == ("failed", "checkpoint-not-saved")
    assert problem.title == "The training stopped because a checkpoint could not be saved."
    assert problem.hint == "Make room on that disk, then resume the run."
    assert "go on from step 2" in problem.detail
    assert "Make room" in problem.hint
    assert kept(folder) == [2]
    assert {path.name for path in folder.checkpoints.iterdir()} == {"checkpoint-2"}
    disk.make_room()
    again = run(folder)
    assert outcome(again) == "completed"
    assert sorted(losses(again)) == [3, 4, 5, 6]


def test_that_an_older_checkpoint_makes_room_for_the_next_but_the_last_one_stays(
    disk: SmallDisk, folder: RunFolder, at_step: Any
) -> None:
    one = [0]

    def fill() -> None:
        one[0] = checkpoints.complete_checkpoints(folder.checkpoints)[-1].size_bytes
        assert kept(folder) == [2, 4]
        disk.fill(one[0] // 2)

    at_step(5, fill)

    events = run(folder)

    assert saved_steps(events) == [2, 4, 6]
    assert kept(folder) == [4, 6]
    spec = folder.read_spec()
    room = room_for_run(spec, inspect_model(Path(spec.model.path)), None, pairs=None, free=0, cache_free=None)
    assert room is not None
    assert room.need.checkpoint - SMALL_BYTES <= one[0] <= room.need.checkpoint
    assert 0 <= room.need.result - folder.result_bytes() <= SMALL_BYTES
    assert outcome(events) == "completed"
    assert {warning.code for warning in warnings(events)} <= {"waiting-for-room"}


def test_that_a_stop_that_cannot_be_saved_does_not_say_that_it_was(
    disk: SmallDisk, folder: RunFolder, at_step: Any
) -> None:
    def stop() -> None:
        disk.fill()
        ask(folder, "stop")  # takes no room

    at_step(3, stop)

    events = run(folder)

    assert of_kind(events, StopRequested)
    assert (outcome(events), error(events).code) == ("failed", "checkpoint-not-saved")
    assert error(events).title == "The training stopped, and its last checkpoint could not be saved."
    assert "go on from step 2" in error(events).detail
    assert kept(folder) == [2]


def test_that_a_result_waits_for_room(
    disk: SmallDisk, folder: RunFolder, at_step: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = [0]

    def look(home: Path) -> int:
        looks[0] += 1
        if looks[0] == 3:
            assert not folder.has_result()
            disk.make_room()
        return disk.free

    change(folder, "checkpoint_steps = 2", "checkpoint_steps = 4")
    monkeypatch.setattr(waiting, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(waiting, "free_bytes", look)
    at_step(5, disk.fill)

    events = run(folder)

    assert outcome(events) == "completed"
    assert [warning.code for warning in warnings(events)] == ["checkpoint-not-saved", "waiting-for-room"]
    assert "go on from step 4" in warnings(events)[1].detail
    assert folder.has_result()
    assert looks[0] == 3


def test_that_a_stop_ends_the_wait_and_the_result_is_not_said_to_be_there(
    disk: SmallDisk, folder: RunFolder, at_step: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(folder, "checkpoint_steps = 2", "checkpoint_steps = 4")
    monkeypatch.setattr(waiting, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(waiting, "free_bytes", lambda _home: ask(folder, "stop") or disk.free)
    at_step(5, disk.fill)

    events = run(folder)

    assert (outcome(events), error(events).code) == ("failed", "result-not-saved")
    assert not folder.has_result()
    assert kept(folder) == [4]
    disk.make_room()
    assert outcome(run(folder)) == "completed"


def test_that_a_pause_while_the_result_waits_loses_nothing(
    disk: SmallDisk, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save(*_arguments: Any) -> None:
        disk.fill()
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("orpo_studio.trainer.train.save_result", save)
        full.setattr(waiting, "_LOOK_SECONDS", 0.001)
        full.setattr(waiting, "free_bytes", lambda _home: ask(folder, "pause") or disk.free)
        events = run(folder)

    (warning,) = warnings(events)
    assert "go on from step 6" in warning.detail
    assert "loses nothing" in warning.hint
    assert [(stop.step, stop.to_pause) for stop in of_kind(events, StopRequested)] == [(6, True)]
    end = of_kind(events, RunEnded)[-1]
    assert (end.outcome, end.paused, end.step) == ("stopped", True, 6)
    assert not folder.has_result()
    disk.make_room()
    again = run(folder)
    assert (outcome(again), losses(again)) == ("completed", {})
    assert folder.has_result()


def test_that_a_pause_that_would_lose_steps_does_not_say_that_it_paused(
    disk: SmallDisk, folder: RunFolder, at_step: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(folder, "checkpoint_steps = 2", "checkpoint_steps = 4")
    monkeypatch.setattr(waiting, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(waiting, "free_bytes", lambda _home: ask(folder, "pause") or disk.free)
    at_step(5, disk.fill)

    events = run(folder)

    assert "train again" in warnings(events)[-1].hint
    assert (outcome(events), error(events).code) == ("failed", "result-not-saved")
    assert "go on from step 4" in error(events).detail


def test_that_a_disk_that_turns_read_only_is_told_as_that(
    disk: SmallDisk, folder: RunFolder, at_step: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "_AGAIN_SECONDS", 0.0)
    folder.checkpoints.mkdir()
    with mounted(folder.checkpoints, 8) as home, ExitStack() as held:  # a whole disk with open files stays writable
        at_step(4, lambda: held.enter_context(home.read_only()))
        at_step(5, held.close)

        events = run(folder)

    assert outcome(events) == "completed"
    (warning,) = warnings(events)
    assert "Read-only" in warning.detail
    assert "Allow writing" in warning.hint
    assert saved_steps(events) == [2, 5, 6]


def test_that_the_stream_of_a_run_is_whole_after_a_full_disk(disk: SmallDisk, folder: RunFolder, at_step: Any) -> None:
    at_step(2, disk.fill)
    at_step(6, disk.make_room)

    assert outcome(run(folder)) == "completed"

    found = list(read_events(folder.events_file))
    assert [event.seq for event in found] == list(range(1, len(found) + 1))
    assert [event.time for event in found] == sorted(event.time for event in found)
    assert sorted(losses(found)) == [1, 2, 3, 4, 5, 6]
