"""What can be typed behind ``orpo-studio data``."""

import argparse
from pathlib import Path

from orpo_studio.cli.shared_arguments import folder, sentence, settings_argument
from orpo_studio.config import reference

ACTIONS = {
    "inspect": "tell how a source would be read, and show its first pairs",
    "convert": "write the canonical Parquet file, and what was set aside with its reasons",
    "doctor": "examine how clean the pairs are: duplicates, contradictions, lengths, leaks and more",
    "split": "write two files, one to train on and one held out; no prompt is in both",
    "margins": "ask a base model which answer of each pair it finds likelier",
}
"""What can be done with data, each with its description."""
_SAMPLE = 2_000


def add_data_actions(
    data: argparse.ArgumentParser, common: argparse.ArgumentParser, parser_class: type[argparse.ArgumentParser]
) -> None:
    """Declare the actions and their arguments."""
    actions = data.add_subparsers(metavar="ACTION", dest="action", required=True, parser_class=parser_class)
    for name, words in ACTIONS.items():
        action = actions.add_parser(
            name,
            help=words,
            description=sentence(words),
            epilog="options for --set that matter here:\n" + reference.terminal_list("data"),
            parents=[common],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        action.add_argument("source", metavar="SOURCE", help="a file, a folder or a pattern, or “demo”")
        if name in {"convert", "split", "doctor"}:
            action.add_argument(
                "--out", type=folder, metavar="DIR", default=None, required=name != "doctor", help="a new folder"
            )
        if name == "doctor":
            _doctor_arguments(action)
        if name == "margins":
            _margins_arguments(action)
        settings_argument(action)


def _doctor_arguments(action: argparse.ArgumentParser) -> None:
    action.add_argument("--model", metavar="DIR", default=None, help="count tokens as this model does")
    action.add_argument(
        "--apply",
        action="append",
        default=[],
        metavar="REMEDY",
        help="write a new version of the data with this remedy; may be given again",
    )


def _margins_arguments(action: argparse.ArgumentParser) -> None:
    action.add_argument("--model", metavar="DIR", required=True, help="the base model's folder, or “demo”")
    action.add_argument(
        "--sample",
        type=_sample,
        default=_SAMPLE,
        metavar="N",
        help=f"how many pairs to ask about, drawn by chance: {_SAMPLE} unless said otherwise, 0 for all",
    )
    action.add_argument(
        "--checked",
        type=Path,
        default=None,
        metavar="FILE",
        help="source rows of pairs drawn by chance, read and found right, one a line: they tell how good the model is",
    )


def _sample(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number
