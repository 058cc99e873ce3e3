"""When to kill: a phase of a run's life, told by its events or by the bytes it has written, and a while after."""

import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from faults.stream import Said, Stream

POLL_SECONDS = 0.001
_CREEP_SECONDS = 0.0003
"""How long a process runs between two looks at what it has written."""
_CREEP_PATIENCE = 20.0

TRAIN_PHASES = (
    "start", "convert", "load", "tokenize", "measure", "train", "checkpoint", "evaluate", "save", "after",
)  # fmt: skip
"""Phases of a training in the order in which they come first."""
EXPORT_PHASES = ("export start", "merge", "compare")
EVALUATE_PHASES = ("judge",)
"""The one phase of the job that compares base and tuned model: all of it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A phase; where it comes again and again, the step behind which; and how far into it, from 0 to 1."""

    phase: str
    step: int
    share: float


def has_begun(moment: Moment, event: Said) -> bool:
    """Tell whether an event says that a moment's phase begins."""
    kind, name, title = event["type"], event.get("name"), str(event.get("title"))
    match moment.phase:
        case "convert":
            return kind == "stage" and name == "prepare_data"
        case "load":
            return kind == "stage" and name == "load_model"
        case "tokenize":
            return kind == "stage" and name == "tokenize"
        case "measure":
            return kind == "stage" and name == "measure" and "base" in title
        case "train" | "checkpoint":
            return kind == "train.metrics" and event["step"] >= moment.step
        case "evaluate":
            return kind == "stage" and name == "measure" and "so far" in title
        case "save":
            return kind == "stage" and name == "save"
        case "after":
            return kind == "stage" and name == "measure" and "trained" in title
        case "merge":
            return kind == "stage" and name == "load_model"
        case "compare":
            return kind == "stage" and title.startswith("Load the merged model")
    return False


def durations(events: list[Said]) -> dict[str, float]:
    """Return how long each phase took, in seconds, by the events of a run that nobody disturbed."""
    begun = {
        phase: event["time"]
        for phase in (*TRAIN_PHASES, *EXPORT_PHASES)
        for event in reversed(events)
        if has_begun(Moment(phase, 1, 0.0), event)
    }
    found = {}
    for phase, begin in begun.items():
        later = [event["time"] for event in events if event["time"] > begin and _turns(event)]
        found[phase] = min(later, default=begin) - begin
    steps = [event["time"] for event in events if event["type"] == "train.metrics"]
    found["train"] = 2 * (steps[-1] - steps[0]) / (len(steps) - 1)
    return found


def _turns(event: Said) -> bool:
    return event["type"] not in {"machine", "train.metrics"} and not event.get("done")


def wait_for_begin(moment: Moment, stream: Stream, seen: int, *, is_over: Callable[[], bool]) -> bool:
    """Wait until a phase has begun behind event ``seen``. Returns False where the job ended before."""
    while True:
        over = is_over()
        stream.poll()
        if any(has_begun(moment, event) for event in stream.since(seen)):
            return True
        if over:
            return False
        time.sleep(POLL_SECONDS)


def creep(pid: int, folder: Path, wanted: float, *, is_over: Callable[[], bool]) -> bool:
    """Let a process write a number of bytes into a folder, and hold it there, stopped.

    It is held earlier where the folder vanishes, since it was then given its place. The caller kills or continues it.

    Returns:
        Whether the folder was ever there; where not, the job ended before.
    """
    while not folder.exists():
        if is_over():
            return False
        time.sleep(POLL_SECONDS / 4)
    deadline = time.monotonic() + _CREEP_PATIENCE
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        while folder.exists() and size_of(folder) < wanted and time.monotonic() < deadline:
            os.kill(pid, signal.SIGCONT)
            time.sleep(_CREEP_SECONDS)
            os.kill(pid, signal.SIGSTOP)
    return True


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder; what vanishes meanwhile counts nothing."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size
    return total


def draw_step(draw: random.Random, steps: int) -> int:
    """Return a step behind which to kill."""
    return draw.randint(1, steps - 1)


def delay(moment: Moment, lengths: Mapping[str, float]) -> float:
    """Return the seconds to let pass in a phase; a little more than it takes, so that its end is met as well."""
    return 1.1 * moment.share * lengths.get(moment.phase, 0.0)
