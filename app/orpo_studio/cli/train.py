"""``orpo-studio train``: make a run, or go on with one, and follow it to its end."""

import argparse
from pathlib import Path
from typing import Any

from orpo_studio.cli.follow import Followed, work
from orpo_studio.cli.output import Output
from orpo_studio.cli.preflight import look, require_room
from orpo_studio.cli.queue import let_wait, require_free_card
from orpo_studio.cli.settings import specification
from orpo_studio.cli.words import CommandError, ErrorWords
from orpo_studio.paths import default_workspace
from orpo_studio.runs import Job, RunFolder, create_run, find_run, summarize
from orpo_studio.words import duration


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Do it; returns the exit code."""
    workspace = arguments.workspace or default_workspace()
    if arguments.resume is not None:
        _require_nothing_else(arguments)
        return go_on(workspace, find_run(workspace, arguments.resume), arguments, output)
    spec, advice = specification(arguments)
    for issue in advice:
        output.say(f"Note: {issue.name}: {issue.message}")
    require_free_card(workspace, arguments)
    card, prepared = look(spec, output)
    require_room(spec, card, prepared, workspace, output)
    return _train(workspace, create_run(workspace, spec), arguments, output)


def go_on(workspace: Path, folder: RunFolder, arguments: argparse.Namespace, output: Output) -> int:
    """Resume a run from its last checkpoint and follow it, or let it wait. Returns the exit code.

    Raises:
        CommandError: it is complete, something is in its way, or it could not be started.
    """
    if summarize(folder).state == "completed":
        words = ErrorWords(
            "already-completed",
            f"The run {folder.id} is complete; there is nothing to go on with.",
            hint=f"Repeat it as a new run with: orpo-studio train {folder.spec_file}",
        )
        raise CommandError(words, run=folder.id)
    require_free_card(workspace, arguments, but=folder)
    return _train(workspace, folder, arguments, output)


def _train(workspace: Path, folder: RunFolder, arguments: argparse.Namespace, output: Output) -> int:
    if arguments.queue:
        return let_wait(workspace, folder, output)
    output.say(f"Run {folder.id} in {folder.path}")
    seen = work(folder, Job.TRAIN, output)
    result = finished(folder, seen)
    output.say(_in_a_line(result))
    output.result(result)
    return 0


def finished(folder: RunFolder, seen: Followed) -> dict[str, Any]:
    """Return the result of a training for a program."""
    summary = summarize(folder)
    return {
        "run": folder.id,
        "state": summary.state,
        "folder": folder.path,
        "adapter": folder.adapter,
        "seconds": round(seen.state.latest.seconds, 3),
        "figures": summary.figures(),
    }


def _require_nothing_else(arguments: argparse.Namespace) -> None:
    others = {name: getattr(arguments, name) for name in ("file", "model", "data", "recipe", "max_steps", "name")}
    given = [name for name, value in others.items() if value is not None] + arguments.settings
    if given:
        words = ErrorWords(
            "usage",
            "A resumed run keeps its settings.",
            f"Given besides --resume: {', '.join(given)}.",
            "Leave them out.",
        )
        raise CommandError(words, exit_code=2)


def _in_a_line(result: dict[str, Any]) -> str:
    steps = result["figures"]["step"]
    if result["state"] == "paused":
        return f"Paused after {steps} steps. Go on with: orpo-studio resume {result['run']}"
    end = "Stopped and saved" if result["state"] == "stopped" else "Done"
    return f"{end}: {steps} steps in {duration(result['seconds'])}. The adapter lies in {result['adapter']}"
