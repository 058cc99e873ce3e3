"""``orpo-studio data margins``: ask a base model which answer of each pair it finds likelier."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orpo_studio import paths
from orpo_studio.cli.follow import Followed, follow_job
from orpo_studio.cli.output import Output
from orpo_studio.cli.settings import specification
from orpo_studio.cli.words import CommandError, ErrorWords
from orpo_studio.config import RunSpec
from orpo_studio.events import MarginsFinished
from orpo_studio.runs import Job, RunFolder
from orpo_studio.runs.margins import explain_margins, make_margins_folder, remove_margins_folder
from orpo_studio.words import count

if TYPE_CHECKING:
    from orpo_studio.data.pages import PairPages
    from orpo_studio.data.prepared import PreparedData

_PAGE = 1_024
_LOWEST = 10
"""Pairs with the lowest margins that are named: the first to read."""


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Do it; returns the exit code."""
    spec = _specification(arguments)
    checked = _numbers(arguments.checked)
    data = _prepared(spec)
    folder = make_margins_folder(spec)
    try:
        seen = follow_job(
            folder,
            Job.MARGINS,
            output,
            "Stopping. What was measured is kept.",
            pairs=str(data.folder),
            sample=arguments.sample,
        )
        found = _result(folder, seen)
    finally:
        remove_margins_folder(folder, None)
    _tell(data, found, checked, output)
    return 0


def _specification(arguments: argparse.Namespace) -> RunSpec:
    named = {"model": arguments.model, "data": arguments.source, "settings": arguments.settings}
    spec, _advice = specification(argparse.Namespace(file=None, recipe=None, name=None, max_steps=None, **named))
    return spec


def _numbers(path: Path | None) -> frozenset[int]:
    """Return the source rows in a file.

    Raises:
        CommandError: it holds something else.
        OSError: it cannot be read.
    """
    if path is None:
        return frozenset()
    try:
        return frozenset(map(int, path.read_text(encoding="utf-8").split()))
    except ValueError as error:
        words = ErrorWords(
            "not-row-numbers",
            "The checked pairs cannot be read.",
            f"{path}: {error}.",
            "Write the source row of each checked pair on a line of its own, counted from 1.",
        )
        raise CommandError(words, exit_code=2) from None


def _prepared(spec: RunSpec) -> "PreparedData":
    from orpo_studio.data.conversion import prepare_plan
    from orpo_studio.data.plan import plan_of
    from orpo_studio.models.card import inspect_model
    from orpo_studio.runs.inputs import model_folder

    inspect_model(model_folder(spec.model.path))  # what is wrong with it is to be told before anything is made
    return prepare_plan(plan_of(spec.data, spec.recipe.max_length, spec.model.path), paths.cache_folder() / "data")


def _result(folder: RunFolder, seen: Followed) -> MarginsFinished:
    """Return what the job said.

    Raises:
        CommandError: it failed, or was stopped.
    """
    ending = None if seen.interrupts and seen.end is None else explain_margins(folder, seen.end, seen.error)
    if ending is not None:
        raise CommandError(ErrorWords(ending.code, ending.title, ending.detail, ending.hint))
    if seen.state.margins is None:
        words = ErrorWords(
            "interrupted",
            "Stopped before all pairs were measured.",
            hint="What was measured is kept: the same command goes on from there.",
        )
        raise CommandError(words, exit_code=130)
    return seen.state.margins


def _rows_of(source_rows: frozenset[int], pages: "PairPages") -> list[int]:
    starts = range(0, len(pages), _PAGE)
    pairs = enumerate(pair for start in starts for pair in pages.page(start, _PAGE))
    return [row for row, pair in pairs if pair.source_row in source_rows]


def _tell(data: "PreparedData", found: MarginsFinished, checked: frozenset[int], output: Output) -> None:
    from orpo_studio.data.margins_estimate import judge_margins
    from orpo_studio.data.margins_file import read_margins_file

    known = read_margins_file(Path(found.file))
    margins = known.in_order()
    asked, unknown = len(known.rows), sum(logps is None for logps in known.rows.values())
    with data.pages() as pages:
        verdict = judge_margins(margins, checked=_rows_of(checked, pages) if checked else ())
        ranked = sorted((margin, row) for row, margin in enumerate(margins) if margin is not None)[:_LOWEST]
        lowest = [(pages.pair(row), row, margin) for margin, row in ranked]
    output.say(f"{count(asked)} of {count(known.total)} pairs were asked about, drawn by chance.")
    if unknown:
        output.say(f"Of {count(unknown)} nothing is known: their prompt leaves no room for an answer.")
    for sentence in verdict.in_words() if verdict is not None else ():
        output.say(sentence)
    output.say("The lowest margins, to read first:")
    several = len(data.summary.sources) > 1
    for pair, _row, margin in lowest:
        file, odds = f"{pair.file}, " if several else "", f"{margin:+.3f}".replace("-", "−")
        output.say(f"  {file}row {pair.source_row}: log-odds {odds}")
    result: dict[str, Any] = {"file": found.file, "asked": asked, "unknown": unknown, "total": known.total}
    if verdict is not None:
        result |= asdict(verdict)
    result["lowest"] = [
        {"file": pair.file, "source_row": pair.source_row, "row": row, "margin": margin} for pair, row, margin in lowest
    ]
    output.result(result)
