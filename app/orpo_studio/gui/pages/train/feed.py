"""From a run's events to points and marks on the chart board."""

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

import numpy as np

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
from orpo_studio.gui.charts.style import Kind, MarkKind

_BACK_OFF_CODES = ("out-of-memory", "smaller-batch", "back-off")


class _Place(NamedTuple):
    """Where the training was: the step, and the time of its logging."""

    step: float
    epoch: float
    seconds: float
    time: float

    def ahead(self, stride: "_Place", share: float, time: float) -> "_Place":
        """Return the place this share of a stride later, at a time."""
        seconds = self.seconds + max(0.0, time - self.time)
        return _Place(self.step + share * stride.step, self.epoch + share * stride.epoch, seconds, time)


_START = _Place(0.0, 0.0, 0.0, math.nan)


class ChartFeed:
    """Translates events in order.

    The machine is sampled by the clock and not by the step. Over steps and epochs a sample stands as far beyond the
    last logged step as the pace of that step foretells, at most one logging interval; over time it stands at its
    time. Piled upon the last step, the samples of a slow run would be a stroke above each step, and a card that
    always ran over time could not share zoom and crosshair with the others. Samples from before the first step wait
    for it, and are spread over the way to it.
    """

    def __init__(self, board: ChartBoard) -> None:
        self._board = board
        self._forget()

    def reset(self) -> None:
        """Begin another run."""
        self._board.clear()
        self._forget()

    def take(self, events: Iterable[AnyEvent]) -> None:
        """Draw events."""
        for is_step, batch in groupby(events, lambda event: isinstance(event, TrainMetrics)):
            steps = list(batch)
            if not is_step or not self._take_steps(steps):
                self._take_one_by_one(steps)

    def _take_one_by_one(self, events: list[AnyEvent]) -> None:
        points: list[Point] = []
        marks: list[Mark] = []
        for event in events:
            points += self._points(event)
            if (mark := self._mark(event)) is not None:
                marks.append(mark)
        self._board.extend(points)
        for mark in marks:
            self._board.add_mark(mark)

    def _take_steps(self, steps: list[TrainMetrics]) -> bool:
        """Draw logged steps at once where they are all alike, as they are but for the first and a resume's."""
        names = list(steps[0].values)
        if self._early or not self._trains or any(list(event.values) != names for event in steps):
            return False
        places = np.array([(event.step, event.epoch, event.seconds) for event in steps], dtype=np.float64)
        if not np.isfinite(places).all():
            return False
        self._board.extend_steps(names, *places.T, np.array([list(event.values.values()) for event in steps]))
        for event in steps[-2:]:
            self._pass(_Place(event.step, event.epoch, event.seconds, event.time))
        return True

    def _forget(self) -> None:
        self._here = _START
        self._stride: _Place | None = None
        """The way from one logged step to the next, in steps, epochs, seconds and time; None before the first."""
        self._early: list[Machine] = []
        self._trains = False
        self._is_job = False
        """Whether an evaluation or an export is under way, whose problems are not the training's."""

    def _points(self, event: AnyEvent) -> Iterator[Point]:
        match event:
            case TrainMetrics():
                yield from self._move(_Place(event.step, event.epoch, event.seconds, event.time))
                yield from _at(self._here, event.values)
            case EvaluationMetrics():
                yield from _at(_Place(event.step, event.epoch, event.seconds, event.time), event.values, "evaluation")
            case Machine() if self._trains and self._stride is None:
                self._early.append(event)
            case Machine() if self._trains and self._stride is not None:
                waited = event.time - self._here.time
                share = min(1.0, waited / self._stride.time) if self._stride.time > 0 else 1.0
                yield from _at(self._here.ahead(self._stride, share, event.time), event.values)
            case TrainingStarted():
                epoch = self._here.epoch if event.first_step else 0.0
                self._here = _Place(event.first_step, epoch, self._here.seconds, event.time)
                self._trains = True
            case RunEnded() | RunLaunched():
                yield from self._spread_early(self._here)
                self._trains, self._stride, self._is_job = False, None, False
            case JobStarted() | JobEnded():
                self._is_job = isinstance(event, JobStarted)

    def _move(self, there: _Place) -> Iterator[Point]:
        if self._trains:
            yield from self._spread_early(there)
        self._pass(there)

    def _pass(self, there: _Place) -> None:
        if self._trains:
            forward = there.step >= self._here.step
            self._stride = _Place(*(b - a for a, b in zip(self._here, there, strict=True))) if forward else _START
        self._here, self._trains = there, True

    def _spread_early(self, first: _Place) -> Iterator[Point]:
        """Place what was sampled on the way to the first step."""
        way = first.time - self._here.time
        for sample in self._early:
            share = min(1.0, max(0.0, (sample.time - self._here.time) / way)) if way > 0 else 1.0
            step, epoch, _, _ = (a + share * (b - a) for a, b in zip(self._here, first, strict=True))
            seconds = max(self._here.seconds, first.seconds - max(0.0, first.time - sample.time))
            yield from _at(_Place(step, epoch, seconds, sample.time), sample.values)
        self._early.clear()

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
        return Mark(kind, text, *self._here[:3])


def _at(place: _Place, values: Mapping[str, float], kind: Kind = "training") -> Iterator[Point]:
    for name, value in values.items():
        yield Point(name, place.step, place.epoch, place.seconds, value, kind)


def _kind(problem: Problem) -> MarkKind:
    if problem.severity == "error":
        return "failure"
    return "back-off" if problem.code in _BACK_OFF_CODES else "warning"
