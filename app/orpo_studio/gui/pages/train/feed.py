"""From a run's events to points and marks on the chart board."""

import math
from collections.abc import Iterable, Iterator, Mapping
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

_BACK_OFF_CODES = ("memory-short",)
_FAILURES = {"failed": "The run was ended here, before it was done.", "lost": "The run was lost here."}
_FORCED = "The run was ended here without saving."


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


class _Steps:
    """Logged steps that are all alike, to be drawn at once: column by column instead of value by value."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._places: list[tuple[float, float, float]] = []
        self._values: list[list[float]] = []

    def take(self, event: TrainMetrics) -> bool:
        """Add a step; False where it has other metrics than those before it, and nothing was added."""
        names = list(event.values)
        if names != self._names:
            if self._places:
                return False
            self._names = names
        self._places.append((event.step, event.epoch, event.seconds))
        self._values.append(list(event.values.values()))
        return True

    def draw(self, board: ChartBoard) -> None:
        """Draw what was added."""
        if self._places and self._names:
            steps, epochs, seconds = np.array(self._places, dtype=np.float64).T
            board.extend_steps(self._names, steps, epochs, seconds, np.array(self._values, dtype=np.float64))


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
        """Draw events, in one batch."""
        steps = _Steps()
        points: list[Point] = []
        marks: list[Mark] = []
        for event in events:
            if isinstance(event, TrainMetrics) and self._trains and not self._early:
                if not steps.take(event):
                    self._draw(steps, points)
                    steps, points = _Steps(), []
                    steps.take(event)
                self._pass(_Place(event.step, event.epoch, event.seconds, event.time))
                continue
            points += self._points(event)
            if (mark := self._mark(event)) is not None:
                marks.append(mark)
        self._draw(steps, points)
        for mark in marks:
            self._board.add_mark(mark)

    def _draw(self, steps: "_Steps", points: list[Point]) -> None:
        steps.draw(self._board)
        if points:
            self._board.extend(points)

    def _forget(self) -> None:
        self._has_failed = False
        """Whether a failure of this attempt is marked."""
        self._here = _START
        self._before: _Place | None = None
        """The place before this one; None before the first logged step."""
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
            case Machine() if self._trains:
                stride = self._stride()
                if stride is None:
                    self._early.append(event)
                    return
                waited = event.time - self._here.time
                share = min(1.0, waited / stride.time) if stride.time > 0 else 1.0
                yield from _at(self._here.ahead(stride, share, event.time), event.values)
            case TrainingStarted():
                epoch = self._here.epoch if event.first_step else 0.0
                self._here = _Place(event.first_step, epoch, self._here.seconds, event.time)
                self._trains = True
            case RunEnded() | RunLaunched():
                yield from self._spread_early(self._here)
                self._trains, self._before, self._is_job = False, None, False
            case JobStarted() | JobEnded():
                self._is_job = isinstance(event, JobStarted)

    def _move(self, there: _Place) -> Iterator[Point]:
        if self._trains:
            yield from self._spread_early(there)
        self._pass(there)

    def _pass(self, there: _Place) -> None:
        self._before = self._here if self._trains else None
        self._here, self._trains = there, True

    def _stride(self) -> _Place | None:
        """Return the way from one logged step to the next, in steps, epochs, seconds and time."""
        if self._before is None:
            return None
        if self._here.step < self._before.step:
            return _START
        return _Place(*(there - here for here, there in zip(self._before, self._here, strict=True)))

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
                self._has_failed |= kind == "failure"
            case RunEnded() if event.outcome in _FAILURES and not self._has_failed:  # it could not say why itself
                kind, text = "failure", _FORCED if event.forced else _FAILURES[event.outcome]
            case RunLaunched():
                self._has_failed = False
                return None
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
