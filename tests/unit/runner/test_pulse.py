"""Signs of life: the heartbeat file, and the disk where it stands still; time that nobody lived through is none."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orpo_studio.events import TrainerHeard, TrainerSilent
from orpo_studio.events.types import Event
from orpo_studio.runner.pulse import LONGEST_PATIENCE, Pulse
from orpo_studio.runner.silence import SilenceWatch
from orpo_studio.runner.trainer_process import Doing


@dataclass
class FakeProcess:
    """A process of which all is said."""

    moved: int = 0
    cpu: float = 0.0
    status: Doing | None = None
    stacks: int = 0

    def moved_bytes(self) -> int:
        return self.moved

    def cpu_seconds(self) -> float:
        return self.cpu

    def doing(self, cpu_share: float) -> Doing:
        return self.status or ("computing" if cpu_share > 0.5 else "waiting")

    def print_stack(self) -> None:
        self.stacks += 1


class Watched:
    """A trainer's pulse on a clock of its own."""

    def __init__(self, place: Path) -> None:
        self.file = place / "heartbeat"
        self.process = FakeProcess()
        self.pulse = Pulse(self.process, self.file, silent=180)
        self.said: list[Event] = []
        self.watch = SilenceWatch(self.pulse, self.process, self.said.append)
        self._beats = 0

    def beat(self) -> None:
        self._beats += 1
        self.file.touch()
        os.utime(self.file, ns=(self._beats, self._beats))

    def pass_time(self, seconds: float, cpu: float = 0.0, moved_a_second: int = 0) -> None:
        for _ in range(round(seconds)):
            self.process.cpu += cpu
            self.process.moved += moved_a_second
            self.pulse.look(1.0)
            self.watch.look()


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_that_a_beat_ends_the_silence(watched: Watched) -> None:
    watched.pass_time(100)
    assert watched.pulse.silence == 100
    watched.beat()
    watched.pass_time(1)
    assert watched.pulse.silence == 0
    assert watched.pulse.has_beaten
    assert watched.said == []


def test_that_silence_is_told_once_and_then_that_the_trainer_is_heard_again(watched: Watched) -> None:
    watched.beat()
    watched.pass_time(300)
    (silent,) = watched.said
    assert isinstance(silent, TrainerSilent)
    assert (silent.seconds, silent.doing) == (180, "waiting")
    watched.beat()
    watched.pass_time(1)
    assert watched.said[1:] == [TrainerHeard(seconds=299)]


def test_that_a_trainer_that_was_slow_before_is_given_more_time(watched: Watched) -> None:
    watched.beat()
    watched.pass_time(100)
    watched.beat()
    watched.pass_time(400)
    assert watched.said == []
    watched.pass_time(150)
    assert len(watched.said) == 1


@given(st.floats(0, 1e6))
def test_that_patience_has_its_bounds(longest: float) -> None:
    pulse = Pulse(FakeProcess(), Path("nowhere"), silent=180)
    pulse.longest = longest
    assert 180 <= pulse.patience <= LONGEST_PATIENCE


def test_that_a_model_that_is_loaded_from_a_slow_disk_is_not_silent(watched: Watched) -> None:
    watched.pass_time(1000, moved_a_second=300_000)
    assert watched.said == []


def test_that_a_trickle_on_the_disk_is_no_life(watched: Watched) -> None:
    watched.beat()
    watched.pass_time(300, moved_a_second=100)
    assert len(watched.said) == 1


def test_that_a_busy_processor_is_told_but_is_no_sign_of_life(watched: Watched) -> None:
    watched.beat()
    watched.pass_time(200, cpu=1.0)
    (silent,) = watched.said
    assert isinstance(silent, TrainerSilent)
    assert (silent.doing, silent.cpu_percent) == ("computing", 100)


def test_that_another_reason_of_the_silence_is_told(watched: Watched) -> None:
    watched.beat()
    watched.pass_time(200)
    watched.process.status = "suspended"
    watched.pass_time(10)
    assert [event.doing for event in watched.said if isinstance(event, TrainerSilent)] == ["waiting", "suspended"]


def test_that_a_night_in_which_the_machine_slept_is_no_silence(watched: Watched) -> None:
    watched.beat()
    watched.pulse.look(1.0)
    watched.pulse.look(8 * 3600.0)
    watched.watch.look()
    assert watched.pulse.silence <= 2
    assert watched.said == []


def test_that_the_stack_is_printed_and_again_later_to_tell_whether_it_moves(watched: Watched) -> None:
    watched.beat()
    watched.pass_time(181)
    assert watched.process.stacks == 1
    watched.pass_time(181)
    assert watched.process.stacks == 2
    watched.pass_time(181)
    assert watched.process.stacks == 2


def test_that_no_stack_is_asked_of_a_trainer_that_never_beat_since_the_signal_would_end_it(watched: Watched) -> None:
    watched.pass_time(200)
    assert len(watched.said) == 1
    assert watched.process.stacks == 0
