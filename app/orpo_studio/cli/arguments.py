"""The command line: what can be typed, and what ``--help`` says of it."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from orpo_studio import __version__
from orpo_studio.cli.data_arguments import add_data_actions
from orpo_studio.cli.queue_arguments import add_queue_actions, when_busy_arguments
from orpo_studio.cli.shared_arguments import folder, sentence, settings_argument
from orpo_studio.cli.words import CommandError, ErrorWords
from orpo_studio.config import reference
from orpo_studio.config.option import did_you_mean

COMMANDS = {
    "demo": "train, measure and export the embedded demo: the whole line in a few minutes",
    "train": "train a model on preference pairs",
    "probe": "try two steps on the longest pairs: the memory and the time that a run would take",
    "data": "look at preference data, convert, examine or split it",
    "runs": "list the runs, newest first",
    "watch": "follow a run until it ends",
    "stop": "stop a run after its present step and save it",
    "pause": "save a run and end its process, so that the card is free until it is resumed",
    "resume": "go on with a run from its last checkpoint",
    "queue": "runs that wait for the card and start by themselves: list, add, remove, move, start",
    "evaluate": "measure a trained run on its held-out pairs, beside its base model",
    "export": "write a run's adapter, or the merged model",
    "doctor": "what this machine has, and what that means",
    "help": "read about the method, data, recipes and settings",
}
"""Each command with its description."""

RUN_HELP = "the run: its id, a beginning of it, “last”, or its folder"


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are told like all others; options are written in full, so that ``--json`` is seen."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise CommandError(_usage_words(message, self.prog), exit_code=2)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read a command line; ``command`` is None where the window is meant.

    Raises:
        CommandError: it makes no sense, in words.
        SystemExit: ``--help`` or ``--version`` was asked for and is printed.
    """
    arguments = _parser().parse_args(argv)
    defaults = {"workspace": None, "json": False, "command": None}
    return argparse.Namespace(**{**defaults, **vars(arguments)})


def _usage_words(message: str, prog: str) -> ErrorWords:
    hint = f"See: {prog} --help"
    unknown = re.search(r"invalid choice: '([^']*)'", message)
    if unknown and "COMMAND" in message:
        word = unknown.group(1)
        return ErrorWords("usage", f"There is no command “{word}”.{did_you_mean(word, COMMANDS)}", hint=hint)
    return ErrorWords("usage", "The command line cannot be understood.", f"{message[:1].upper()}{message[1:]}.", hint)


def _parser() -> argparse.ArgumentParser:
    # Defaults are suppressed so that an option before the command is not undone by the command's own default.
    common = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--workspace", type=folder, metavar="DIR", help="folder that holds the runs")
    common.add_argument(
        "--json", action="store_true", help="end with one JSON object on the last line of stdout, a result or an error"
    )
    parser = _Parser(
        prog="orpo-studio",
        description="Fine-tune a language model on preference pairs with ORPO. Without a command the window opens.",
        parents=[common],
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--version", action="version", version=f"orpo-studio {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", parser_class=_Parser)

    def command(name: str, epilog: str = "") -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=COMMANDS[name],
            description=sentence(COMMANDS[name]),
            epilog=epilog,
            parents=[common],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    command("demo")
    train = command("train", _train_epilog())
    _spec_arguments(train)
    train.add_argument(
        "--resume",
        metavar="RUN",
        help="go on with a stopped or lost run from its last checkpoint, instead of a new one",
    )
    _spec_arguments(command("probe", _train_epilog()))
    add_data_actions(command("data"), common, _Parser)
    command("runs")
    for name in ("watch", "pause"):
        command(name).add_argument("run", metavar="RUN", help=RUN_HELP)
    stop = command("stop")
    stop.add_argument("run", metavar="RUN", help=RUN_HELP)
    stop.add_argument(
        "--now",
        action="store_true",
        default=False,
        help="do not wait: end it without saving, and kill it where it was told so before",
    )
    resume = command("resume")
    resume.add_argument("run", metavar="RUN", help=RUN_HELP)
    for made in (train, resume):
        when_busy_arguments(made)
    add_queue_actions(command("queue"), common, _Parser, RUN_HELP)
    evaluate = command("evaluate")
    evaluate.add_argument("run", metavar="RUN", help=RUN_HELP)
    evaluate.add_argument(
        "--prompt",
        action="append",
        default=[],
        metavar="TEXT",
        help="a prompt that both models answer; may be given again",
    )
    export = command("export")
    export.add_argument("run", metavar="RUN", help=RUN_HELP)
    kind = export.add_mutually_exclusive_group(required=True)
    kind.add_argument("--adapter", type=folder, metavar="DIR", help="write the adapter (PEFT safetensors) into DIR")
    kind.add_argument("--merged", type=folder, metavar="DIR", help="write the merged model into DIR")
    command("doctor")
    command("help").add_argument("topic", nargs="?", metavar="TOPIC", help="without one, the topics are listed")
    return parser


def _spec_arguments(train: argparse.ArgumentParser) -> None:
    train.add_argument(
        "file", nargs="?", type=Path, metavar="run.toml", help="a specification to repeat or to start from"
    )
    train.add_argument("--model", metavar="DIR", help="the base model's folder, or “demo”")
    train.add_argument("--data", metavar="FILE", help="the preference pairs, or “demo”")
    train.add_argument("--recipe", metavar="NAME", help="start from a recipe (orpo-studio help recipes)")
    train.add_argument("--max-steps", metavar="N", help="train this many steps instead of epochs")
    train.add_argument("--name", metavar="TEXT", help="a name for the run")
    settings_argument(train)


def _train_epilog() -> str:
    return "options for --set, also the keys of run.toml:\n" + reference.terminal_list()
