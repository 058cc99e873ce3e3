"""``orpo-studio demo``: the whole line on the embedded default, ending with what it has made."""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from orpo_studio.cli.export import export
from orpo_studio.cli.follow import work
from orpo_studio.cli.output import Output
from orpo_studio.cli.results import show_answers, side_by_side
from orpo_studio.cli.settings import find_recipe
from orpo_studio.config import DEMO, RunSpec
from orpo_studio.paths import default_workspace
from orpo_studio.runs import Job, RunFolder, create_run, summarize
from orpo_studio.words import duration, percent

PICTURE_SECONDS = 120
SHOWN_ANSWERS = 2


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Do it; returns the exit code."""
    started = time.monotonic()
    folder = create_run(arguments.workspace or default_workspace(), demo_spec())
    output.say(f"Run {folder.id} in {folder.path}")
    samples = side_by_side(work(folder, Job.TRAIN, output).samples)
    merged = export(folder, "merged", folder.export / "merged", output)["merged"]
    picture = _picture(folder, output)
    result = {**_figures(folder), "run": folder.id, "folder": folder.path, "adapter": folder.adapter, "merged": merged}
    result |= {"picture": picture, "samples": samples, "seconds": round(time.monotonic() - started, 1)}
    show_answers(output, samples[:SHOWN_ANSWERS])
    _tell(result, output)
    output.result(result)
    return 0


def demo_spec() -> RunSpec:
    """Return the specification of the demo: its recipe over the defaults, on the embedded model and pairs."""
    values = find_recipe("demo").values
    return RunSpec.model_validate({**values, "name": "Demo", "model": {"path": DEMO}, "data": {"source": DEMO}})


def _figures(folder: RunFolder) -> dict[str, Any]:
    figures = summarize(folder).figures()
    names = {"accuracy": "reward_accuracy", "held_out_loss": "held_out_loss"}
    return {
        f"{short}_{moment}": figures.get(f"{name}_{moment}")
        for short, name in names.items()
        for moment in ("before", "after")
    }


def _picture(folder: RunFolder, output: Output) -> Path | None:
    """Draw the loss curves in a process of its own, since only the window's package can draw."""
    target = folder.export / "loss.png"
    command = [sys.executable, "-P", "-m", "orpo_studio.gui.picture", str(folder.path), str(target)]
    reason = ""
    try:
        drawn = subprocess.run(
            command,
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
            capture_output=True,
            timeout=PICTURE_SECONDS,
            check=False,
            text=True,
            errors="replace",
        )
        reason = (drawn.stderr.strip().splitlines() or [f"exit code {drawn.returncode}"])[-1]
        if drawn.returncode == 0 and target.is_file():
            return target
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    output.say(f"The picture of the loss curves could not be drawn: {reason}")
    return None


def _tell(result: dict[str, Any], output: Output) -> None:
    before, after = result["accuracy_before"], result["accuracy_after"]
    if before is not None and after is not None:
        output.say(f"Reward accuracy on held-out pairs: {percent(before)} before, {percent(after)} after")
    output.say(f"Time: {duration(result['seconds'])}")
    for title, key in (("Adapter", "adapter"), ("Merged model", "merged"), ("Loss curves", "picture")):
        if result[key] is not None:
            output.say(f"{title}: {result[key]}")
