"""Progress of a run in the terminal: a live picture on a screen, plain lines elsewhere."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from orpo_studio.cli.output import Output
from orpo_studio.cli.words import figure
from orpo_studio.events import (
    AnyEvent,
    CheckpointSaved,
    EvaluationMetrics,
    Machine,
    PathChosen,
    Problem,
    RunState,
    Stage,
    StopStage,
    TrainerHeard,
    TrainerSilent,
    TrainMetrics,
)
from orpo_studio.runs import RunFolder
from orpo_studio.runs.live_words import silence_words, stop_title, unwatched_words
from orpo_studio.words import duration, percent, printable

REFRESH_SECONDS = 0.1
LINE_SECONDS = 2.0
"""Time between two plain lines of metrics: a log file of an hour stays readable."""

SHOWN = (
    ("loss", "loss", figure),
    ("odds_ratio_loss", "λ·odds-ratio", figure),
    ("rewards/accuracies", "accuracy", percent),
)
"""Metrics shown while training: name in the events, label, how it is written."""


class Progress(Protocol):
    """Shows how far a run is."""

    def update(self, new: Sequence[AnyEvent], state: RunState) -> None:
        """Take in what has happened; called about ten times a second."""

    def note(self, text: str) -> None:
        """Tell something in between."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last picture standing."""


def progress_for(output: Output, folder: RunFolder, state: RunState) -> Progress:
    """Return the form of progress that suits where the words go."""
    console = Console(file=output.stream, highlight=False)
    return LiveProgress(console, folder, state) if console.is_terminal else PlainProgress(console)


def happening(event: AnyEvent) -> str | None:
    """Return an event as a line worth keeping on the screen, or None."""
    match event:
        case Problem():
            return " ".join(part for part in (event.title, event.detail, event.hint) if part)
        case PathChosen():
            return f"Computing by {event.path}: {event.reason}"
        case EvaluationMetrics():
            parts = [f"{label} {write(event.values[name])}" for name, label, write in SHOWN if name in event.values]
            moment = {"before": "Before training", "during": f"Step {event.step}", "after": "After training"}
            return f"{moment[event.moment]}, {event.pairs} held-out pairs: {', '.join(parts)}"
        case CheckpointSaved():
            return f"Checkpoint at step {event.step}"
        case StopStage() if event.stage != "asked" or event.next_at is not None:
            return stop_title(RunState(stop=event), event.time)
        case TrainerSilent():
            words = silence_words(event, event.time)
            return f"{words.title}. {words.detail}"
        case TrainerHeard():
            return f"The run goes on, after {duration(event.seconds)} without progress"
    return None


def metrics_line(state: RunState) -> str:
    """Return the latest values in a line."""
    values = state.latest.values
    return "   ".join(f"{label} {write(values[name])}" for name, label, write in SHOWN if name in values)


def remaining(state: RunState) -> str:
    """Return the remaining time in words, or nothing while it is not known."""
    seconds = state.remaining_seconds()
    return f"{duration(seconds)} left" if seconds else ""


class PlainProgress:
    """Lines, for pipes and files."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stage = ""
        self._next_line = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def update(self, new: Sequence[AnyEvent], state: RunState) -> None:
        """Write what is new."""
        measured = False
        for event in new:
            measured = measured or isinstance(event, TrainMetrics)
            if isinstance(event, Stage) and event.title != self._stage:
                self._stage = event.title
                self._print(event.title)
            elif (line := happening(event)) is not None:
                self._print(line)
        is_last = state.latest.step == state.total_steps
        if measured and (is_last or time.monotonic() >= self._next_line):
            self._next_line = time.monotonic() + LINE_SECONDS
            step = f"step {state.latest.step}/{state.total_steps}"
            self._print("   ".join(part for part in (step, metrics_line(state), remaining(state)) if part))

    def note(self, text: str) -> None:
        """Write a line."""
        self._print(text)

    def _print(self, line: str) -> None:
        self._console.print(Text(printable(line)), soft_wrap=True)


class LiveProgress:
    """A picture that is drawn over itself, under the lines of what has happened."""

    def __init__(self, console: Console, folder: RunFolder, state: RunState) -> None:
        self._folder, self._state = folder, state
        self._machine: Machine | None = None
        self._note = ""
        self._next_refresh = 0.0
        self._live = Live(self._picture(), console=console, auto_refresh=False, redirect_stderr=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.update(self._picture(), refresh=True)
        self._live.stop()

    def update(self, new: Sequence[AnyEvent], state: RunState) -> None:
        """Draw, at most ten times a second."""
        self._state = state
        for event in new:
            if isinstance(event, Machine):
                self._machine = event
            elif (line := happening(event)) is not None:
                self._live.console.print(Text(printable(line), style=_style(event)), soft_wrap=True)
        if time.monotonic() >= self._next_refresh:
            self._next_refresh = time.monotonic() + REFRESH_SECONDS
            self._live.update(self._picture(), refresh=True)

    def note(self, text: str) -> None:
        """Show a line under the picture until the end."""
        self._note = text

    def _picture(self) -> Group:
        state = self._state
        done, total, unit = _measure(state)
        head = Table.grid(padding=(0, 2))
        head.add_row(
            Text(printable(_doing(state)), style="bold"),
            ProgressBar(total=total or None, completed=done, width=32, pulse=not total and state.ended is None),
            Text(printable(f"{done:,}/{total:,} {unit}".strip()) if total else ""),
            Text(remaining(state), style="dim"),
        )
        lines = [head]
        figures = "   ".join(part for part in (metrics_line(state), self._machine_line()) if part)
        return Group(*lines, *(Text(line) for line in (figures,) if line), *_dim(self._note))

    def _machine_line(self) -> str:
        if self._machine is None:
            return ""
        values = self._machine.values
        shown = (("process_memory_gib", "memory {:.1f} GiB"), ("gpu_load", "GPU {:.0f} %"))
        return "   ".join(form.format(values[name]) for name, form in shown if name in values)


def _doing(state: RunState) -> str:
    is_live = state.ended is None or bool(state.job)
    if is_live and (unwatched := unwatched_words(state, time.time())) is not None:
        return unwatched.title
    if state.stop is not None:
        return stop_title(state, time.time())
    if state.silent is not None:
        return silence_words(state.silent, time.time()).title
    if state.stage is not None:
        return state.stage.title
    if state.ended is not None and not state.job:
        if state.ended.paused:
            return "Paused"
        return {"completed": "Done", "stopped": "Stopped and saved", "failed": "Failed", "lost": "Lost"}[
            state.ended.outcome
        ]
    if state.stopping:
        return "Pausing" if state.pausing else "Stopping"
    return "Training" if state.training else "Starting"


def _measure(state: RunState) -> tuple[int, int, str]:
    if state.stage is not None and state.stage.total:
        return state.stage.done, state.stage.total, state.stage.unit
    return state.latest.step, state.total_steps, "steps" if state.total_steps else ""


def _style(event: AnyEvent) -> str:
    if isinstance(event, StopStage | TrainerSilent):
        return "yellow"
    if isinstance(event, Problem):
        return "yellow" if event.severity == "warning" else "red"
    return "dim"


def _dim(note: str) -> list[Text]:
    return [Text(note, style="yellow")] if note else []
