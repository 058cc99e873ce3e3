"""``orpo-studio train``: make a run, or go on with one, and follow it to its end."""

import argparse
from typing import Any

from orpo_studio.cli.follow import Followed, work
from orpo_studio.cli.output import Output
from orpo_studio.cli.preflight import look, require_room
from orpo_studio.cli.settings import specification
from orpo_studio.cli.words import CommandError, ErrorWords
from orpo_studio.paths import default_workspace
from orpo_studio.runs import Job, RunFolder, create_run, find_run, summarize
from orpo_studio.words import duration


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Do it; returns the exit code."""
    workspace = arguments.workspace or default_workspace()
    if arguments.resume is not None:
        folder = _to_resume(arguments, find_run(workspace, arguments.resume))
    else:
        spec, advice = specification(arguments)
        for issue in advice:
            output.say(f"Note: {issue.name}: {issue.message}")
        card, prepared = look(spec, output)
        require_room(spec, card, prepared, workspace, output)
        folder = create_run(workspace, spec)
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


def _to_resume(arguments: argparse.Namespace, folder: RunFolder) -> RunFolder:
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
    if summarize(folder).state == "completed":
        words = ErrorWords(
            "already-completed",
            f"The run {folder.id} is complete; there is nothing to go on with.",
            hint=f"Repeat it as a new run with: orpo-studio train {folder.spec_file}",
        )
        raise CommandError(words, run=folder.id)
    return folder


def _in_a_line(result: dict[str, Any]) -> str:
    end = "Stopped and saved" if result["state"] == "stopped" else "Done"
    steps = result["figures"]["step"]
    return f"{end}: {steps} steps in {duration(result['seconds'])}. The adapter lies in {result['adapter']}"
