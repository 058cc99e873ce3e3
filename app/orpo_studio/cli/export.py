"""``orpo-studio export``: write the adapter or the merged model, checked after it is written."""

import argparse
from pathlib import Path
from typing import Any

from orpo_studio.cli.follow import work
from orpo_studio.cli.output import Output
from orpo_studio.cli.results import require_result
from orpo_studio.cli.words import CommandError, ErrorWords, figure
from orpo_studio.config import RunSpec
from orpo_studio.models.problem import ModelProblem
from orpo_studio.paths import default_workspace
from orpo_studio.runs import Job, RunFolder, find_run, is_free
from orpo_studio.runs.inputs import model_folder
from orpo_studio.runs.room import free_bytes
from orpo_studio.words import size


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Do it; returns the exit code."""
    folder = find_run(arguments.workspace or default_workspace(), arguments.run)
    folder.read_spec()
    kind = "adapter" if arguments.adapter is not None else "merged"
    target: Path = getattr(arguments, kind)
    require_result(folder)
    _require_free(target)
    _require_room(folder, kind, target, output)
    result = export(folder, kind, target, output)
    output.result(result)
    return 0


def export(folder: RunFolder, kind: str, target: Path, output: Output) -> dict[str, Any]:
    """Export a run into a folder and return the result for a program.

    Raises:
        CommandError: it failed, in words.
    """
    seen = work(folder, Job.EXPORT, output, kind=kind, target=str(target))
    result: dict[str, Any] = {"run": folder.id, "kind": kind, kind: target}
    if seen.export is not None:
        result |= {"size_bytes": seen.export.size_bytes, "proof": seen.export.proof}
        output.say(f"{'Adapter' if kind == 'adapter' else 'Merged model'}: {target} ({size(seen.export.size_bytes)})")
        for name, value in seen.export.proof.items():
            output.say(f"  {name.replace('_', ' ')}: {figure(value)}")
    return result


def _require_free(target: Path) -> None:
    """Refuse a target that holds something already, before minutes are spent on it."""
    if not is_free(target):
        words = ErrorWords(
            "target-exists",
            "There is something at the target already.",
            f"{target} is {'a folder that is not empty' if target.is_dir() else 'a file'}.",
            "Name a new or an empty folder.",
        )
        raise CommandError(words)


def _require_room(folder: RunFolder, kind: str, target: Path, output: Output) -> None:
    """Say what the export takes of the disk, and refuse it where there is too little room."""
    needed = folder.result_bytes() if kind == "adapter" else _merged_bytes(folder.read_spec())
    free = free_bytes(target)
    if needed is None or free is None:
        return
    output.say(f"Disk: about {size(needed)} of {size(free)} free where {target} lies")
    if needed > free:
        words = ErrorWords(
            "disk-full",
            "The disk has too little room for this export.",
            f"It takes about {size(needed)}; {size(free)} are free where {target} lies.",
            "Make room there, or choose a folder on another disk.",
        )
        raise CommandError(words)


def _merged_bytes(spec: RunSpec) -> int | None:
    from orpo_studio.fit.disk import merged_bytes
    from orpo_studio.models.card import inspect_model

    try:
        return merged_bytes(spec, inspect_model(model_folder(spec.model.path)))
    except ModelProblem:  # the trainer says what is wrong with it
        return None
