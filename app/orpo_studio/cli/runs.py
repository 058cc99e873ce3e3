"""``orpo-studio runs``: the list of runs, newest first."""

import argparse
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orpo_studio.cli.output import Output
from orpo_studio.cli.words import figure
from orpo_studio.paths import default_workspace
from orpo_studio.runs import RunSummary, list_runs
from orpo_studio.runs.queue import ordinal
from orpo_studio.words import percent, printable


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Do it; returns the exit code."""
    workspace = arguments.workspace or default_workspace()
    summaries = list_runs(workspace)
    if not output.as_json:
        _show(summaries, output, str(workspace))
    output.result({"runs": [_entry(summary) for summary in summaries]})
    return 0


def _entry(summary: RunSummary) -> dict[str, Any]:
    spec = summary.spec
    entry: dict[str, Any] = {
        "id": summary.folder.id,
        "state": summary.state,
        "folder": summary.folder.path,
        "figures": summary.figures(),
        "title": summary.title,
    }
    if spec is not None:
        entry |= {"model": spec.model.path, "data": spec.data.source, "lambda": spec.recipe.lambda_}
    if summary.place:
        entry["place"] = summary.place
    if summary.problem is not None:
        entry["problem"] = {"code": summary.problem.code, "title": summary.problem.title, "hint": summary.problem.hint}
    return entry


def _show(summaries: list[RunSummary], output: Output, workspace: str) -> None:
    if not summaries:
        output.say(f"There are no runs in {workspace} yet. Make the first with: orpo-studio demo")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("run", no_wrap=True)
    for heading in ("state", "λ", "model", "data", "steps", "loss", "accuracy"):
        table.add_column(heading, justify="right" if heading in {"λ", "steps", "loss", "accuracy"} else "left")
    for summary in summaries:
        table.add_row(*(Text(printable(cell)) for cell in _row(summary)))
    console = Console(file=output.stream, highlight=False)
    console.print(table)
    for summary in summaries:
        if summary.problem is not None:
            console.print(Text(printable(f"{summary.problem.title} {summary.problem.hint}")), soft_wrap=True)


def _row(summary: RunSummary) -> list[str]:
    spec, figures = summary.spec, summary.figures()
    described = ["", "", ""]
    if spec is not None:
        described = [f"{spec.recipe.lambda_:g}", _last(spec.model.path), _last(spec.data.source)]
    steps = f"{figures['step']}/{figures['total_steps']}" if figures["total_steps"] else ""
    loss = figure(figures["loss"]) if "loss" in figures else ""
    shares = [figures.get(f"reward_accuracy_{moment}") for moment in ("before", "after")]
    accuracy = " → ".join(percent(share) for share in shares if share is not None)
    return [summary.folder.id, _state(summary), *described, steps, loss, accuracy]


def _state(summary: RunSummary) -> str:
    """Return the state with what else must be known of it."""
    fold = summary.fold
    if summary.place:
        return f"{summary.state}, {ordinal(summary.place)}"
    if fold.ended is not None:
        return f"{summary.state}, not saved" if fold.ended.forced else summary.state
    return f"{summary.state}, no progress" if fold.silent is not None else summary.state


def _last(path: str) -> str:
    return path.rstrip("/\\").replace("\\", "/").rpartition("/")[2]
