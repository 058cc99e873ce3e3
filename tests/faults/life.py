"""One life: a run from its start to its exports, killed at the moments of a plan until it is through."""

import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from faults import checks
from faults.moments import (
    EVALUATE_PHASES,
    EXPORT_PHASES,
    POLL_SECONDS,
    TRAIN_PHASES,
    Moment,
    creep,
    delay,
    size_of,
    wait_for_begin,
)
from faults.processes import (
    WITH_WINDOW,
    Attempt,
    Window,
    is_alive,
    kill,
    kill_all_of,
    start,
    start_by_window,
    wait_for,
)
from faults.reference import EXPORT, Reference, figures_of
from faults.stream import Stream
from faults.variants import Variant, make_inputs
from orpo_studio.runs import Job, create_run, mark_lost

PHASES_OF = {Job.TRAIN: TRAIN_PHASES, Job.EVALUATE: EVALUATE_PHASES, Job.EXPORT: EXPORT_PHASES}
_MOST_STARTS = 12
"""A job that is not through after so many starts makes no headway."""


@dataclass(slots=True)
class Fault:
    """A kill and what came of it.

    Attributes:
        moment: when.
        victim: who.
        injected: it came about; not where the job was over before.
        written: bytes that lay in the folder that was being written, where the moment goes by them; 0 once it has
            been given its place.
        lost, doubled: events.
        untrue: what was shown or recorded and is not so.
        different: figures that are not those of an undisturbed run.
        half: models that are not whole.
    """

    moment: Moment
    victim: str
    injected: bool = False
    written: int = 0
    lost: int = 0
    doubled: int = 0
    untrue: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    half: list[str] = field(default_factory=list)

    @property
    def survived(self) -> bool:
        """Whether nothing came of it."""
        return self.injected and not (self.lost or self.doubled or self.untrue or self.different or self.half)


@dataclass(slots=True)
class Record:
    """A life as it went.

    Attributes:
        variant: of the run.
        faults: what was done to it.
        starts: how often a job was started.
        figures_compared: figures compared with those of an undisturbed run.
        helpers: processes that the trainer was seen to have started.
        seconds: it took.
        ended: why it did not come to its end, if so.
    """

    variant: str
    faults: list[Fault]
    starts: int = 0
    figures_compared: int = 0
    helpers: int = 0
    seconds: float = 0.0
    ended: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


class Life:
    """A run and those who attack it."""

    def __init__(
        self,
        place: Path,
        model: Path,
        variant: Variant,
        reference: Reference,
        faults: list[Fault],
        draw: random.Random,
    ) -> None:
        self.folder = create_run(place, make_inputs(place, variant, model))
        self._place, self._reference, self._draw = place, reference, draw
        self._target = place / "shipped"
        self._stream = Stream(self.folder.events_file)
        self._windows: list[Window] = []
        self._lost = self._doubled = 0
        self.record = Record(variant.name, faults)
        self._last = Fault(Moment("none", 0, 0.0), "nobody")

    def live(self) -> Record:
        """Go through all jobs. Returns what happened; what is wrong stands with the fault it came of."""
        begun = time.monotonic()
        try:
            for job in PHASES_OF:
                self._do(job)
            self._end()
        except Exception as error:  # noqa: BLE001 - a life that fails is a finding, and the others go on
            self.record.ended = f"{type(error).__name__}: {error}"
            log = self.folder.console_log
            if log.exists():
                self.record.ended += "\n" + log.read_text(encoding="utf-8", errors="replace")[-1500:]
        finally:
            for window in self._windows:
                window.kill()
            kill_all_of(self.folder)
        self.record.seconds = round(time.monotonic() - begun, 1)
        return self.record

    def _do(self, job: Job) -> None:
        faults = [fault for fault in self.record.faults if fault.moment.phase in PHASES_OF[job]]
        faults.sort(key=lambda fault: _order(fault.moment))
        if job is Job.EVALUATE and not faults:
            return
        request = EXPORT | {"target": str(self._target)} if job is Job.EXPORT else {}
        for _ in range(_MOST_STARTS):
            seen, whole = self._stream.last, checks.checkpoint_steps(self.folder)
            attempt = self._start(job, request, faults)
            fault = self._attack(attempt, faults, seen)
            wait_for(attempt.is_over, f"the {job} to end")
            self._check(job, fault, seen, whole, had_trainer=attempt.trainer is not None)
            if self._is_through(job, seen):
                return
        raise AssertionError(f"the {job} is not through after {_MOST_STARTS} starts")

    def _start(self, job: Job, request: dict[str, Any], faults: list[Fault]) -> Attempt:
        self.record.starts += 1
        if not faults or faults[0].victim not in WITH_WINDOW:
            return start(self.folder, job, request)
        attempt, window = start_by_window(self.folder, job, request, self._notes())
        self._windows.append(window)
        return attempt

    def _notes(self) -> Path:
        return self._place / f"window-{len(self._windows)}.jsonl"

    def _attack(self, attempt: Attempt, faults: list[Fault], seen: int) -> Fault | None:
        """Do to an attempt what is planned, until it is killed or over. Returns the last fault that came about."""
        struck = None
        while faults:
            fault = faults.pop(0)
            self._await_and_kill(fault, attempt, seen)
            if not fault.injected:
                continue
            struck = self._last = fault
            if fault.victim != "window":
                break
            self._windows.append(Window(self.folder, self._notes()))  # the next one, which only follows
        return struck

    def _await_and_kill(self, fault: Fault, attempt: Attempt, seen: int) -> None:
        moment, lengths = fault.moment, self._reference.lengths
        writing = {
            "checkpoint": self.folder.checkpoints / ".writing",
            "save": self.folder.adapter.with_name(".adapter.writing"),
            "merge": self._target.with_name(f".{self._target.name}.writing"),
        }.get(moment.phase)
        if moment.phase not in {"start", "export start", "judge"} and not wait_for_begin(
            moment, self._stream, seen, is_over=attempt.is_over
        ):
            return
        if fault.victim == "trainer":
            wait_for(lambda: attempt.find_trainer() or attempt.is_over(), "the trainer to be started")
        trainer = attempt.find_trainer()
        if writing is None:
            self._let_pass(delay(moment, lengths), moment, seen)
        else:
            wanted = 1.1 * moment.share * self._reference.sizes[moment.phase]
            if trainer is None or not creep(trainer.pid, writing, wanted, is_over=attempt.is_over):
                return
            fault.written = size_of(writing)
        if attempt.is_over() or (fault.victim == "trainer" and attempt.find_trainer() is None):
            return
        fault.injected = True
        self.record.helpers += attempt.helpers()
        kill(attempt, fault.victim, self._windows[-1] if self._windows else None, self._draw)
        if trainer is not None:
            with suppress(ProcessLookupError):
                os.kill(trainer.pid, signal.SIGCONT)
        if fault.victim == "supervisor":
            wait_for(lambda: not is_alive(attempt.supervisor), "the supervisor to die")
            if moment.phase in TRAIN_PHASES:
                fault.untrue += checks.after_supervisors_death(attempt)

    def _let_pass(self, seconds: float, moment: Moment, seen: int) -> None:
        """Let time pass; less of it where a phase that begins without an event is over before."""
        end = {"start": "stage", "export start": "stage", "judge": "job.ended"}.get(moment.phase)
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._stream.poll()
            if end is not None and any(event["type"] == end for event in self._stream.since(seen)):
                return
            time.sleep(min(left, POLL_SECONDS))

    def _check(self, job: Job, fault: Fault | None, seen: int, whole: list[int], *, had_trainer: bool) -> None:
        """Check all that can be known of a run while no process of it lives."""
        self._stream.poll()
        new, blamed = self._stream.since(seen), fault or self._last
        if fault is not None:
            blamed.untrue += checks.state_after(self.folder, job, fault.victim, new, had_trainer=had_trainer)
        if self._draw.random() < 0.5:  # else the next supervisor, or a window, finds the loss
            mark_lost(self.folder)
            self._stream.poll()
            blamed.untrue += checks.end_is_explained(self.folder, job, new)
        lost, doubled = self._stream.lost(), self._stream.doubled()
        blamed.lost += lost - self._lost
        blamed.doubled += doubled - self._doubled
        self._lost, self._doubled = lost, doubled
        if job is Job.TRAIN:
            blamed.different += self._reference.differences(new)
            self.record.figures_compared += len(figures_of(new))
            blamed.untrue += checks.goes_on_from(new, whole)
        trained = job is not Job.TRAIN or self._is_through(job, seen)
        blamed.half += checks.half_models(self.folder, self._target, self._reference, trained=trained)

    def _is_through(self, job: Job, seen: int) -> bool:
        if job is Job.EXPORT:
            return self._target.exists() and any(self._stream.of_kind("export.finished"))
        kind = "run.ended" if job is Job.TRAIN else "job.ended"
        return any(e["type"] == kind and e["outcome"] == "completed" for e in self._stream.since(seen))

    def _end(self) -> None:
        """Check what is left at the end: no window was told less or more, and nothing half lies about."""
        mark_lost(self.folder)
        self._stream.poll()
        if self._windows and self._windows[-1].popen.poll() is None:
            wait_for(lambda: self._windows[-1].seen()[-1:] == [self._stream.last], "the last window to read to the end")
            wait_for(lambda: self._windows[-1].noted("state") == "completed", "the last window to show the end", 20)
        for window in self._windows:
            seen = window.seen()
            self._last.doubled += len(seen) - len(set(seen))
            self._last.lost += max(seen, default=0) - len(set(seen))
        self._last.half += [f"{path.name} is left" for path in self._place.glob(".*.writing")]
        self._last.half += [f"{path.name} is left" for path in self.folder.path.glob(".*")]


def _order(moment: Moment) -> tuple[int, int]:
    """Return where a moment stands in a life; what comes at every step is ordered by its step."""
    phases = [phase for of_job in PHASES_OF.values() for phase in of_job]
    at = phases.index(moment.phase)
    return (phases.index("train"), moment.step) if moment.phase in {"train", "checkpoint", "evaluate"} else (at, 0)
