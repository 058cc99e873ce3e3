"""``orpo-studio watch``: follow a run that goes on elsewhere."""

import argparse

from orpo_studio.cli.follow import watch
from orpo_studio.cli.output import Output
from orpo_studio.cli.queue import await_turn
from orpo_studio.cli.train import finished
from orpo_studio.paths import default_workspace
from orpo_studio.runs import find_run


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Do it; returns the exit code."""
    folder = find_run(arguments.workspace or default_workspace(), arguments.run)
    newer = folder.read_to_look_at().newer
    if newer is not None:
        output.say(f"{newer.title} {newer.hint}")
    else:
        await_turn(folder, output)
    seen = watch(folder, output)
    result = finished(folder, seen)
    if seen.end is None:
        output.say(f"The run {folder.id} goes on without being watched.")
    else:
        output.say(f"The run {folder.id} is {result['state']}. It lies in {folder.path}")
    output.result(result)
    return 0
