"""What can be typed behind ``orpo-studio queue``, and what to do where a run cannot start at once."""

import argparse

from orpo_studio.cli.shared_arguments import sentence

ACTIONS = {
    "list": "tell which runs wait, in their order, and why",
    "add": "let a run wait at the end: one that is new, paused, stopped, failed or lost",
    "remove": "let a run wait no longer; the run stays",
    "up": "let a run start before the one in front of it",
    "down": "let a run start after the one behind it",
    "clear": "let no run wait any longer; the runs stay",
    "start-anyway": "start a waiting run at once, whatever is in its way",
}
"""What can be done with the queue, each with its description."""


def add_queue_actions(
    queue: argparse.ArgumentParser,
    common: argparse.ArgumentParser,
    parser_class: type[argparse.ArgumentParser],
    run_help: str,
) -> None:
    """Declare the actions and their arguments."""
    actions = queue.add_subparsers(metavar="ACTION", dest="action", parser_class=parser_class)
    for name, words in ACTIONS.items():
        action = actions.add_parser(name, help=words, description=sentence(words), parents=[common])
        if name not in {"list", "clear"}:
            action.add_argument("run", metavar="RUN", help=run_help)


def when_busy_arguments(command: argparse.ArgumentParser) -> None:
    """Declare what to do while another run, or another program, has the card."""
    either = command.add_mutually_exclusive_group()
    either.add_argument(
        "--queue",
        action="store_true",
        default=False,
        help="let the run wait in the queue; it starts by itself when the card is free",
    )
    either.add_argument(
        "--anyway", action="store_true", default=False, help="start at once, even while the card is held by others"
    )
