"""What must be true of a run, whatever was killed; each check returns what is wrong, in words."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

from safetensors import safe_open

from faults.processes import Attempt, is_alive
from faults.reference import Reference, digests, export_digests
from faults.stream import Said
from orpo_studio.events import RunState, read_events
from orpo_studio.runs import Job, RunFolder, RunFolderError, is_held, launch, summarize
from orpo_studio.runs.ending import explain_end

LIVE = {"launching", "running", "stopping"}


def checkpoint_steps(folder: RunFolder) -> list[int]:
    """Return the steps of the checkpoints that are whole: every file can be read to its end.

    One that was killed when it lacked nothing but its place is among them.
    """
    placed = folder.checkpoints.glob("checkpoint-*")
    sealed = (path.parent for path in folder.checkpoints.glob(".writing/checkpoint-*/COMPLETE.json"))
    whole = (path for path in (*placed, *sealed) if _is_whole_checkpoint(path))
    return sorted({int(path.name.removeprefix("checkpoint-")) for path in whole})


def _is_whole_checkpoint(path: Path) -> bool:
    try:
        state = json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
        archives = [path / name for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin")]
        sound = all(zipfile.ZipFile(archive).testzip() is None for archive in archives)
    except (OSError, ValueError, zipfile.BadZipFile):
        return False
    return sound and _has_weights(path) and path.name == f"checkpoint-{state['global_step']}"


def _has_weights(folder: Path) -> bool:
    for name in ("adapter_model.safetensors", "model.safetensors"):
        try:
            with safe_open(folder / name, framework="np") as weights:
                return bool([weights.get_slice(key).get_shape() for key in weights.keys()])  # noqa: SIM118
        except (OSError, FileNotFoundError):
            continue
        except Exception:  # noqa: BLE001 - safetensors' own error, of no public name
            return False
    return False


def after_supervisors_death(attempt: Attempt) -> Iterator[str]:
    """Check a run whose supervisor is dead and whose trainer lives; it is held still meanwhile."""
    trainer = attempt.trainer
    if not is_alive(trainer) or trainer is None:
        return
    trainer.suspend()
    try:
        if not is_held(attempt.folder.lock_file):
            yield "the lock is free although the trainer lives"
        state = _state(attempt.folder)
        shown = summarize(attempt.folder).state
        if not state.job and state.ended is None and shown not in LIVE:
            yield f"shown as {shown} although the trainer lives"
        try:
            launch(attempt.folder)
            yield "a second supervisor was started beside a living trainer"
        except RunFolderError as refused:
            if refused.code != "already-running":
                yield f"a second start was refused as {refused.code}"
    finally:
        trainer.resume()


def state_after(folder: RunFolder, job: Job, victim: str, new: list[Said], *, had_trainer: bool) -> Iterator[str]:
    """Check what is shown of a run none of whose processes live, given who was killed and what was said since.

    Args:
        folder: the run.
        job: what was under way.
        victim: who was killed.
        new: the events since the job was started.
        had_trainer: the trainer lived when the kill came.
    """
    begin, finish = ("run.launched", "run.ended") if job is Job.TRAIN else ("job.started", "job.ended")
    begun = [event["seq"] for event in new if event["type"] == begin]
    # An end before is the loss of an earlier attempt, which the new supervisor has recorded.
    ends = [event for event in new if event["type"] == finish and begun and event["seq"] > begun[-1]]
    said = ends[-1]["outcome"] if ends else "none"
    shown = _shown(folder, job)
    if victim == "trainer":
        killed = said == "failed" and ends[-1]["signal"] == 9
        if not killed and said != "completed":
            yield f"a killed trainer was recorded as {said}"
    elif victim == "supervisor":
        if had_trainer and said not in {"stopped", "completed"}:
            yield f"a trainer whose supervisor was killed ended as {said}"
    elif said not in {"none", "completed", "lost", "stopped"} and not (said == "failed" and ends[-1]["signal"] == 9):
        # A window that follows may have recorded the loss already. Where one was killed after the other, a trainer may
        # have heard of its supervisor's end and stopped, and a supervisor have seen its trainer killed.
        yield f"processes killed at once left the end {said}"
    expected = said if ends else "lost" if begun else None
    if expected is not None and shown != expected:
        yield f"shown as {shown}, is {expected}"


def _shown(folder: RunFolder, job: Job) -> str:
    if job is Job.TRAIN:
        return summarize(folder).state
    state = _state(folder)
    return "lost" if state.job else state.job_ended.outcome if state.job_ended else "none"


def end_is_explained(folder: RunFolder, job: Job, new: list[Said]) -> Iterator[str]:
    """Check the words for an end, once a loss is recorded."""
    state = _state(folder)
    end = state.ended if job is Job.TRAIN else state.job_ended
    if end is None or not new:
        return
    words = explain_end(folder, end, None)
    wanted = {"lost": "lost", "failed": "killed"}.get(end.outcome)
    if (words.code if words else None) != wanted:
        yield f"an end as {end.outcome} is explained as {words}"


def goes_on_from(new: list[Said], whole: list[int]) -> Iterator[str]:
    """Check that training went on from the last whole checkpoint there was."""
    for event in new:
        if event["type"] == "training.started" and event["first_step"] != (whole[-1] if whole else 0):
            yield f"went on from step {event['first_step']} although {whole} were whole"


def half_models(folder: RunFolder, target: Path, reference: Reference, *, trained: bool) -> Iterator[str]:
    """Check that what looks like a model is one, and the right one where it is final."""
    if folder.has_result() and not _has_weights(folder.adapter):
        yield "the result cannot be read"
    if trained and digests(folder.adapter) != reference.result:
        yield "the result is another one"
    if target.exists() and export_digests(target) != reference.export:
        yield "an export is not whole, or another one"
    if folder.evaluation.exists():
        found = digests(folder.evaluation, but=frozenset({"request.json", ".result.json"}))
        if found and found.get("result.json") != reference.evaluation["result.json"]:
            yield "an evaluation is not whole, or another one"


def _state(folder: RunFolder) -> RunState:
    state = RunState()
    for event in read_events(folder.events_file):
        state.apply(event)
    return state
