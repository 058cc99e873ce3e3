"""``orpo-studio pause``: ask a run to save and to end its process, so that the card is free until it is resumed."""

import argparse

from orpo_studio.cli.output import Output
from orpo_studio.cli.words import CommandError, ErrorWords
from orpo_studio.events.state import LIVE
from orpo_studio.paths import default_workspace
from orpo_studio.runs import ask, find_run, is_held, summarize


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Do it; returns the exit code."""
    folder = find_run(arguments.workspace or default_workspace(), arguments.run)
    state = summarize(folder).state
    if state not in LIVE or not is_held(folder.lock_file):
        words = ErrorWords(
            "not-training",
            f"The run {folder.id} is not training, so there is nothing to pause.",
            f"Its state is: {state}.",
        )
        raise CommandError(words, run=folder.id)
    ask(folder, "pause")
    output.say(f"The run {folder.id} will save after its present step, end its process and free the card.")
    output.say(f"Go on with: orpo-studio resume {folder.id}")
    output.result({"run": folder.id, "state": "pausing", "folder": folder.path})
    return 0
