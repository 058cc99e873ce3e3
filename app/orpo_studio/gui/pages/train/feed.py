"""From a run's events to points and marks on the chart board."""

import math
from collections.abc import Iterable, Iterator

from orpo_studio.events import (
    AnyEvent,
    CheckpointSaved,
    EvaluationMetrics,
    JobEnded,
    JobStarted,
    Machine,
    Problem,
    RunEnded,
    RunLaunched,
    TrainingStarted,
    TrainMetrics,
)
from orpo_studio.gui.charts import ChartBoard, Mark, Point
from orpo_studio.gui.charts.style import MarkKind

_BACK_OFF_CODES = ("out-of-memory", "smaller-batch", "back-off")


class ChartFeed:
    """Translates events in order. Machine samples stand where the training was when they were taken."""

    def __init__(self, board: ChartBoard) -> None:
        self._board = board
        self._forget()

    def reset(self) -> None:
        """Begin another run."""
        self._board.clear()
        self._forget()

    def take(self, events: Iterable[AnyEvent]) -> None:
        """Draw events, in one batch."""
        points: list[Point] = []
        marks: list[Mark] = []
        for event in events:
            self._move(event)
            points += self._points(event)
            if (mark := self._mark(event)) is not None:
                marks.append(mark)
        self._board.extend(points)
        for mark in marks:
            self._board.add_mark(mark)

    def _forget(self) -> None:
        self._step, self._epoch, self._seconds = 0.0, 0.0, 0.0
        self._time = math.nan
        """When the last point of the training was logged; NaN while nothing trains."""
        self._is_job = False
        """Whether an evaluation or an export is under way, whose problems are not the training's."""

    def _move(self, event: AnyEvent) -> None:
        match event:
            case TrainMetrics():
                self._step, self._epoch, self._seconds, self._time = event.step, event.epoch, event.seconds, event.time
            case TrainingStarted():
                self._time = event.time
            case RunEnded() | RunLaunched():
                self._time, self._is_job = math.nan, False
            case JobStarted() | JobEnded():
                self._is_job = isinstance(event, JobStarted)

    def _points(self, event: AnyEvent) -> Iterator[Point]:
        match event:
            case TrainMetrics():
                for name, value in event.values.items():
                    yield Point(name, event.step, event.epoch, event.seconds, value, "training")
            case EvaluationMetrics():
                for name, value in event.values.items():
                    yield Point(name, event.step, event.epoch, event.seconds, value, "evaluation")
            case Machine() if not math.isnan(self._time):
                seconds = self._seconds + max(0.0, event.time - self._time)
                for name, value in event.values.items():
                    yield Point(name, self._step, self._epoch, seconds, value, "training")

    def _mark(self, event: AnyEvent) -> Mark | None:
        kind: MarkKind
        match event:
            case EvaluationMetrics():
                kind, text = "evaluation", f"Evaluation on {event.pairs} held-out pairs"
            case CheckpointSaved():
                kind, text = "checkpoint", f"Checkpoint at step {event.step}"
            case Problem() if not self._is_job:
                kind, text = _kind(event), event.title
            case _:
                return None
        return Mark(kind, text, self._step, self._epoch, self._seconds)


def _kind(problem: Problem) -> MarkKind:
    if problem.severity == "error":
        return "failure"
    return "back-off" if problem.code in _BACK_OFF_CODES else "warning"
