"""What a run's events add up to: a pure fold, the same live and in replay."""

from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from orpo_studio.events.types import (
    AnyEvent,
    CheckpointSaved,
    DataPrepared,
    EvaluationFinished,
    EvaluationMetrics,
    ExportFinished,
    JobEnded,
    JobStarted,
    MarginsFinished,
    ModelLoaded,
    PathChosen,
    ProbeFinished,
    Problem,
    RunEnded,
    RunLaunched,
    RunQueued,
    RunUnqueued,
    SampleAnswer,
    Stage,
    StopRequested,
    StopStage,
    TrainerHeard,
    TrainerSilent,
    TrainingStarted,
    TrainMetrics,
    UnknownEvent,
)

_MOST = 200
"""Events of one kind that are remembered, the newest of them; a run may go on for days."""
_MOST_UNKNOWN, _LONGEST_NAME = 20, 60

StateName = Literal[
    "created",
    "waiting",
    "launching",
    "running",
    "stopping",
    "pausing",
    "completed",
    "stopped",
    "paused",
    "failed",
    "lost",
]
RESULT_WAITS = "wait"
"""Name of the stage in which all is trained, and the result is kept in memory until the disk takes it."""
LIVE: frozenset[StateName] = frozenset({"launching", "running", "stopping", "pausing"})
"""States in which a supervisor trains."""


@dataclass(frozen=True, slots=True)
class TrainingFigures:
    """The last measured values of a run, by metric name."""

    step: int = 0
    epoch: float = 0.0
    seconds: float = 0.0
    values: dict[str, float] = field(default_factory=dict)


EventT = TypeVar("EventT")


def _with_last(events: list[EventT], event: EventT) -> list[EventT]:
    """Return a new list, so that a copy of a state keeps its own."""
    return [*events[1 - _MOST :], event]


@dataclass(slots=True)
class RunState:
    """The fold. Feed every event to :meth:`apply` in order; ask :meth:`name` with the lock's state.

    Its size is bounded, however long the run. Nothing in it is changed in place: a shallow copy is a copy.
    """

    last_seq: int = 0
    gaps: int = 0
    unknown: set[str] = field(default_factory=set)
    """Types of events that this version does not know: a newer one wrote them, and the state may not be all true."""
    last_time: float = 0.0
    """When the last event was said, in seconds since the epoch. A supervisor that lives says something every 10 s."""
    attempts: int = 0
    stage: Stage | None = None
    data: DataPrepared | None = None
    model: ModelLoaded | None = None
    path: PathChosen | None = None
    training: TrainingStarted | None = None
    place: float | None = None
    """Place in the queue; None while it does not wait there."""
    queue_seal: str = ""
    """Proof that it was put there in the workspace in which it lies."""
    stopping: bool = False
    stop: StopStage | None = None
    """How far a stop that is under way has come, of the training or of a job."""
    stop_asked: float = 0.0
    """When it was asked for, in seconds since the epoch."""
    silent: TrainerSilent | None = None
    pausing: bool = False
    ended: RunEnded | None = None
    job: str = ""
    job_ended: JobEnded | None = None
    latest: TrainingFigures = TrainingFigures()
    before: EvaluationMetrics | None = None
    after: EvaluationMetrics | None = None
    latest_evaluation: EvaluationMetrics | None = None
    evaluation: EvaluationFinished | None = None
    checkpoints: list[CheckpointSaved] = field(default_factory=list)
    samples: list[SampleAnswer] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    exports: list[ExportFinished] = field(default_factory=list)
    probe: ProbeFinished | None = None
    margins: MarginsFinished | None = None

    @property
    def error(self) -> Problem | None:
        """The last error said, if any."""
        return next((problem for problem in reversed(self.problems) if problem.severity == "error"), None)

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole run; 0 before they are known."""
        return self.training.total_steps if self.training else 0

    @property
    def waits_to_save(self) -> bool:
        """Whether all is trained, and the result is kept in memory until the disk takes it."""
        return self.ended is None and self.stage is not None and self.stage.name == RESULT_WAITS

    @property
    def saved_step(self) -> int:
        """The last step of which a checkpoint was saved; 0 where there is none."""
        return max((saved.step for saved in self.checkpoints), default=0)

    @property
    def steps_at_risk(self) -> int:
        """Steps that were made since the last checkpoint, which an end without saving would lose."""
        return max(0, self.latest.step - self.saved_step)

    @property
    def _is_open(self) -> bool:
        return self.attempts > 0 and self.ended is None

    def name(self, *, lock_held: bool) -> StateName:
        """Return the state of the training, given whether a supervisor lives."""
        if self.place is not None:
            return "launching" if lock_held and not self.job else "waiting"
        if self.ended is not None:
            return "paused" if self.ended.paused else self.ended.outcome
        if not lock_held:
            return "lost" if self.attempts else "created"
        if self.stopping:
            return "pausing" if self.pausing else "stopping"
        return "running" if self.training else "launching"

    def remaining_seconds(self) -> float | None:
        """Return the time the remaining steps take at the mean pace so far, or None when it is not known."""
        if self.training is None or self.ended is not None:
            return None
        made = self.latest.step
        if made <= 0 or self.latest.seconds <= 0:
            return None
        return self.latest.seconds / made * max(0, self.training.total_steps - made)

    def apply(self, event: AnyEvent) -> None:  # noqa: C901, PLR0912, PLR0915 - one flat list, read like a table
        """Take in the next event of the stream."""
        if event.seq:
            self.gaps += event.seq != self.last_seq + 1
            self.last_seq = event.seq
        self.last_time = event.time or self.last_time
        match event:
            case TrainMetrics():
                self.latest = TrainingFigures(
                    event.step, event.epoch, event.seconds, {**self.latest.values, **event.values}
                )
            case RunLaunched():
                self.attempts = event.attempt
                self.stopping, self.ended, self.training, self.stage = False, None, None, None
                self._nothing_pending()
                self.place, self.pausing = None, False
                self.problems = []
            case Stage():
                self.stage = event
            case DataPrepared():
                self.data = event
            case ModelLoaded():
                self.model = event
            case PathChosen():
                self.path = event
            case TrainingStarted():  # a resume may begin before the step that was reached
                self.training = event
                self.latest = replace(self.latest, step=event.first_step)
            case EvaluationMetrics():
                self._measured(event)
            case SampleAnswer():  # the last one of each prompt and source is what is asked for later
                same = event.prompt, event.source
                self.samples = _with_last([s for s in self.samples if (s.prompt, s.source) != same], event)
            case CheckpointSaved():
                self.checkpoints = _with_last(self.checkpoints, event)
            case Problem():
                self.problems = _with_last(self.problems, event)
            case StopRequested():
                self.stopping, self.pausing = True, event.to_pause
            case StopStage():
                self.stop_asked = self.stop_asked if self.stop else event.time
                self.stop = event
                if not self.job:
                    self.stopping, self.pausing = True, event.to_pause
            case TrainerSilent():
                self.silent = event
            case TrainerHeard():
                self.silent = None
            case RunEnded():
                self.ended, self.stage, self.place = event, None, None
                self._nothing_pending()
            case RunQueued() if event.attempts == self.attempts and not self._is_open:
                self.place, self.queue_seal = event.place, event.seal
            case RunUnqueued():
                self.place = None
            case JobStarted():
                self.job, self.job_ended = event.job, None
                self._nothing_pending()
            case JobEnded():
                self.job, self.job_ended, self.stage = "", event, None
                self._nothing_pending()
            case EvaluationFinished():
                self.evaluation = event
            case ExportFinished():
                self.exports = _with_last(self.exports, event)
            case ProbeFinished():
                self.probe = event
            case MarginsFinished():
                self.margins = event
            case UnknownEvent() if event.type != "unknown" and len(self.unknown) < _MOST_UNKNOWN:
                self.unknown = self.unknown | {event.type[:_LONGEST_NAME]}

    def _nothing_pending(self) -> None:
        self.stop, self.stop_asked, self.silent = None, 0.0, None

    def _measured(self, event: EvaluationMetrics) -> None:
        self.latest_evaluation = event
        if event.moment == "before":
            self.before = event
        elif event.moment == "after":
            self.after = event
