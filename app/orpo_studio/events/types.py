"""The events: one class each, strict for the writer, tolerant for the reader.

A metric is an entry of ``values``, so a new metric needs no new event. NaN and infinity are written as strings,
since a diverging loss is exactly what a person must see.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]
"""A whole number that every reader can hold, also one that computes in floats."""
Amount = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]
"""A time in seconds or a share of epochs."""
Values = Annotated[dict[str, float], Field(max_length=1000)]
"""Metric name to value. NaN and infinity are values like others."""


class Event(BaseModel):
    """Base of all events.

    Attributes:
        seq: position in the stream, from 1, without gaps; given by the log.
        time: seconds since the epoch; given by the log.
    """

    # Schemas are built when first used: two dozen of them would hold the window's first paint up by 60 ms.
    model_config = ConfigDict(
        extra="forbid", frozen=True, ser_json_inf_nan="strings", protected_namespaces=(), defer_build=True
    )

    seq: Whole = 0
    time: Amount = 0.0


class RunLaunched(Event):
    """The supervisor holds the lock and starts a trainer. ``attempt`` counts from 1, resumes included."""

    type: Literal["run.launched"] = "run.launched"
    attempt: Whole
    versions: dict[str, str] = {}


class Stage(Event):
    """Something that takes time is under way: ``done`` of ``total`` units; ``total`` 0 means not known."""

    type: Literal["stage"] = "stage"
    name: str
    title: str
    done: Whole = 0
    total: Whole = 0
    unit: str = ""


class DataPrepared(Event):
    """The pairs are converted, split and tokenised.

    ``rows_in = train + held_out + Σ set_aside`` where each row makes one pair. A ranked list makes several of one row,
    two single answers make one pair, and a mix may take a pair several times.
    """

    type: Literal["data.prepared"] = "data.prepared"
    rows_in: Whole
    train: Whole
    held_out: Whole
    set_aside: dict[str, int] = {}
    tokens: Whole = 0
    longest: Whole = 0
    truncated: Whole = 0


class ModelLoaded(Event):
    """The base model is in memory. Counts are parameters."""

    type: Literal["model.loaded"] = "model.loaded"
    architecture: str
    parameters: Whole
    trainable: Whole
    device: str
    dtype: str
    quantization: str
    notes: list[str] = []


class PathChosen(Event):
    """Which way of computing the loss runs, and why."""

    type: Literal["train.path"] = "train.path"
    path: str
    reason: str


class TrainingStarted(Event):
    """The first step is about to be made."""

    type: Literal["training.started"] = "training.started"
    first_step: Whole
    total_steps: Whole
    epochs: Amount
    effective_batch: Whole
    logging_steps: Whole
    evaluation_steps: Whole
    checkpoint_steps: Whole


class TrainMetrics(Event):
    """Means over the steps since the last such event.

    Attributes:
        step: optimizer steps made.
        epoch: passes over the training pairs, fractional.
        seconds: time spent training, over all attempts.
        values: metric name to value.
    """

    type: Literal["train.metrics"] = "train.metrics"
    step: Whole
    epoch: Amount
    seconds: Amount
    values: Values


class EvaluationMetrics(Event):
    """Measurement on held-out pairs; ``moment`` tells whether it is of the base, under way or of the result."""

    type: Literal["evaluation.metrics"] = "evaluation.metrics"
    moment: Literal["before", "during", "after"]
    step: Whole
    epoch: Amount
    seconds: Amount
    pairs: Whole
    values: Values


class SampleAnswer(Event):
    """An answer generated to a prompt, by the base or by the model as trained so far."""

    type: Literal["sample"] = "sample"
    step: Whole
    source: Literal["base", "tuned"]
    prompt: str
    answer: str


class CheckpointSaved(Event):
    """A complete checkpoint lies in ``folder``, relative to the run's folder."""

    type: Literal["checkpoint.saved"] = "checkpoint.saved"
    step: Whole
    folder: str
    size_bytes: Whole


class Machine(Event):
    """Load of the machine: memory in GiB, load in percent, temperature in °C, power in W."""

    type: Literal["machine"] = "machine"
    values: Values


class Problem(Event):
    """An error or a warning in words for the person: what happened, why, and what to do.

    Attributes:
        rows: rows of the data that it comes from, named as the option ``data.skip_rows`` takes them.
        more: what a library said of it, word by word, for those who look for the cause.
    """

    type: Literal["problem"] = "problem"
    severity: Literal["warning", "error"]
    code: str
    title: str
    detail: str
    hint: str
    rows: list[str] = []
    more: str = ""


class StopRequested(Event):
    """The trainer has seen a request to stop, or to pause, and will save and end after this step."""

    type: Literal["stop.requested"] = "stop.requested"
    step: Whole
    to_pause: bool = False


class StopStage(Event):
    """How far a stop has come, said by the supervisor; each stage is less patient than the one before.

    Attributes:
        stage: ``asked`` to finish the step and save; ``terminated``, to leave at once without saving; ``killed``.
        next_at: when the next stage follows if the trainer does not answer, in seconds since the epoch; None while
            it shows that it works.
        to_pause: it was asked to pause.
    """

    type: Literal["stop.stage"] = "stop.stage"
    stage: Literal["asked", "terminated", "killed"]
    next_at: Amount | None = None
    to_pause: bool = False


class TrainerSilent(Event):
    """The trainer has shown no progress for unusually long. It may be slow, or it hangs.

    Attributes:
        seconds: how long already.
        doing: what its process does meanwhile: it computes, waits for something, waits for the disk, or is suspended.
        cpu_percent: of one processor core, over the last seconds.
    """

    type: Literal["trainer.silent"] = "trainer.silent"
    seconds: Amount
    doing: Literal["computing", "waiting", "disk", "suspended"]
    cpu_percent: float = 0.0


class TrainerHeard(Event):
    """The trainer shows progress again, after ``seconds`` of silence."""

    type: Literal["trainer.heard"] = "trainer.heard"
    seconds: Amount


class RunEnded(Event):
    """Training is over. ``lost`` is written by whoever finds a run without an end and without a supervisor.

    ``forced`` tells that it was ended without saving, since it did not answer a stop or a person would not wait.
    A pause is a stop that leaves a checkpoint and no result: ``stopped`` with ``paused``, which readers that know no
    pause take for a stop.
    ``machine`` holds the last sample of the machine before an end that the trainer did not say itself, with
    ``memory_total_gib`` and ``oom_kills``: how many processes the system has ended for want of memory meanwhile.
    """

    type: Literal["run.ended"] = "run.ended"
    outcome: Literal["completed", "stopped", "failed", "lost"]
    step: Whole = 0
    exit_code: Whole | None = None
    signal: Whole | None = None
    log_tail: str = ""
    forced: bool = False
    paused: bool = False
    machine: dict[str, float] = {}


class RunQueued(Event):
    """The run waits in the queue until it is launched; said again, it has been moved.

    Attributes:
        place: runs start in the order of their places; any numbers.
        attempts: how often the run had been launched. Said of another number it is too late, and without effect.
        seal: proof that it was said in the workspace in which the run lies.
    """

    type: Literal["run.queued"] = "run.queued"
    place: float = Field(allow_inf_nan=False)
    attempts: int
    seal: str = ""


class RunUnqueued(Event):
    """The run was taken out of the queue."""

    type: Literal["run.unqueued"] = "run.unqueued"


class JobStarted(Event):
    """A job on a finished run, such as an evaluation or an export, has begun; ``kind`` is that of an export."""

    type: Literal["job.started"] = "job.started"
    job: str
    kind: str = ""


class JobEnded(Event):
    """That job is over."""

    type: Literal["job.ended"] = "job.ended"
    job: str
    outcome: Literal["completed", "stopped", "failed", "lost"]
    exit_code: Whole | None = None
    signal: Whole | None = None
    log_tail: str = ""
    forced: bool = False
    machine: dict[str, float] = {}


class EvaluationFinished(Event):
    """Base and tuned model measured on the same held-out pairs; details lie in ``file``."""

    type: Literal["evaluation.finished"] = "evaluation.finished"
    file: str
    pairs: Whole
    before: Values
    after: Values


class ExportFinished(Event):
    """Something lies in ``folder``, checked; ``proof`` holds the figures of the check."""

    type: Literal["export.finished"] = "export.finished"
    kind: Literal["adapter", "merged"]
    folder: str
    size_bytes: Whole
    proof: Values = {}


class ProbeFinished(Event):
    """Two training steps, or a few more where they are short, were made on the longest pairs, and nothing was kept.

    Attributes:
        device: where they were made, as torch names it.
        way: how losses were computed.
        pairs_at_once: pairs computed together at last; fewer than the micro-batch where memory was short.
        peak_bytes: the most memory that the process took: of the card, or of main memory.
        library_bytes: of it what driver and libraries take before a model is there.
        seconds: of each step.
        tokens: of each step, both sequences of each pair with their prompt.
        pairs: pairs of each step.
        longest: tokens of the longest sequence among them.
        training_pairs: pairs that a run would train on.
        pair_tokens: tokens of both sequences of such a pair, on average over a sample of all of them.
    """

    type: Literal["probe.finished"] = "probe.finished"
    device: str
    way: str
    pairs_at_once: Whole
    peak_bytes: Whole
    library_bytes: Whole
    seconds: list[float]
    tokens: list[int]
    pairs: Whole
    longest: Whole
    training_pairs: Whole
    pair_tokens: float


class MarginsFinished(Event):
    """The base model was asked which answer of each pair it finds likelier.

    Attributes:
        file: where the figures lie.
        asked: pairs that it was asked about, in this job or an earlier one.
        unknown: of them those of which it says nothing, since they leave no room for an answer.
        total: pairs of the data.
    """

    type: Literal["margins.finished"] = "margins.finished"
    file: str
    asked: Whole
    unknown: Whole
    total: Whole


class UnknownEvent(Event):
    """A line that this version does not know, kept as it is."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str = "unknown"


KnownEvent = (
    RunLaunched
    | Stage
    | DataPrepared
    | ModelLoaded
    | PathChosen
    | TrainingStarted
    | TrainMetrics
    | EvaluationMetrics
    | SampleAnswer
    | CheckpointSaved
    | Machine
    | Problem
    | StopRequested
    | StopStage
    | TrainerSilent
    | TrainerHeard
    | RunEnded
    | RunQueued
    | RunUnqueued
    | JobStarted
    | JobEnded
    | EvaluationFinished
    | ExportFinished
    | ProbeFinished
    | MarginsFinished
)
AnyEvent = KnownEvent | UnknownEvent

_ADAPTER: TypeAdapter[KnownEvent] = TypeAdapter(
    Annotated[KnownEvent, Field(discriminator="type")], config=ConfigDict(defer_build=True)
)


def parse_event(line: bytes) -> AnyEvent | None:
    """Read one line of the stream.

    Returns:
        The event; an :class:`UnknownEvent` for a type or a shape this version does not know; None for a line
        that is no JSON object at all.
    """
    try:
        return _ADAPTER.validate_json(line)
    except ValidationError:
        return _tolerant(line)


def _tolerant(line: bytes) -> AnyEvent | None:
    try:
        content: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    known = _FIELDS.get(str(content.get("type")))
    if known is not None:  # a newer version may have added fields to a type we know
        try:
            return _ADAPTER.validate_python({key: content[key] for key in content if key in known})
        except ValidationError:
            pass
    envelope = {"seq": content.get("seq"), "time": content.get("time"), "type": content.get("type")}
    try:
        UnknownEvent.model_validate(envelope)
    except ValidationError:
        return UnknownEvent()
    return UnknownEvent.model_validate(content)


_FIELDS = {str(kind.model_fields["type"].default): frozenset(kind.model_fields) for kind in KnownEvent.__args__}
