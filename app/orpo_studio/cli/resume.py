"""``orpo-studio resume``: go on with a run from its last checkpoint, and follow it to its end."""

import argparse

from orpo_studio.cli.output import Output
from orpo_studio.cli.train import go_on
from orpo_studio.paths import default_workspace
from orpo_studio.runs import find_run


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Do it; returns the exit code."""
    workspace = arguments.workspace or default_workspace()
    return go_on(workspace, find_run(workspace, arguments.run), arguments, output)
