"""A stop goes on by itself where it is not answered, and never against a trainer that shows that it works."""

import time
from pathlib import Path
from typing import Literal

import pytest

from orpo_studio.config import RunSpec
from orpo_studio.events import StopStage
from orpo_studio.events.types import Event
from orpo_studio.runner.pulse import Pulse
from orpo_studio.runner.stopping import StopLadder, StopLimits
from orpo_studio.runner.trainer_process import Doing
from orpo_studio.runs import ask, create_run, pending, take


class Idle:
    """A trainer's process that does nothing; what is done to it is taken down."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.woken = 0

    def moved_bytes(self) -> int:
        return 0

    def cpu_seconds(self) -> float:
        return 0.0

    def doing(self, cpu_share: float) -> Doing:
        return "waiting"

    def wake(self) -> None:
        self.woken += 1

    def terminate(self) -> None:
        self.done.append("terminate")

    def kill(self) -> None:
        self.done.append("kill")


class Climbed:
    """A ladder on a clock of its own: a minute to answer, half a minute to leave."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = RunSpec.model_validate({"model": {"path": "demo"}, "data": {"source": "demo"}})
        self.folder = create_run(place, spec)
        self.process = Idle()
        self.pulse = Pulse(self.process, self.folder.heartbeat, silent=180)
        self.said: list[Event] = []
        self.ladder = StopLadder(self.folder, self.pulse, self.process, self.said.append, StopLimits())
        self.now = 1_000_000.0
        monkeypatch.setattr(time, "time", lambda: self.now)

    def pass_time(self, seconds: float, *, beats: bool = False, answered: Literal["", "stop", "pause"] = "") -> None:
        for number in range(round(seconds)):
            if beats:
                self.folder.heartbeat.write_text(str(number))
            self.now += 1
            self.pulse.look(1.0)
            self.ladder.look(1.0, answered=answered)

    def stages(self) -> list[tuple[str, float | None]]:
        return [
            (event.stage, event.next_at and round(event.next_at - 1_000_000))
            for event in self.said
            if isinstance(event, StopStage)
        ]


@pytest.fixture
def climbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Climbed:
    return Climbed(tmp_path, monkeypatch)


def test_that_nothing_is_done_unless_somebody_asks(climbed: Climbed) -> None:
    climbed.pass_time(5000)
    assert climbed.said == []
    assert climbed.process.done == []


def test_that_an_unanswered_stop_is_terminated_and_then_killed_each_at_the_time_that_was_told(climbed: Climbed) -> None:
    climbed.pass_time(200)
    ask(climbed.folder, "stop")
    climbed.pass_time(59)
    assert climbed.process.woken == 1
    assert climbed.process.done == []
    assert climbed.stages() == [("asked", None), ("asked", 261)]
    climbed.pass_time(3)
    assert climbed.process.done == ["terminate"]
    assert pending(climbed.folder, "leave")
    assert climbed.stages()[2:] == [("terminated", 291)]
    climbed.pass_time(30)
    assert climbed.process.done == ["terminate", "kill"]
    assert climbed.stages()[3:] == [("killed", None)]
    assert climbed.ladder.is_forced
    climbed.pass_time(100)
    assert climbed.process.done == ["terminate", "kill"]


def test_that_a_trainer_that_works_is_never_terminated_however_long_it_saves(climbed: Climbed) -> None:
    ask(climbed.folder, "stop")
    climbed.pass_time(600, beats=True)
    assert climbed.process.done == []
    assert climbed.stages() == [("asked", None)]
    assert not climbed.ladder.is_forced


def test_that_the_clock_is_taken_back_when_the_trainer_is_heard(climbed: Climbed) -> None:
    ask(climbed.folder, "stop")
    climbed.pass_time(40)
    assert climbed.stages()[-1][1] is not None
    climbed.pass_time(2, beats=True)
    assert climbed.stages()[-1] == ("asked", None)
    assert climbed.process.done == []


def test_that_a_stop_that_was_answered_before_it_was_seen_is_watched_as_well(climbed: Climbed) -> None:
    climbed.pass_time(200, answered="stop")
    assert climbed.process.done == ["terminate"]


def test_that_a_person_who_will_not_wait_goes_on_to_the_next_stage(climbed: Climbed) -> None:
    ask(climbed.folder, "stop")
    climbed.pass_time(5, beats=True)
    for done in (["terminate"], ["terminate", "kill"]):
        ask(climbed.folder, "end_now")
        climbed.pass_time(1)
        assert climbed.process.done == done
        assert not pending(climbed.folder, "end_now")


def test_that_a_run_can_be_ended_at_once_without_having_been_asked_to_stop(climbed: Climbed) -> None:
    ask(climbed.folder, "end_now")
    climbed.pass_time(1)
    assert climbed.process.done == ["terminate"]


def test_that_two_presses_at_once_are_one(climbed: Climbed) -> None:
    ask(climbed.folder, "end_now")
    ask(climbed.folder, "end_now")
    climbed.pass_time(1)
    assert climbed.process.done == ["terminate"]
    assert not take(climbed.folder, "end_now")


def test_that_a_run_folder_that_cannot_be_written_does_not_keep_the_trainer_alive(climbed: Climbed) -> None:
    ask(climbed.folder, "stop")
    climbed.pass_time(1)
    take(climbed.folder, "stop")
    climbed.folder.control.rmdir()
    climbed.folder.control.write_text("in the way")
    climbed.ladder._go_on()
    assert climbed.process.done == ["terminate"]


def test_that_a_deadline_is_told_anew_after_the_machine_slept(climbed: Climbed) -> None:
    climbed.pass_time(200)
    ask(climbed.folder, "stop")
    climbed.pass_time(20)
    climbed.now += 3600
    climbed.pass_time(1)
    assert climbed.stages()[-1] == ("asked", 3600 + 261)
    assert climbed.process.done == []


def test_that_an_unanswered_pause_has_the_same_stages_and_a_stop_outweighs_it(climbed: Climbed) -> None:
    ask(climbed.folder, "pause")
    climbed.pass_time(1)
    ask(climbed.folder, "stop")
    climbed.pass_time(1)
    told = [(event.stage, event.to_pause) for event in climbed.said if isinstance(event, StopStage)]
    assert told == [("asked", True), ("asked", False)]
    climbed.pass_time(200)
    assert climbed.process.done == ["terminate"]
