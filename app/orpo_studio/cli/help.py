"""``orpo-studio help``: the program's help texts, and the reference of all settings made from the schema."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from orpo_studio.cli.output import Output
from orpo_studio.cli.words import CommandError, ErrorWords
from orpo_studio.config import reference
from orpo_studio.config.option import did_you_mean
from orpo_studio.paths import resources

SETTINGS = "settings"
"""The topic that is made and not written."""


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Do it; returns the exit code."""
    if arguments.topic is None:
        found = {name: _title(topic(name)) for name in topics()}
        output.say("Topics, each shown by: orpo-studio help TOPIC\n")
        for name, title in found.items():
            output.say(f"  {name:<18}{title}")
        output.result({"topics": found})
        return 0
    text = topic(arguments.topic)
    if not output.as_json:
        Console(file=output.stream, highlight=False).print(Markdown(text))
    output.result({"topic": arguments.topic, "markdown": text})
    return 0


def topics() -> list[str]:
    """Return the names of the topics."""
    return [*sorted(path.stem for path in _folder().glob("*.md")), SETTINGS]


def topic(name: str) -> str:
    """Return a topic as Markdown.

    Raises:
        CommandError: there is none of this name.
    """
    if name == SETTINGS:
        return reference.markdown()
    known = topics()
    if name not in known:
        words = ErrorWords(
            "no-such-topic", f"There is no help on “{name}”.{did_you_mean(name, known)}", f"Topics: {', '.join(known)}."
        )
        raise CommandError(words, exit_code=2)
    return (_folder() / f"{name}.md").read_text(encoding="utf-8")


def _folder() -> Path:
    return resources() / "help"


def _title(text: str) -> str:
    return text.partition("\n")[0].lstrip("# ")
