"""Where samples of the machine, taken by the clock, stand among the steps."""

import pytest

from orpo_studio.events import AnyEvent, Machine, RunEnded, RunLaunched, TrainingStarted, TrainMetrics
from orpo_studio.gui.charts import ChartBoard
from orpo_studio.gui.pages.train.feed import ChartFeed


def started(time: float, first_step: int = 0) -> TrainingStarted:
    return TrainingStarted(
        time=time,
        first_step=first_step,
        total_steps=100,
        epochs=1.0,
        effective_batch=8,
        logging_steps=1,
        evaluation_steps=0,
        checkpoint_steps=0,
    )


def logged(step: int, time: float) -> TrainMetrics:
    return TrainMetrics(time=time, step=step, epoch=step / 100, seconds=time, values={"loss": 1.0})


def sampled(time: float) -> Machine:
    return Machine(time=time, values={"memory_gib": time})


def places(board: ChartBoard, *events: AnyEvent) -> list[tuple[float, float, float]]:
    """Feed events; return step, epoch and seconds of each sample."""
    ChartFeed(board).take(events)
    series = board.charts["Machine"].plot.curve("memory_gib", "training").series
    return [tuple(round(at, 6) for at in series.sample(i)[:3]) for i in range(len(series))]


def test_that_samples_of_the_first_step_wait_for_it_and_are_spread_over_it(board: ChartBoard) -> None:
    assert places(board, started(0), sampled(2), sampled(5)) == []
    board.clear()
    assert places(board, started(0), sampled(2), sampled(5), logged(1, 10)) == [(0.2, 0.002, 2), (0.5, 0.005, 5)]


def test_that_later_samples_stand_where_the_pace_foretells(board: ChartBoard) -> None:
    feed = (started(0), logged(1, 10), sampled(12), sampled(15), logged(2, 20), sampled(25))
    assert places(board, *feed) == [(1.2, 0.012, 12), (1.5, 0.015, 15), (2.5, 0.025, 25)]


def test_that_no_sample_overtakes_the_next_logged_step(board: ChartBoard) -> None:
    feed = (started(0), logged(5, 10), sampled(400), logged(10, 410))
    assert places(board, *feed) == [(10.0, 0.1, 400)]


def test_that_a_run_without_a_step_keeps_its_samples(board: ChartBoard) -> None:
    assert len(places(board, started(0), sampled(2), RunEnded(time=4, outcome="failed", exit_code=1))) == 1


def test_that_a_resumed_run_begins_anew_at_its_checkpoint(board: ChartBoard) -> None:
    end = RunEnded(time=31, outcome="stopped", step=3)
    first = (started(0), logged(1, 10), logged(2, 20), logged(3, 30), end, RunLaunched(time=100, attempt=2))
    again = (sampled(101), started(104, first_step=2), sampled(106), logged(3, 108))
    steps = [step for step, _, _ in places(board, *first, *again)]
    assert steps == [pytest.approx(2.5)]
