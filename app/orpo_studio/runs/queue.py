"""The queue of a workspace: runs that wait for the card, and start one after the other.

Nothing is kept beside the runs. A run waits when its own events say so, at the place that they name, until it is
launched: so no entry can be lost or half written, whoever is killed, and no two windows can disagree for long. A
process of its own starts what waits (``runner/queue.py``); it is there only while something does.
"""

from collections.abc import Iterable
from pathlib import Path

from orpo_studio.events import Event, EventLog, Problem, RunEnded, RunQueued, RunUnqueued
from orpo_studio.runs.catalogue import RunSummary, fold_events, list_runs
from orpo_studio.runs.ending import Ending
from orpo_studio.runs.folder import RunFolder, RunFolderError
from orpo_studio.runs.launch import leave_going, mark_lost, start_detached, training_python
from orpo_studio.runs.lock import RunLock, is_held
from orpo_studio.runs.queue_seal import is_sealed, seal

KEEP_QUEUE = "--queue"
"""Argument of the process that starts what waits."""
LOCK_NAME = "queue.lock"
LOG_NAME = "queue.log"


def queue_of(summaries: Iterable[RunSummary]) -> list[RunSummary]:
    """Return those of the runs of a workspace that are in its queue, in its order.

    One that is about to start is still among them, until it has said so.
    """
    return sorted((summary for summary in summaries if summary.place), key=lambda summary: summary.place)


def add_to_queue(workspace: Path, folder: RunFolder) -> None:
    """Let a run wait at the end of the queue; one that waits already stays where it is.

    Raises:
        RunFolderError: it is complete, is being worked on, cannot be read, or lies elsewhere.
        OSError: its folder cannot be written.
    """
    folder.read_spec()  # what cannot be started is to be told now, and not when its turn has come
    if not lies_in(workspace, folder):
        raise RunFolderError(
            "elsewhere",
            f"The run “{folder.title()}” does not lie in this workspace, so it cannot wait in its queue.",
            f"It lies in {folder.path.resolve()}.",
            "Start it by hand, or move its folder into the workspace.",
        )
    mark_lost(folder)
    lock = RunLock(folder.lock_file)
    if not lock.take():
        raise _busy(folder)
    try:
        fold = fold_events(folder.events_file)
        if fold.place is not None:
            return
        if fold.ended is not None and fold.ended.outcome == "completed":
            raise RunFolderError(
                "already-completed",
                f"The run “{folder.title()}” is complete; there is nothing to go on with.",
                "Only runs that are not finished can wait.",
                "Use its settings for a new run.",
            )
        queue = queue_of(list_runs(workspace))
        place = _between(queue[-1].fold.place if queue else None, None)
        _say(folder, RunQueued(place=place, attempts=fold.attempts, seal=seal(workspace, folder.id)))
    finally:
        lock.release()


def take_out(folder: RunFolder) -> None:
    """Let a run wait no longer; it stays as it is otherwise.

    Raises:
        OSError: its folder cannot be written.
    """
    if fold_events(folder.events_file).place is not None:
        _say(folder, RunUnqueued())


def move(workspace: Path, folder: RunFolder, index: int) -> None:
    """Give a waiting run another place: ``index`` among those that wait, from 0; beyond the end is the end.

    Raises:
        RunFolderError: it does not wait.
        OSError: a folder cannot be written.
    """
    order = queue_of(list_runs(workspace))
    mine = next((summary for summary in order if summary.folder.id == folder.id), None)
    if mine is None:
        raise not_waiting(folder)
    others = [summary for summary in order if summary is not mine]
    index = max(0, min(index, len(others)))
    before = others[index - 1].fold.place if index else None
    after = others[index].fold.place if index < len(others) else None
    place = _between(before, after)
    if (before is None or before < place) and (after is None or place < after):
        _say(folder, _queued(workspace, mine, place))
        return
    for number, summary in enumerate([*others[:index], mine, *others[index:]]):  # there is no number in between
        _say(summary.folder, _queued(workspace, summary, float(number)))


def give_up(folder: RunFolder, why: Ending | RunFolderError) -> None:
    """Record that a run could not be started when its turn had come: it failed, and waits no longer.

    Raises:
        OSError: its folder cannot be written.
    """
    fold = fold_events(folder.events_file)
    if fold.place is None:
        return
    _say(
        folder,
        Problem(severity="error", code=why.code, title=why.title, detail=why.detail, hint=why.hint),
        RunEnded(outcome="failed", step=fold.latest.step),
    )


def is_kept(workspace: Path) -> bool:
    """Tell whether the process that starts what waits is there."""
    return is_held(workspace / LOCK_NAME)


def keep_going(workspace: Path) -> None:
    """Start the process that starts what waits, unless it is there. Several may be started at once; one stays.

    Raises:
        OSError: it could not be started.
    """
    if is_kept(workspace):
        return
    command = [training_python(), "-P", "-m", "orpo_studio.runner", KEEP_QUEUE, str(workspace)]
    leave_going(start_detached(command, workspace, workspace / LOG_NAME))


def lies_in(workspace: Path, folder: RunFolder) -> bool:
    """Tell whether a run's folder itself lies in the workspace, and not a link to some other place."""
    return folder.path.resolve().parent == (workspace / "runs").resolve()


def is_alone(folder: RunFolder) -> bool:
    """Tell whether nobody works on another run beside this one.

    Of two that hold their own lock and then ask this at once, one at most hears yes.
    """
    others = (RunFolder(path) for path in folder.path.parent.iterdir() if path.name != folder.id)
    return not any(is_held(other.lock_file) for other in others)


def not_waiting(folder: RunFolder) -> RunFolderError:
    """Return the error that tells that a run does not wait."""
    return RunFolderError(
        "not-waiting",
        f"The run “{folder.title()}” does not wait in the queue.",
        "It was never added, was taken out, or has been started.",
        "List the queue with: orpo-studio queue list",
    )


def ordinal(number: int) -> str:
    """Return a place in words: ``1st``, ``2nd``, ``11th``."""
    if number % 100 in {11, 12, 13}:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def require_sealed(workspace: Path, summary: RunSummary) -> None:
    """Refuse to start a run that was not put into the queue here.

    Raises:
        RunFolderError: it was put there elsewhere, or by its folder's own word.
    """
    if not is_sealed(workspace, summary.folder.id, summary.fold.queue_seal):
        raise RunFolderError(
            "not-queued-here",
            f"The run “{summary.title}” was not started by itself: it was not put into the queue here.",
            "Its folder says that it waits, and came with these words from another workspace.",
            "Look at its settings. If they are what you want, start it or add it to the queue.",
        )


def _queued(workspace: Path, summary: RunSummary, place: float) -> RunQueued:
    """Return the word that a waiting run has another place; one that was not put there here stays so."""
    ours = is_sealed(workspace, summary.folder.id, summary.fold.queue_seal)
    sealed = seal(workspace, summary.folder.id) if ours else ""
    return RunQueued(place=place, attempts=summary.fold.attempts, seal=sealed)


def _between(before: float | None, after: float | None) -> float:
    if before is None:
        return 0.0 if after is None else after - 1.0
    return before + 1.0 if after is None else before + (after - before) / 2


def _say(folder: RunFolder, *events: Event) -> None:
    with EventLog(folder.events_file) as log:
        for event in events:
            log.append(event)


def _busy(folder: RunFolder) -> RunFolderError:
    return RunFolderError(
        "already-running",
        f"The run “{folder.title()}” is already being worked on, so it does not have to wait.",
        "It is in use from this window, another one or a terminal.",
        "Wait until it ends, or stop it first.",
    )
