"""What trained runs have to show: answers side by side, and whether there is anything to work with."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orpo_studio.cli.output import Output
from orpo_studio.cli.words import CommandError, ErrorWords
from orpo_studio.events import SampleAnswer
from orpo_studio.runs import RunFolder
from orpo_studio.words import printable


def require_result(folder: RunFolder) -> None:
    """Check that a run has been trained.

    Raises:
        CommandError: it has no adapter or model yet.
    """
    if not folder.has_result():
        words = ErrorWords(
            "nothing-trained",
            f"The run {folder.id} has no trained model yet.",
            f"{folder.adapter} holds no weights.",
            f"Train it to an end, or go on with it: orpo-studio train --resume {folder.id}",
        )
        raise CommandError(words, run=folder.id)


def side_by_side(samples: Sequence[SampleAnswer]) -> list[dict[str, str]]:
    """Return the prompts with the base model's answer and the last one of the tuned model."""
    answers: dict[str, dict[str, str]] = {}
    for sample in samples:
        answers.setdefault(sample.prompt, {})[sample.source] = sample.answer
    return [
        {"prompt": prompt, "before": found["base"], "after": found["tuned"]}
        for prompt, found in answers.items()
        if found.keys() >= {"base", "tuned"}
    ]


def show_answers(output: Output, answers: Sequence[dict[str, str]]) -> None:
    """Print answers before and after side by side, each prompt above its own."""
    console = Console(file=output.stream, highlight=False)
    for answer in answers:
        table = Table(title=Text(printable(answer["prompt"]), style="bold"), title_justify="left", expand=True)
        table.add_column("before", ratio=1)
        table.add_column("after", ratio=1)
        table.add_row(*(Text(printable(answer[side].strip())) for side in ("before", "after")))
        console.print(table)


def measured(values: dict[str, float]) -> dict[str, Any]:
    """Return the figures of a measurement that people compare, under the names of a result."""
    names = {"loss": "loss", "rewards/accuracies": "reward_accuracy", "rewards/margins": "reward_margin"}
    return {word: values[name] for name, word in names.items() if name in values}
