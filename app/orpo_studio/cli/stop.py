"""``orpo-studio stop``: ask a run to end after its present step, saved, or end it at once."""

import argparse

from orpo_studio.cli.output import Output
from orpo_studio.cli.words import CommandError, ErrorWords
from orpo_studio.paths import default_workspace
from orpo_studio.runs import RunFolder, ask, find_run, is_held, summarize
from orpo_studio.runs.folder import made_by_newer
from orpo_studio.runs.force import end_now
from orpo_studio.runs.live_words import loss_of_waiting_result, lost_by_ending


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Do it; returns the exit code."""
    folder = find_run(arguments.workspace or default_workspace(), arguments.run)
    if not is_held(folder.lock_file):
        raise _not_running(folder)
    if folder.is_newer():
        raise made_by_newer(folder, "How it is stopped may have changed since.")
    if arguments.now:
        _end_now(folder, output)
    elif lost := loss_of_waiting_result(summarize(folder).fold):
        raise _result_waits(folder, lost)
    else:
        ask(folder, "stop")
        output.say(f"The run {folder.id} will stop after its present step and save.")
        output.say(f"Follow it with: orpo-studio watch {folder.id}")
        output.say(f"If it does not answer, end it without saving: orpo-studio stop --now {folder.id}")
        output.result({"run": folder.id, "state": "stopping", "folder": folder.path})
    return 0


def _end_now(folder: RunFolder, output: Output) -> None:
    lost = lost_by_ending(summarize(folder).fold)
    match end_now(folder):
        case "not-running":
            raise _not_running(folder)
        case "ended":
            output.say(f"The run {folder.id} was ended.")
        case "asked":
            output.say(f"The run {folder.id} is told to end without saving. {lost}")
            output.say(f"Follow it with: orpo-studio watch {folder.id}")
    output.result({"run": folder.id, "state": summarize(folder).state, "folder": folder.path})


def _result_waits(folder: RunFolder, lost: str) -> CommandError:
    words = ErrorWords(
        "result-waits",
        f"The run {folder.id} was not stopped: its result is not saved yet.",
        lost,
        f"Make room on the disk, or give the result up: orpo-studio stop --now {folder.id}",
    )
    return CommandError(words, run=folder.id)


def _not_running(folder: RunFolder) -> CommandError:
    words = ErrorWords(
        "not-running",
        f"Nothing is going on in the run {folder.id}, so there is nothing to stop.",
        f"Its state is: {summarize(folder).state}.",
    )
    return CommandError(words, run=folder.id)
