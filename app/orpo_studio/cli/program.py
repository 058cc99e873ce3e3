"""The entry of the terminal: reads the command line, does the command, tells the outcome."""

import argparse
import errno
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module

from orpo_studio.cli.arguments import parse
from orpo_studio.cli.output import Output
from orpo_studio.cli.words import CommandError, ErrorWords
from orpo_studio.config import NewerSchemaError, OptionError, SpecError
from orpo_studio.in_words import InWords
from orpo_studio.paths import cache_folder

Command = Callable[[argparse.Namespace, Output], int]
"""Does a command and returns the exit code."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``orpo-studio`` with these arguments (by default the process's own) and return the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a captured stream has no encoding to change
            stream.reconfigure(errors="replace")
    output = Output(as_json="--json" in argv)
    try:
        return _run(argv, output)
    except KeyboardInterrupt:
        output.error(CommandError(ErrorWords("interrupted", "Interrupted.")))
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - flushed once more at exit
        return 1
    except Exception as error:  # noqa: BLE001 - the process's outermost boundary: every end is told in words
        failure = in_words(error)
        output.error(failure)
        return failure.exit_code


def _run(argv: Sequence[str], output: Output) -> int:
    arguments = parse(argv)
    if arguments.command is None:
        from orpo_studio.__main__ import open_window

        return open_window([word for word in argv if word != "--json"])
    # Each command lives in a module of its name and is imported only when it is asked for.
    command: Command = import_module(f"orpo_studio.cli.{arguments.command}").run
    return command(arguments, output)


def in_words(error: Exception) -> CommandError:
    """Return any error as one to tell the person; what was not foreseen is kept whole in a file."""
    if isinstance(error, CommandError):
        return error
    if isinstance(error, InWords):
        return CommandError(ErrorWords(error.code, error.title, error.detail, error.hint))
    if isinstance(error, NewerSchemaError):
        return CommandError(ErrorWords("newer-version", "This file was made by a newer ORPO Studio.", str(error)))
    if isinstance(error, SpecError):
        return CommandError(ErrorWords("bad-specification", "The settings cannot be used.", str(error)))
    if isinstance(error, OptionError):
        return CommandError(ErrorWords("bad-option", str(error), hint="See: orpo-studio train --help"), exit_code=2)
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        hint = "Make room on it, then do it again. What was complete is kept."
        return CommandError(ErrorWords("disk-full", "The disk is full.", f"{error}.", hint))
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return CommandError(
            ErrorWords(
                "file-problem",
                "A file or folder could not be used.",
                f"{where}{error.strerror or error}.",
                "Check that the place exists, that it may be written, and that the disk has room.",
            )
        )
    return CommandError(
        ErrorWords(
            "internal",
            "Something went wrong in ORPO Studio itself.",
            f"{type(error).__name__}: {error}",
            f"Runs are not affected: they live in processes of their own. {_keep(error)}",
        )
    )


def _keep(error: Exception) -> str:
    log = cache_folder() / "terminal.log"
    text = "".join(traceback.format_exception(error))
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text, encoding="utf-8")
    except OSError:
        return "The details could not be kept on disk."
    return f"The details are in {log}."
