"""What the arguments of several commands share."""

import argparse
from pathlib import Path

from orpo_studio.paths import expand


def folder(text: str) -> Path:
    """Return the absolute path of a folder that was typed."""
    return expand(text).absolute()


def sentence(text: str) -> str:
    """Return a description as a sentence."""
    return f"{text[:1].upper()}{text[1:]}."


def settings_argument(parser: argparse.ArgumentParser) -> None:
    """Let any option be set by its name."""
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="set any option listed below; may be given again",
    )
