"""What is told of a run that stops or is silent: the clock, and what would be lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orpo_studio.events import (
    CheckpointSaved,
    JobStarted,
    RunEnded,
    RunState,
    Stage,
    StopStage,
    TrainerSilent,
    TrainingStarted,
    TrainMetrics,
)
from orpo_studio.events.state import RESULT_WAITS
from orpo_studio.events.types import Event
from orpo_studio.runs.live_words import (
    loss_of_waiting_result,
    lost_by_ending,
    silence_words,
    stop_title,
    stop_words,
    unwatched_words,
)
from orpo_studio.words import clock


def fold(*events: Event) -> RunState:
    state = RunState()
    for number, event in enumerate(events, 1):
        state.apply(event.model_copy(update={"seq": number, "time": 100.0}))  # type: ignore[arg-type]
    return state


def step(number: int) -> TrainMetrics:
    return TrainMetrics(step=number, epoch=0.1, seconds=1.0, values={})


def saved(number: int) -> CheckpointSaved:
    return CheckpointSaved(step=number, folder="c", size_bytes=1)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-5, "0:00"), (0.2, "0:01"), (7, "0:07"), (102, "1:42"), (3725, "1:02:05")]
)
def test_that_a_clock_is_read_as_one(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_that_a_clock_never_runs_backwards(earlier: float, more: float) -> None:
    def seconds(shown: str) -> int:
        return sum(int(part) * 60**place for place, part in enumerate(reversed(shown.split(":"))))

    assert seconds(clock(earlier)) <= seconds(clock(earlier + more))


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([step(5)], "Nothing is saved yet"),
        ([saved(40), step(47)], "since the checkpoint of step 40 is lost"),
        ([step(40), saved(40)], "Step 40 is saved."),
        ([saved(20), saved(40), step(47), JobStarted(job="export")], "the run is not affected"),
    ],
)
def test_that_what_is_lost_by_ending_is_told(events: list[Event], said: str) -> None:
    assert said in lost_by_ending(fold(*events))


def test_that_each_stage_has_its_words_and_its_way_on() -> None:
    told = [
        stop_words(fold(StopStage(stage=stage, next_at=next_at)), now=100)
        for stage, next_at in (("asked", None), ("asked", 160), ("terminated", 130), ("killed", None))
    ]
    assert [words and (words.title, words.button) for words in told] == [
        ("Stopping as soon as it can", "End now without saving"),
        ("Stopping: no answer yet, ended without saving in 1:00", "End now without saving"),
        ("Told to end without saving, ended by force in 0:30", "End by force now"),
        ("Ended by force: the system is ending it", ""),
    ]
    assert stop_words(fold(step(1)), now=100) is None
    trains = TrainingStarted(
        first_step=0,
        total_steps=9,
        epochs=1,
        effective_batch=1,
        logging_steps=1,
        evaluation_steps=9,
        checkpoint_steps=9,
    )
    title = stop_title(fold(trains, StopStage(stage="asked")), now=100)
    assert title == "Stopping: this step is finished and saved first"
    assert stop_title(fold(JobStarted(job="export"), StopStage(stage="asked")), now=100) == "Stopping"


def test_that_silence_counts_from_the_last_sign_of_life() -> None:
    silent = TrainerSilent(seconds=180, doing="suspended").model_copy(update={"time": 1000.0})
    assert silence_words(silent, now=1060).title == "No progress for 4 min"
    assert "suspended" in silence_words(silent, now=1060).detail


def test_that_a_run_of_which_nobody_speaks_is_told_and_one_that_was_just_made_is_not() -> None:
    assert unwatched_words(RunState(), now=1e9) is None
    assert unwatched_words(fold(step(1), RunEnded(outcome="stopped", step=1)), now=1e9) is None
    assert unwatched_words(fold(step(1)), now=120) is None
    words = unwatched_words(fold(step(1)), now=160)
    assert words is not None
    assert words.title == "No word from this run for 1 min"


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([step(5)], ""),
        ([step(5), saved(5), Stage(name=RESULT_WAITS, title="W")], ""),
        ([saved(4), step(5), Stage(name=RESULT_WAITS, title="W")], "the last step is lost: the last checkpoint is"),
        ([step(5), Stage(name=RESULT_WAITS, title="W")], "the last 5 steps are lost: none was saved."),
        ([step(5), Stage(name=RESULT_WAITS, title="W"), Stage(name="save", title="S")], ""),
    ],
)
def test_that_what_a_result_that_waits_would_cost_is_told(events: list[Event], said: str) -> None:
    lost = loss_of_waiting_result(fold(*events))
    assert (said in lost) if said else not lost
