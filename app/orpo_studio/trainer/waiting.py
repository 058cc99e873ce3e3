"""Saving the result of hours to a disk that may have no room for it: where the person chose so, it waits for room."""

import time
from collections.abc import Callable

from orpo_studio.events import Problem, Stage, StopRequested
from orpo_studio.events.state import RESULT_WAITS
from orpo_studio.fit.disk import SMALL_BYTES
from orpo_studio.runs.room import free_bytes
from orpo_studio.trainer.context import JobContext
from orpo_studio.trainer.problems import TrainerProblem, is_disk_full
from orpo_studio.trainer.saving import NotSavedError, cannot_write, make_room, require_room

_LOOK_SECONDS = 1.0
"""Between two looks at the disk while waiting."""
_AGAIN_SECONDS = 30.0
"""A new try is made at least so often, since not everything that is in the way shows as room."""


def save_or_say_why(context: JobContext, needed: int, save: Callable[[], None]) -> None:
    """Save a result.

    Args:
        context: the job.
        needed: bytes that the result takes at least.
        save: writes it whole or not at all.

    Raises:
        TrainerProblem: it cannot be written, with what the run can go on from.
    """
    unsaved = _try(context, needed, save)
    if unsaved is not None:
        raise _problem(unsaved)


def save_or_wait(context: JobContext, needed: int, save: Callable[[], None], *, step: int) -> bool:
    """Save a result; where the disk does not take it, wait until it does, or until a stop is wanted.

    Args:
        context: the job.
        needed: bytes that the result takes at least.
        save: writes it whole or not at all.
        step: the last step that was made.

    Returns:
        Whether it was saved; not where a pause was wanted and the checkpoint of this step is all that going on takes.

    Raises:
        TrainerProblem: the run was to end before it could be written.
    """
    said = False
    while (unsaved := _try(context, needed, save)) is not None:
        if not said:
            said = True
            context.say(_warning(unsaved, step))
            context.say(Stage(name=RESULT_WAITS, title="Wait until the result can be saved"))
        if not _room_again(context, unsaved):
            is_pause = context.only_pause_wanted() and unsaved.last == step
            context.say(StopRequested(step=step, to_pause=is_pause))
            context.forget_stop()
            if is_pause:
                return False
            raise _problem(unsaved)
    if said:
        context.say(Stage(name="save", title="Save the result"))
    return True


def _try(context: JobContext, needed: int, save: Callable[[], None]) -> NotSavedError | None:
    """Save, older checkpoints being deleted where room is short. Returns why it did not work, if it did not."""
    home = context.folder.checkpoints
    while True:
        try:
            require_room(context.folder.path, needed)
            save()
        except Exception as error:
            if not cannot_write(error):
                raise
            if not is_disk_full(error) or not make_room(home, needed):
                return NotSavedError(error, home, needed + SMALL_BYTES)
        else:
            return None


def _room_again(context: JobContext, unsaved: NotSavedError) -> bool:
    """Wait for the next try. Returns False when a stop is wanted instead."""
    again = time.monotonic() + _AGAIN_SECONDS
    while time.monotonic() < again:
        if context.stop_wanted():
            return False
        time.sleep(_LOOK_SECONDS)
        context.beat()  # waiting is no silence
        free = free_bytes(unsaved.home)
        by_room = unsaved.is_full and not unsaved.may_be_a_quota
        if by_room and free is not None and free >= unsaved.needed:
            break
    return True


def _warning(unsaved: NotSavedError, step: int) -> Problem:
    ended = (
        "A pause frees its memory and loses nothing: resumed, the run saves its result."
        if unsaved.last == step
        else "A run that is ended before has to train again what no checkpoint holds."
    )
    return Problem(
        severity="warning",
        code="waiting-for-room",
        title="The training is done, and its result cannot be saved yet.",
        detail=unsaved.in_full,
        hint=f"{unsaved.remedy}: the result waits in memory, and is saved as soon as the disk takes it. {ended}",
    )


def _problem(unsaved: NotSavedError) -> TrainerProblem:
    return TrainerProblem(
        "result-not-saved",
        "The result could not be saved.",
        detail=unsaved.in_full,
        hint=f"{unsaved.remedy}, then resume the run.",
    )
