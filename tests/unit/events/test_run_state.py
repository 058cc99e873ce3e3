"""The fold over events: what state a run is in."""

from dataclasses import replace

import pytest

from orpo_studio.events import (
    AnyEvent,
    CheckpointSaved,
    EvaluationMetrics,
    JobEnded,
    JobStarted,
    Problem,
    RunEnded,
    RunLaunched,
    RunQueued,
    RunState,
    RunUnqueued,
    SampleAnswer,
    StopRequested,
    StopStage,
    TrainerHeard,
    TrainerSilent,
    TrainingStarted,
    TrainMetrics,
)

LAUNCHED = RunLaunched(attempt=1)
STARTED = TrainingStarted(
    first_step=0, total_steps=10, epochs=1, effective_batch=8, logging_steps=1, evaluation_steps=5, checkpoint_steps=5
)
PROBLEM = Problem(severity="error", code="c", title="t", detail="d", hint="h")


def metrics(step: int, **values: float) -> TrainMetrics:
    return TrainMetrics(step=step, epoch=step / 10, seconds=step * 2.0, values=values)


def fold(*events: AnyEvent) -> RunState:
    state = RunState()
    for number, event in enumerate(events, 1):
        state.apply(event.model_copy(update={"seq": number, "time": float(number)}))
    return state


@pytest.mark.parametrize(
    ("events", "held", "name"),
    [
        ([], False, "created"),
        ([], True, "launching"),
        ([LAUNCHED], True, "launching"),
        ([LAUNCHED, STARTED], True, "running"),
        ([LAUNCHED, STARTED, StopRequested(step=3)], True, "stopping"),
        ([LAUNCHED, STARTED, StopRequested(step=3, to_pause=True)], True, "pausing"),
        ([LAUNCHED, STARTED, RunEnded(outcome="stopped", paused=True)], False, "paused"),
        (
            [LAUNCHED, STARTED, RunEnded(outcome="stopped", paused=True), RunQueued(place=1, attempts=1)],
            False,
            "waiting",
        ),
        ([RunQueued(place=1, attempts=0)], False, "waiting"),
        ([RunQueued(place=1, attempts=0), RunUnqueued()], False, "created"),
        ([RunQueued(place=1, attempts=0), LAUNCHED], True, "launching"),
        ([RunQueued(place=1, attempts=0), RunEnded(outcome="failed")], False, "failed"),
        ([LAUNCHED, STARTED], False, "lost"),
        ([LAUNCHED, STARTED, RunEnded(outcome="completed")], False, "completed"),
        ([LAUNCHED, STARTED, RunEnded(outcome="failed")], True, "failed"),
        ([LAUNCHED, RunEnded(outcome="lost"), LAUNCHED, STARTED], True, "running"),
    ],
)
def test_that_the_state_follows_from_events_and_lock(events: list[AnyEvent], held: bool, name: str) -> None:
    assert fold(*events).name(lock_held=held) == name


def test_that_missing_events_are_counted() -> None:
    state = RunState()
    for seq in (1, 2, 5, 6):
        state.apply(LAUNCHED.model_copy(update={"seq": seq}))
    assert state.gaps == 1
    assert fold(LAUNCHED, STARTED).gaps == 0


def test_that_a_resume_forgets_the_problems_of_the_attempt_before() -> None:
    failed = (LAUNCHED, PROBLEM, RunEnded(outcome="failed"))
    assert fold(*failed).error == PROBLEM.model_copy(update={"seq": 2, "time": 2.0})
    assert fold(*failed, RunLaunched(attempt=2)).error is None


def test_that_a_metric_stays_until_it_is_measured_again() -> None:
    state = fold(LAUNCHED, STARTED, metrics(1, loss=2.0, grad_norm=1.0), metrics(2, loss=1.5))
    assert state.latest.values == {"loss": 1.5, "grad_norm": 1.0}


def test_that_the_remaining_time_is_that_of_the_pace_so_far() -> None:
    assert fold(LAUNCHED, STARTED).remaining_seconds() is None
    assert fold(LAUNCHED, STARTED, metrics(4)).remaining_seconds() == pytest.approx(12.0)
    assert fold(LAUNCHED, STARTED, metrics(4), RunEnded(outcome="stopped")).remaining_seconds() is None


def test_that_measurements_before_and_after_are_told_apart() -> None:
    def measured(moment: str, accuracy: float) -> EvaluationMetrics:
        values = {"rewards/accuracies": accuracy}
        content = {"moment": moment, "step": 0, "epoch": 0, "seconds": 0, "pairs": 9, "values": values}
        return EvaluationMetrics.model_validate(content)

    state = fold(measured("before", 0.5), measured("during", 0.7), measured("after", 0.9))
    assert state.before is not None
    assert state.after is not None
    assert (state.before.values, state.after.values) == ({"rewards/accuracies": 0.5}, {"rewards/accuracies": 0.9})


def test_that_a_job_on_a_finished_run_leaves_its_end_alone() -> None:
    done = (LAUNCHED, STARTED, RunEnded(outcome="completed"))
    state = fold(*done, JobStarted(job="export"))
    assert (state.job, state.name(lock_held=True)) == ("export", "completed")
    state = fold(*done, JobStarted(job="export"), JobEnded(job="export", outcome="failed"))
    assert (state.job, state.name(lock_held=False)) == ("", "completed")


def test_that_a_stop_is_under_way_from_the_moment_it_was_asked_for_until_the_end() -> None:
    asked, renewed = StopStage(stage="asked"), StopStage(stage="asked", next_at=99.0)
    state = fold(LAUNCHED, STARTED, asked, renewed, StopStage(stage="terminated"))

    assert state.name(lock_held=True) == "stopping"
    assert state.stop_asked == 3.0
    assert state.stop is not None
    assert state.stop.stage == "terminated"
    assert fold(LAUNCHED, STARTED, asked, RunEnded(outcome="failed", forced=True)).stop is None
    assert fold(LAUNCHED, asked, RunEnded(outcome="failed"), LAUNCHED).stop is None


def test_that_a_stop_of_a_job_leaves_the_state_of_the_training_alone() -> None:
    state = fold(LAUNCHED, STARTED, RunEnded(outcome="completed"), JobStarted(job="export"), StopStage(stage="asked"))

    assert state.stop is not None
    assert not state.stopping


def test_that_a_silent_trainer_still_runs_and_is_forgotten_as_silent_when_it_is_heard_or_ends() -> None:
    silent = TrainerSilent(seconds=200, doing="waiting")
    state = fold(LAUNCHED, STARTED, silent)

    assert state.silent is not None
    assert state.name(lock_held=True) == "running"
    assert fold(LAUNCHED, STARTED, silent, TrainerHeard(seconds=230)).silent is None
    assert fold(LAUNCHED, STARTED, silent, RunEnded(outcome="failed")).silent is None


def test_that_a_state_stays_small_however_long_the_run() -> None:
    state = RunState()
    for step in range(1, 2000):
        state.apply(SampleAnswer(step=step, source="tuned", prompt=f"Prompt {step % 3}", answer=f"At {step}."))
        state.apply(CheckpointSaved(step=step, folder=f"checkpoints/checkpoint-{step}", size_bytes=1))
        state.apply(Problem(severity="warning", code="odd", title=f"Odd {step}", detail="", hint=""))

    assert [sample.answer for sample in state.samples] == ["At 1997.", "At 1998.", "At 1999."]
    assert (len(state.checkpoints), state.checkpoints[-1].step) == (200, 1999)
    assert (len(state.problems), state.problems[-1].title) == (200, "Odd 1999")


def test_that_a_copy_of_a_state_stays_as_it_was() -> None:
    state = RunState()
    state.apply(CheckpointSaved(step=1, folder="checkpoints/checkpoint-1", size_bytes=1))
    before = replace(state)
    state.apply(CheckpointSaved(step=2, folder="checkpoints/checkpoint-2", size_bytes=1))
    assert [saved.step for saved in before.checkpoints] == [1]
