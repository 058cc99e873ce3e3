"""``orpo-studio queue``: the runs that wait for the card, their order, and what is in their way."""

import argparse
import time
from pathlib import Path
from typing import Any

from orpo_studio.cli.output import Output
from orpo_studio.cli.words import CommandError, ErrorWords
from orpo_studio.paths import default_workspace
from orpo_studio.runs import RunFolder, RunSummary, find_run, launch, list_runs
from orpo_studio.runs.card import CardWatch
from orpo_studio.runs.catalogue import fold_events
from orpo_studio.runs.launch import leave_going
from orpo_studio.runs.obstacle import Obstacle, find_obstacle
from orpo_studio.runs.queue import (
    add_to_queue,
    keep_going,
    lies_in,
    move,
    not_waiting,
    ordinal,
    queue_of,
    take_out,
)

_LOOK_SECONDS = 0.5


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Do it; returns the exit code."""
    workspace = arguments.workspace or default_workspace()
    if arguments.action in {None, "list"}:
        return _list(workspace, output)
    if arguments.action == "clear":
        return _clear(workspace, output)
    folder = find_run(workspace, arguments.run)
    if arguments.action == "add":
        return let_wait(workspace, folder, output)
    place = _place(list_runs(workspace), folder)
    if not place:
        raise not_waiting(folder)
    match arguments.action:
        case "remove":
            take_out(folder)
            output.say(f"The run {folder.id} waits no longer.")
        case "start-anyway":
            leave_going(launch(folder))
            output.say(f"The run {folder.id} starts now. Follow it with: orpo-studio watch {folder.id}")
        case _:
            move(workspace, folder, place - 1 + (-1 if arguments.action == "up" else 1))
            _tell_place(workspace, folder, output)
    keep_going_if_needed(workspace)
    output.result(_result(workspace))
    return 0


def let_wait(workspace: Path, folder: RunFolder, output: Output) -> int:
    """Add a run to the queue and tell its place; returns the exit code.

    Raises:
        RunFolderError: it cannot wait.
    """
    add_to_queue(workspace, folder)
    keep_going_if_needed(workspace)
    place = _tell_place(workspace, folder, output)
    output.say("It starts by itself when its turn has come. See: orpo-studio queue list")
    output.result({"run": folder.id, "state": "waiting", "place": place, "folder": folder.path})
    return 0


def require_free_card(workspace: Path, arguments: argparse.Namespace, but: RunFolder | None = None) -> None:
    """Refuse to start a run while another one, or another program, has the card, unless that was insisted on.

    Args:
        workspace: whose runs.
        arguments: of the command: ``--queue`` or ``--anyway``.
        but: a run that is not in its own way.

    Raises:
        CommandError: something is in the way, in words.
    """
    if arguments.queue or arguments.anyway:
        return
    obstacle = _obstacle([summary for summary in list_runs(workspace) if summary.folder != but])
    if obstacle is not None:
        words = ErrorWords(
            "busy",
            "The run was not started: the graphics card is not free."
            if not obstacle.is_own
            else "The run was not started.",
            obstacle.sentence,
            "Let it wait in the queue with --queue, or start it all the same with --anyway.",
        )
        raise CommandError(words)


def await_turn(folder: RunFolder, output: Output) -> None:
    """Tell why a run waits until it is launched or taken out of the queue."""
    workspace, card, known, said = folder.path.parent.parent, CardWatch(), list[RunSummary](), ""
    while fold_events(folder.events_file).place is not None:
        known = list_runs(workspace, known)
        obstacle = find_obstacle(known, card.look())
        place = _place(known, folder)
        words = f"Waits, {ordinal(place)} in the queue" if place else "Waits"
        words += f": {obstacle.clause}." if obstacle else "."
        if words != said:
            said = words
            output.say(words)
        keep_going_if_needed(workspace)
        time.sleep(_LOOK_SECONDS)


def keep_going_if_needed(workspace: Path) -> None:
    """See that somebody starts what waits, where something does."""
    if any(lies_in(workspace, summary.folder) for summary in queue_of(list_runs(workspace))):
        keep_going(workspace)


def _list(workspace: Path, output: Output) -> int:
    summaries = list_runs(workspace)
    queue = queue_of(summaries)
    if not queue:
        output.say("No run waits. Let one wait with: orpo-studio train … --queue, or orpo-studio queue add RUN")
    for summary in queue:
        output.say(f"{ordinal(summary.place):>4}  {summary.folder.id}  {summary.title}")
    if queue:
        obstacle = _obstacle(summaries)
        output.say(f"Waits: {obstacle.clause}." if obstacle else "The first one is about to start.")
    keep_going_if_needed(workspace)
    output.result(_result(workspace))
    return 0


def _clear(workspace: Path, output: Output) -> int:
    queue = queue_of(list_runs(workspace))
    for summary in queue:
        take_out(summary.folder)
    output.say(f"{len(queue)} {'run waits' if len(queue) == 1 else 'runs wait'} no longer. They can be added again.")
    output.result(_result(workspace))
    return 0


def _place(summaries: list[RunSummary], folder: RunFolder) -> int:
    return next((summary.place for summary in summaries if summary.folder.id == folder.id), 0)


def _tell_place(workspace: Path, folder: RunFolder, output: Output) -> int:
    place = _place(list_runs(workspace), folder)
    if place:
        output.say(f"The run {folder.id} waits, {ordinal(place)} in the queue.")
    return place


def _obstacle(summaries: list[RunSummary]) -> Obstacle | None:
    return find_obstacle(summaries, CardWatch().look())


def _result(workspace: Path) -> dict[str, Any]:
    summaries = list_runs(workspace)
    obstacle = _obstacle(summaries)
    entries = [{"run": s.folder.id, "title": s.title, "folder": s.folder.path} for s in queue_of(summaries)]
    return {"queue": entries, "waits_for": obstacle.clause if obstacle and entries else ""}
