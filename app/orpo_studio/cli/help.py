"""``orpo-studio help``: the program's help texts, and the reference of all settings made from the schema."""

import argparse

from rich.console import Console
from rich.markdown import Markdown

from orpo_studio.cli.output import Output
from orpo_studio.cli.words import CommandError, ErrorWords
from orpo_studio.config.option import did_you_mean
from orpo_studio.help_topics import topic_text, topics


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Do it; returns the exit code."""
    if arguments.topic is None:
        found = topics()
        output.say("Topics, each shown by: orpo-studio help TOPIC\n")
        for name, title in found.items():
            output.say(f"  {name:<18}{title}")
        output.result({"topics": found})
        return 0
    text = _known_topic(arguments.topic)
    if not output.as_json:
        Console(file=output.stream, highlight=False).print(Markdown(text))
    output.result({"topic": arguments.topic, "markdown": text})
    return 0


def _known_topic(name: str) -> str:
    known = topics()
    if name not in known:
        words = ErrorWords(
            "no-such-topic", f"There is no help on “{name}”.{did_you_mean(name, known)}", f"Topics: {', '.join(known)}."
        )
        raise CommandError(words, exit_code=2)
    return topic_text(name)
