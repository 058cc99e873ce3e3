"""``orpo-studio data``: look at preference data, convert it, examine it, split it; no model is needed."""

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orpo_studio import paths
from orpo_studio.cli.output import Output
from orpo_studio.cli.settings import bad_settings, typed_values
from orpo_studio.cli.words import CommandError, ErrorWords
from orpo_studio.config import RunSpec, check
from orpo_studio.runs.inputs import model_folder

if TYPE_CHECKING:
    from orpo_studio.data.pages import Split
    from orpo_studio.data.plan import DataPlan
    from orpo_studio.data.prepared import PreparedData

_PAGE = 1_024


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Do it; returns the exit code."""
    if arguments.action == "margins":
        return int(import_module("orpo_studio.cli.data_margins").run(arguments, output))
    spec = _specification(arguments)
    return {"inspect": _inspect, "convert": _convert, "doctor": _examine, "split": _split}[arguments.action](
        spec, arguments, output
    )


def _specification(arguments: argparse.Namespace) -> RunSpec:
    """Return a specification with the source and the options that were typed; no model need be named."""
    values, unreadable = typed_values([("data.source", str(arguments.source))], arguments.settings)
    checked = check(values, to_start=False)
    seen = {issue.name for issue in unreadable}
    errors = [*unreadable, *(issue for issue in checked.errors if issue.name not in seen)]
    if errors or checked.spec is None:
        raise bad_settings(errors)
    return checked.spec


def _plan(spec: RunSpec) -> "DataPlan":
    from orpo_studio.data.plan import plan_of

    return plan_of(spec.data, spec.recipe.max_length, spec.model.path)


def _inspect(spec: RunSpec, _arguments: argparse.Namespace, output: Output) -> int:
    from orpo_studio.data.pages import cell_text
    from orpo_studio.data.peek import peek
    from orpo_studio.data.sources import describe_source, splits_of

    plan = _plan(spec)
    seen = peek(plan.portions[0], plan.mapping)
    splits = splits_of(plan.source)
    output.say(describe_source(plan.source, plan.split))
    if splits:
        output.say(f"Splits: {', '.join(splits)}")
    output.say(f"Layout: {seen.recognition.layout}")
    output.say(f"  {seen.recognition.evidence}")
    if seen.recognition.alternatives:
        output.say(f"  It could also be read as: {', '.join(seen.recognition.alternatives)}")
    if seen.set_aside:
        output.say(f"Of the first {seen.rows:,} rows {len(seen.set_aside):,} would be set aside:")
        for aside in seen.set_aside[:5]:
            output.say(f"  row {aside.source_row}: {aside.words}")
    for pair in seen.pairs[:3]:
        output.say(f"\nRow {pair.source_row}")
        for title, turns in (("prompt", pair.prompt), ("chosen", pair.chosen), ("rejected", pair.rejected)):
            for turn in turns:
                output.say(f"  {title:8}  {turn['role']}: {cell_text([turn])}")
    output.result(
        {
            "layout": seen.recognition.layout,
            "evidence": seen.recognition.evidence,
            "alternatives": list(seen.recognition.alternatives),
            "splits": list(splits),
            "rows_seen": seen.rows,
            "set_aside": [{"row": aside.source_row, "words": aside.words} for aside in seen.set_aside],
            "pairs": [_row(pair) for pair in seen.pairs[:3]],
        }
    )
    return 0


def _convert(spec: RunSpec, arguments: argparse.Namespace, output: Output) -> int:
    data = _written(_plan(spec), arguments.out, output)
    _say_counts(data, output)
    output.say(f"Written to {data.folder}: pairs.parquet, set_aside.jsonl and summary.json.")
    output.result({**_counts(data), "folder": data.folder})
    return 0


def _split(spec: RunSpec, arguments: argparse.Namespace, output: Output) -> int:
    from orpo_studio.data.conversion import prepare_plan

    out: Path = arguments.out
    _require_new(out)
    with _progress(output, "Read the data") as tell:
        data = prepare_plan(_plan(spec), paths.cache_folder() / "data", progress=tell)
    out.mkdir(parents=True, exist_ok=True)
    splits: tuple[Split, ...] = ("train", "held_out")
    with data.pages() as pages:
        for split in splits:
            with (out / f"{split}.jsonl").open("w", encoding="utf-8") as file:
                for start in range(0, pages.count(split), _PAGE):
                    for pair in pages.page(start, _PAGE, split):
                        file.write(json.dumps(_row(pair), ensure_ascii=False) + "\n")
    _say_counts(data, output)
    output.say(f"Written to {out}: train.jsonl and held_out.jsonl.")
    output.result({**_counts(data), "folder": out})
    return 0


def _examine(spec: RunSpec, arguments: argparse.Namespace, output: Output) -> int:
    from orpo_studio.data.conversion import prepare_plan

    plan = _plan(spec)
    if arguments.apply:
        if arguments.out is None:
            words = ErrorWords(
                "no-folder",
                "Where to write the new version is not said.",
                hint="Name a new folder with --out DIR. The source is never changed.",
            )
            raise CommandError(words, exit_code=2)
        data = _written(replace(plan, remedies=(*plan.remedies, *arguments.apply)), arguments.out, output)
        _say_counts(data, output)
        output.say(f"Written to {data.folder}; the source is as it was.")
    else:
        with _progress(output, "Read the data") as tell:
            data = prepare_plan(plan, paths.cache_folder() / "data", progress=tell)
    from orpo_studio.cli import data_doctor

    with _progress(output, "Examine the pairs") as tell:
        model = None if arguments.model is None else model_folder(arguments.model)
        report = data_doctor.examined(data, model, plan.max_length, tell)
    data_doctor.say(report, output)
    output.result(data_doctor.result(report))
    return 0


def _written(plan: "DataPlan", out: Path, output: Output) -> "PreparedData":
    from orpo_studio.data.conversion import convert_plan

    _require_new(out)
    with _progress(output, "Convert the data") as tell:
        return convert_plan(plan, out, progress=tell)


def _require_new(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        words = ErrorWords(
            "folder-in-use",
            "The folder to write to is in use.",
            f"{folder} is there already.",
            "Name a folder that does not exist yet, or an empty one.",
        )
        raise CommandError(words, exit_code=2)


def _counts(data: "PreparedData") -> dict[str, Any]:
    summary = data.summary
    return {
        "rows_in": summary.rows_in,
        "rows_used": summary.rows_used,
        "pairs": summary.kept,
        "train": summary.train,
        "held_out": summary.held_out,
        "set_aside": {str(reason): count for reason, count in summary.set_aside.items()},
        "layout": summary.layout,
    }


def _say_counts(data: "PreparedData", output: Output) -> None:
    from orpo_studio.data.problem import REASON_TITLES

    summary = data.summary
    for source in summary.sources:
        output.say(f"{source.name}: {source.rows_in:,} rows, {source.pairs:,} pairs. {source.evidence}")
    aside = sum(summary.set_aside.values())
    output.say(f"{summary.rows_in:,} rows = {summary.rows_used:,} used + {aside:,} set aside")
    for reason, count in sorted(summary.set_aside.items(), key=lambda item: -item[1]):
        output.say(f"  {count:>9,}  {REASON_TITLES[reason]}")
    output.say(f"{summary.kept:,} pairs = {summary.train:,} to train on + {summary.held_out:,} held out")


def _row(pair: Any) -> dict[str, Any]:
    return {"prompt": pair.prompt, "chosen": pair.chosen, "rejected": pair.rejected}


@contextmanager
def _progress(output: Output, title: str) -> Iterator[Callable[[float], None]]:
    """Show a bar on a screen, and nothing elsewhere: the outcome says all."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(file=output.stream)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=1.0)
        yield lambda share: bar.update(task, completed=share)
