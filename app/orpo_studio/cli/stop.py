"""``orpo-studio stop``: ask a run to end after its present step, saved."""

import argparse

from orpo_studio.cli.output import Output
from orpo_studio.cli.words import CommandError, ErrorWords
from orpo_studio.paths import default_workspace
from orpo_studio.runs import ask, find_run, is_held, summarize


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Do it; returns the exit code."""
    folder = find_run(arguments.workspace or default_workspace(), arguments.run)
    if not is_held(folder.lock_file):
        words = ErrorWords(
            "not-running",
            f"Nothing is going on in the run {folder.id}, so there is nothing to stop.",
            f"Its state is: {summarize(folder).state}.",
        )
        raise CommandError(words, run=folder.id)
    ask(folder, "stop")
    output.say(f"The run {folder.id} will stop after its present step and save.")
    output.say(f"Follow it with: orpo-studio watch {folder.id}")
    output.result({"run": folder.id, "state": "stopping", "folder": folder.path})
    return 0
